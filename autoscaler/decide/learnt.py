"""Starting workers ahead of a rise that earlier days or hours predict.

    at - (start time + a tick)  --  the expected workers are wanted  --  needed, or the minute is over

Only where a worker that starts when tasks wait would come too late for the wanted wait, and only while such
expectations have come true more often than not. It never shrinks a fleet, and what is needed once the
tasks are there is the other policies' matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime

from autoscaler.decide.capacity import start_seconds
from autoscaler.decide.case import Case
from autoscaler.decide.max_wait import interval
from autoscaler.model import Expectation, MaxWait, Recommendation, Scaling
from autoscaler.text import count, number, seconds

KEY = "learnt"

#: Seconds for which a minute's workers are wanted at most.
LASTS = 60.0
#: Share of the expected slots that, once in use, tells that the rise has come.
COME = 0.7
#: Where a wait is as long as so many starts, waiting for the tasks costs less than being early.
IN_TIME = 2.0


def recommend(case: Case) -> Iterator[Recommendation]:
    """The workers of each rise that is about to come; none where nothing is to be done ahead."""
    for each in case.measures.expected if case.scaling.learn else ():
        if each.trusted and not _has_come(case, each):
            workers = workers_of(case.scaling, each)
            if -_lead(case, workers) <= case.now - each.at < LASTS and _too_late(case, workers):
                yield Recommendation(KEY, workers, f"{told(case.scaling, each)}: {count(workers)}")


def workers_of(scaling: Scaling, expectation: Expectation) -> int:
    """Workers that the expected slots are, at most max_workers."""
    return min(scaling.max_workers, math.ceil(expectation.slots / scaling.concurrency))


def told(scaling: Scaling, of: Expectation) -> str:
    """An expectation in words."""
    at = datetime.fromtimestamp(of.at, UTC)
    workers = count(workers_of(scaling, of))
    return f"expects {workers} at {at:%H:%M} UTC, it was so on {of.times} of {count(of.of, of.every)}"


def standing(case: Case, of: Expectation) -> str:
    """Whether it is acted on, and why not."""
    score = f"right {of.right} of {count(of.judged, 'time')}"
    if not case.scaling.learn:
        return "not acted on: learn is false"
    if not of.trusted:
        return f"not acted on: {score}" if of.judged else "not acted on: not tried yet"
    lead = _lead(case, workers_of(case.scaling, of))
    if not _too_late(case, workers_of(case.scaling, of)):
        return f"not acted on: they are there {seconds(lead)} after they are needed, which is soon enough"
    return f"starts them {number(lead)} s ahead: {score}"


def _lead(case: Case, workers: int) -> float:
    """Seconds from an order to the last worker's first task."""
    rate = case.scaling.max_scale_up
    missing = max(0, workers - case.size)
    paced = (
        (math.ceil(missing / rate.workers) - 1) * rate.period if rate and rate.workers and missing else 0.0
    )
    return start_seconds(case.measures) + interval(case.measures) + max(0.0, paced)


def _too_late(case: Case, workers: int) -> bool:
    """Whether workers that start when the tasks are there keep nobody's wait."""
    waits = [policy.wait for policy in case.scaling.policies if isinstance(policy, MaxWait)]
    return min(waits, default=0.0) < IN_TIME * _lead(case, workers)


def _has_come(case: Case, expectation: Expectation) -> bool:
    peaks = (slots for until, slots in case.measures.peaks if until >= expectation.at)
    return case.now >= expectation.at and next(peaks, 0.0) >= COME * expectation.slots
