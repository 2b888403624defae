"""The wait of a task that is published now, with the running and starting workers."""

from __future__ import annotations

from autoscaler.decide.capacity import Capacity, capacity
from autoscaler.decide.case import case_of
from autoscaler.model import FleetState, Situation

#: Seconds beyond which a wait is not told any closer.
LONGEST = 7 * 86400.0
#: Share of a wait to which it is told.
_CLOSE = 1e-3


def expected_wait(situation: Situation, memory: FleetState) -> float | None:
    """Seconds until a task that is published now starts, if no worker is added.

    It starts when those that wait before it have, and a slot is free for it too. What the slots get through
    is what `max_wait` reckons with, for every policy.

    Returns
    -------
    Seconds, 0 to `LONGEST`; None: demand is not known, there is no worker, or how long tasks run has not been
    measured yet.
    """
    case = case_of(situation, memory)
    have = capacity(case)
    if not case.demand.complete or case.scaling.retired or not (have.slots or have.coming):
        return None
    starts = case.demand.waiting + 1
    if have.started_by(0.0) >= starts:
        return 0.0
    return None if case.measures.service is None else _until(have, starts)


def _until(have: Capacity, starts: float) -> float:
    """Seconds until so many tasks have been started, which are the more the longer, or nearly so."""
    high = 1.0
    while have.started_by(high) < starts:
        if high >= LONGEST:
            return LONGEST
        high = min(2 * high, LONGEST)
    low = 0.0
    while high - low > _CLOSE * high:
        middle = (low + high) / 2
        low, high = (low, middle) if have.started_by(middle) >= starts else (middle, high)
    return high
