"""Which shrinks were wrong: decided on unknown, or against what the observer counted itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chaos.ledger import Window

#: Seconds that a tick may take: what it decides on may have been seen so long before.
TICK = 6.0
#: Seconds for which a backlog must have stood before a shrink beneath it counts as wrong.
STOOD = 6.0
#: Share by which the ratio policy lets the demand miss its target.
TOLERANCE = 0.1

_LINE = re.compile(r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) \w+ (\[\d+\] )?(?P<text>.*)")
_WANTS = re.compile(r"(?P<fleet>[\w.-]+): wants (?P<wanted>\d+) workers?, has \d+ \((?P<reasons>.*)\)")
_DRAINS = re.compile(r"(?P<worker>[\w.-]+)-\d\d: draining \((?P<reason>.*)\)")


@dataclass(frozen=True, slots=True)
class Shrink:
    """A fleet's wanted size was lowered, or a drain begun."""

    at: float
    fleet: str
    #: Workers; None where a drain was begun.
    wanted: int | None
    #: As the log has them.
    reasons: str


@dataclass(frozen=True, slots=True)
class Counted:
    """What waited in a fleet's queue, as the observer saw it."""

    at: float
    ready: int


def shrinks(log: Iterable[str]) -> Iterator[Shrink]:
    """Find them in the daemon's log, oldest first."""
    wanted: dict[str, int] = {}
    for line in log:
        if not (match := _LINE.fullmatch(line.rstrip())):
            continue
        at = datetime.strptime(match["at"], "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp()
        if wants := _WANTS.fullmatch(match["text"]):
            size, fleet = int(wants["wanted"]), wants["fleet"]
            if size < wanted.get(fleet, 0):
                yield Shrink(at, fleet, size, wants["reasons"])
            wanted[fleet] = size
        elif drains := _DRAINS.fullmatch(match["text"]):
            yield Shrink(at, drains["worker"], None, drains["reason"])


def wrong(
    found: Iterable[Shrink],
    windows: Sequence[Window],
    counts: Mapping[str, Sequence[Counted]],
    tasks_per_worker: float,
) -> list[str]:
    """Say which of them were wrong, and why.

    Parameters
    ----------
    counts : by fleet, oldest first.
    tasks_per_worker : the target of the fleets' policy.
    """
    return [
        f"{shrink.fleet} at {shrink.at:.2f} to {shrink.wanted}: {why} ({shrink.reasons})"
        for shrink in found
        if (why := _why_wrong(shrink, windows, counts.get(shrink.fleet, ()), tasks_per_worker))
    ]


def _why_wrong(
    shrink: Shrink, windows: Sequence[Window], counts: Sequence[Counted], tasks_per_worker: float
) -> str:
    if "unknown:" in shrink.reasons:
        return "decided on unknown"
    for window in windows:
        if window.blind and window.began + TICK < shrink.at < window.ended:
            return f"decided while {window.fault} hid queues and workers"
    if shrink.wanted is None or "max_workers:" in shrink.reasons:
        return ""
    stood = [each.ready for each in counts if shrink.at - STOOD <= each.at <= shrink.at]
    carried = (shrink.wanted * (1 + TOLERANCE) + 1) * tasks_per_worker
    return f"{min(stood)} tasks were waiting all the time" if len(stood) > 2 and min(stood) > carried else ""
