"""The policy `schedule`: a minimum size from each time of a cron expression on.

Outside of these times the policy wants none, and others or min_workers decide. A time that the clock
skips in spring counts when it resumes; one that it repeats in autumn counts once, the first time, unless
the expression names every hour or minute (as Debian's cron has it).
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim

from autoscaler.decide.case import Case
from autoscaler.model import Recommendation, Schedule
from autoscaler.text import count, seconds

KEY = "schedule"
_MINUTE = 60.0


def recommend(settings: Schedule, case: Case) -> Recommendation:
    """The scheduled workers while it is their time, else none."""
    when = f"'{settings.cron}' ({settings.timezone}) for {seconds(settings.lasts)}"
    if is_on(settings, case.now):
        return Recommendation(KEY, settings.min_workers, f"{when}: {count(settings.min_workers)} at least")
    return Recommendation(KEY, 0, f"{when}: not now")


def is_on(settings: Schedule, now: float) -> bool:
    """Whether one of its times has come and is not over yet."""
    begun = next_time(settings, now - settings.lasts)
    return begun is not None and begun <= now


def next_time(settings: Schedule, after: float) -> float | None:
    """The first of its times behind another one; None if there is none within 50 years.

    Raises
    ------
    cronsim.CronSimError : the cron expression is none.
    zoneinfo.ZoneInfoNotFoundError : there is no such time zone.
    """
    # All times are at full minutes, so that within one minute the answer is the same.
    return _next_time(settings.cron, settings.timezone, after // _MINUTE * _MINUTE)


@lru_cache(maxsize=1024)
def _next_time(cron: str, timezone: str, after: float) -> float | None:
    zone = ZoneInfo(timezone)
    for local in CronSim(cron, datetime.fromtimestamp(after, UTC).astimezone(zone)):
        # It counts on the wall clock, which autumn sets back: such a time may have passed already.
        if local.timestamp() > after:
            return local.timestamp()
    return None
