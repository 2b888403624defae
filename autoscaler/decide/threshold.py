"""The policy `threshold`: a step up after a time above `up`, a step down after a time below `down`.

Demand is what waits. Between the two nothing changes (hysteresis). The clock of a side runs while
demand stays on that side and starts anew when the size changes, for whatever reason: so each step
has `up_after` (`down_after`) to show its effect.

Incomplete demand is a lower bound: that it is above `up` is certain, that it is below `down` is not,
so the clock for stepping down does not run then.
"""

from __future__ import annotations

from autoscaler.decide.case import Case
from autoscaler.model import Recommendation, Threshold, ThresholdState
from autoscaler.text import count, number, seconds

KEY = "threshold"


def recommend(settings: Threshold, case: Case) -> Recommendation:
    """A step from the size when the clock of either side has run out, else the size.

    A clock that starts now has not run out yet even if its time is zero: a step needs to be seen before
    the next one, and deciding twice at one time gives the same.
    """
    clock = clocks(settings, case)
    if clock.above_since is not None:
        return _above(settings, case, case.now - clock.above_since)
    if clock.below_since is not None:
        return _below(settings, case, case.now - clock.below_since)
    text = f"{_waiting(case)}, neither above {settings.up} nor below {settings.down}"
    return Recommendation(KEY, case.size, text)


def clocks(settings: Threshold, case: Case) -> ThresholdState:
    """The clocks as they stand at this decision."""
    before = case.memory.threshold
    if before is None or before.size != case.size:
        return started(settings, case, case.size)
    here = started(settings, case, case.size)
    return ThresholdState(
        size=case.size,
        above_since=_earlier(before.above_since, here.above_since),
        below_since=_earlier(before.below_since, here.below_since),
    )


def started(settings: Threshold, case: Case, size: int) -> ThresholdState:
    """Clocks that start at this decision, at a size."""
    demand = case.demand
    above = demand.waiting > settings.up
    below = demand.waiting < settings.down and demand.complete
    return ThresholdState(size, case.now if above else None, case.now if below else None)


def remember(settings: Threshold, case: Case, desired: int) -> ThresholdState:
    """What the next decision has to know: clocks start anew when the size has changed."""
    return clocks(settings, case) if desired == case.size else started(settings, case, desired)


def _earlier(before: float | None, here: float | None) -> float | None:
    return before if before is not None and here is not None else here


def _above(settings: Threshold, case: Case, lasted: float) -> Recommendation:
    side = f"{_waiting(case)}, above {settings.up}"
    if not _ran_out(lasted, settings.up_after):
        return Recommendation(KEY, case.size, f"{side} for {_of(lasted, settings.up_after)}")
    text = f"{side} for {seconds(lasted)}: {settings.step} more than {case.size}"
    return Recommendation(KEY, case.size + settings.step, text)


def _below(settings: Threshold, case: Case, lasted: float) -> Recommendation:
    side = f"{_waiting(case)}, below {settings.down}"
    if not _ran_out(lasted, settings.down_after):
        return Recommendation(KEY, case.size, f"{side} for {_of(lasted, settings.down_after)}")
    text = f"{side} for {seconds(lasted)}: {settings.step} fewer than {case.size}"
    return Recommendation(KEY, max(0, case.size - settings.step), text)


def _ran_out(lasted: float, after: float) -> bool:
    return lasted >= after and lasted > 0


def _of(lasted: float, after: float) -> str:
    return f"{number(lasted)} s of {seconds(after)}"


def _waiting(case: Case) -> str:
    demand = case.demand
    least = "" if demand.complete else "at least "
    whole = demand.waiting == int(demand.waiting)
    tasks = count(int(demand.waiting), "task") if whole else f"{number(demand.waiting)} tasks"
    return f"{least}{tasks} waiting"
