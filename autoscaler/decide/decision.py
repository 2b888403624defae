"""One decision about one fleet: policies, then limits, then steps.

    highest recommendation -> waiting -> running -> unknown -> fallback -> (operator's size) -> bounds
    -> stabilization -> max_scale_up -> max_scale_down -> host -> crash loop -> restore, start, drain

A pause or a stop comes before all limits but the last two. Tolerance lies inside the ratio policies.
"""

from __future__ import annotations

from functools import partial

from autoscaler.decide import learnt, limits, pace, starts, threshold
from autoscaler.decide.case import Case, Course, case_of, follow
from autoscaler.decide.plan import Plan, plan
from autoscaler.decide.policies import highest, recommend
from autoscaler.decide.victims import restore_order
from autoscaler.model import (
    Decision,
    FixedSize,
    FleetState,
    Paused,
    Reason,
    Recommendation,
    Situation,
    Stopped,
    Threshold,
    ThresholdState,
    Worker,
    WorkerState,
)
from autoscaler.text import count


def decide(situation: Situation, memory: FleetState) -> tuple[Decision, FleetState]:
    """Decide about one fleet; pure, and the same again at the same time with the memory it returns.

    Returns
    -------
    The decision, and the memory for the next one. Its `desired` lies within min_workers and
    max_workers unless the fleet is paused or stopped, and its `reasons` are never empty.
    """
    case = case_of(situation, memory)
    policies = (recommend(settings, case) for settings in case.scaling.policies)
    recommendations = (*policies, *learnt.recommend(case))
    top = highest(recommendations)
    proposed = _proposed(case, top)
    needed = follow(case, proposed, (limits.waiting, limits.running, limits.unknown, limits.fallback))
    # Within bounds, so that the history never has more entries than there are sizes.
    history = pace.recommended(case, case.bounded(needed.workers))
    bounds = starts.allowances(case)
    restorable = len(restore_order(situation.workers))
    course = starts.limit(case, _ordered(case, proposed, needed, history), restorable, bounds)
    steps = plan(case, course.workers, _least(bounds), calm=not starts.looping(case))
    decision = Decision(
        fleet=situation.fleet,
        at=case.now,
        current=case.current,
        recommended=None if top is None else top.workers,
        desired=course.workers,
        reasons=_reasons(case, course, steps, top),
        recommendations=recommendations,
        demand=case.demand,
        start=steps.start,
        restore=steps.restore,
        drain=steps.drain,
    )
    return decision, _remembered(case, course.workers, history)


def _proposed(case: Case, top: Recommendation | None) -> Course:
    """The highest recommendation; min_workers for a fleet without policies."""
    workers = case.scaling.min_workers if top is None else top.workers
    if case.scaling.retired:
        return Course(workers).to(workers, "removed", "no longer in the config, its workers drain away")
    if workers == case.size:
        return Course(workers)
    code, text = ("fixed", _fixed(workers)) if top is None else (top.policy, top.text)
    return Course(workers).to(workers, code, text)


def _ordered(case: Case, proposed: Course, needed: Course, history: pace.History) -> Course:
    """The size by whoever has the word: a pause, the operator's size, or the policies."""
    match case.hold:
        case Paused():
            return limits.paused(case.hold, case, proposed)
        case Stopped():
            return limits.stopped(case.hold, needed)
        case FixedSize():
            return limits.bounds(case, limits.fixed_size(case.hold, needed))
    stabilization = partial(pace.stabilization, history)
    return follow(case, needed, (limits.bounds, stabilization, pace.max_scale_up, pace.max_scale_down))


def _least(bounds: tuple[starts.Allowance, ...]) -> int:
    return min(bound.starts for bound in bounds)


def _reasons(case: Case, course: Course, steps: Plan, top: Recommendation | None) -> tuple[Reason, ...]:
    reasons = (*_ended(case), *course.reasons, *steps.reasons)
    steady = Reason("steady", _fixed(case.size) if top is None else top.text)
    return (*_held(case), *(reasons or (steady,)))


def _held(case: Case) -> tuple[Reason, ...]:
    """Who is out of service by an operator's word: it counts towards the size."""
    held = [worker for worker in case.situation.workers if worker.state is WorkerState.HELD]
    return tuple(Reason("held", f"{each.name} is {_out(each)}") for each in held)


def _out(worker: Worker) -> str:
    return "stopped by hand" if worker.hold is None else f"out of service{worker.hold.attribution}"


def _ended(case: Case) -> tuple[Reason, ...]:
    if case.ended is None:
        return ()
    return (Reason("hold_ended", f"no longer {case.ended}: the time is over"),)


def _fixed(workers: int) -> str:
    return f"no policy, min_workers: {count(workers)}"


def _remembered(case: Case, desired: int, history: pace.History) -> FleetState:
    return FleetState(
        size=desired,
        threshold=_threshold(case, desired),
        recommended=history,
        sizes=pace.sizes(case, desired),
        unknown_since=case.unknown_since,
        crashes=(crashes := starts.remembered_crashes(case)),
        crashed_with=case.memory.crashed_with if crashes else "",
        failure=case.memory.failure if crashes else "",
    )


def _threshold(case: Case, desired: int) -> ThresholdState | None:
    for settings in case.scaling.policies:
        if isinstance(settings, Threshold):
            return threshold.remember(settings, case, desired)
    return None
