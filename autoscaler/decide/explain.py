"""Why a fleet has its size, in sentences and numbers, and which load would change it.

Pure: `decide` is asked again about what has been, and about what might be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from autoscaler.decide import decide, learnt
from autoscaler.decide.case import Case, case_of
from autoscaler.decide.plan import STEPS
from autoscaler.decide.starts import allowances
from autoscaler.decide.victims import order
from autoscaler.model import (
    SERVING,
    Decision,
    Estimate,
    FleetState,
    Known,
    Measures,
    Reason,
    Recommendation,
    Situation,
    Threshold,
    Worker,
    WorkerState,
)
from autoscaler.text import count, number, seconds

#: Waiting tasks beyond which nobody asks what would be.
MOST_TASKS = 1_000_000
#: Expected rises that are told.
MOST_EXPECTED = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """A worker that would be drained if the fleet shrank."""

    name: str
    #: Why it stands where it stands.
    text: str


@dataclass(frozen=True, slots=True)
class NextWorker:
    """What it takes to have one worker more than there are or are wanted now."""

    #: Tasks that would have to wait beside those that do; None: no number of them is enough.
    tasks: int | None
    #: Seconds that they would have to.
    lasting: float
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """One decision about one fleet, explained."""

    fleet: str
    at: float
    current: int
    desired: int
    #: Sentences.
    seen: tuple[str, ...]
    recommendations: tuple[Recommendation, ...]
    #: In the order in which they acted.
    reasons: tuple[Reason, ...]
    #: What is done about it, in words.
    steps: str
    #: The first to go first.
    first_to_go: tuple[Candidate, ...]
    next_worker: NextWorker


def explain(situation: Situation, memory: FleetState) -> Explanation:
    """Explain the decision that a situation leads to.

    Parameters
    ----------
    memory : that the decision was taken with.
    """
    decision, _ = decide(situation, memory)
    return Explanation(
        fleet=situation.fleet,
        at=situation.now,
        current=decision.current,
        desired=decision.desired,
        seen=(*seen(situation), *expected(situation, memory)),
        recommendations=decision.recommendations,
        reasons=decision.reasons,
        steps=steps(decision),
        first_to_go=tuple(candidates(situation)),
        next_worker=next_worker(situation, memory, max(decision.desired, decision.current)),
    )


# --- what was seen ---


def seen(situation: Situation) -> Iterator[str]:
    """Demand, workers and measures, a sentence each."""
    yield from _demand(situation)
    yield _workers(situation)
    yield from _measures(situation.measures)


def _demand(situation: Situation) -> Iterator[str]:
    demand = situation.demand
    least = "" if demand.complete else "At least "
    ready, held = number(demand.ready), demand.reserved
    yield (
        f"{least}{number(demand.waiting)} waiting: {ready} in the queues, {held} held by workers that have "
        f"not started them; {demand.running} running."
    )
    yield from (f"Unknown: {what}." for what in demand.unknown)


def _workers(situation: Situation) -> str:
    states = Counter(worker.state.value for worker in situation.workers)
    told = ", ".join(f"{amount} {state}" for state, amount in sorted(states.items()))
    each = count(situation.scaling.concurrency, "slot")
    return f"{count(len(situation.workers))} of {each} each{': ' + told if told else ''}."


def _measures(measures: Measures) -> Iterator[str]:
    if measures.arrival is not None:
        yield f"{_estimate(measures.arrival)} tasks are published a second."
    if measures.service is not None:
        yield f"A task runs {_estimate(measures.service)} s on the mean."
    if measures.start_seconds is not None:
        yield f"A worker takes {_estimate(measures.start_seconds)} s to start."


def expected(situation: Situation, memory: FleetState) -> Iterator[str]:
    """The next rises that the past lets expect, a sentence each."""
    case = case_of(situation, memory)
    coming = [each for each in situation.measures.expected if each.at + learnt.LASTS > situation.now]
    for each in coming[:MOST_EXPECTED]:
        told = learnt.told(situation.scaling, each)
        yield f"{told[0].upper()}{told[1:]}; {learnt.standing(case, each)}."


def _estimate(of: Estimate) -> str:
    low, high = _short(of.low), "?" if of.high is None else _short(of.high)
    return f"{_short(of.value)} ({low} to {high})"


def _short(value: float) -> str:
    return f"{value:.3g}"


# --- what is done, and who goes ---


def steps(decision: Decision) -> str:
    """What a decision does, in words."""
    done = [f"starts {count(decision.start, 'new worker')}"] if decision.start else []
    done += [f"takes back {', '.join(decision.restore)}"] if decision.restore else []
    done += [f"drains {', '.join(decision.drain)}"] if decision.drain else []
    return "; ".join(done) or "changes nothing"


def candidates(situation: Situation) -> Iterator[Candidate]:
    """Who would be drained, the first one first."""
    for worker in order(each for each in situation.workers if each.state in SERVING):
        yield Candidate(worker.name, _standing(worker))


def _standing(worker: Worker) -> str:
    if not isinstance(worker.stats, Known):
        return "still starting" if worker.state is WorkerState.STARTING else "silent, may hold anything"
    stats = worker.stats.value
    if not stats.busy:
        return "idle"
    return f"{stats.reserved} waiting in it, {len(stats.active)} running"


# --- what would start another one ---


def next_worker(situation: Situation, memory: FleetState, size: int) -> NextWorker:
    """The fewest tasks more with which the fleet would want another worker.

    `decide` itself is asked; more demand never means fewer workers, so the number is found by halving.
    Where a threshold must be exceeded for a while, it is asked again after that while.

    Parameters
    ----------
    size : workers that there are or that it wants now, whichever is more.
    """
    whiles = _whiles(situation)
    for lasting in whiles:
        what_if = partial(_what_if, situation, memory, lasting)
        tasks = _fewest(what_if, size)
        if tasks is not None:
            return NextWorker(tasks, lasting, _told(tasks, lasting, what_if(tasks)))
    last = _what_if(situation, memory, whiles[-1], MOST_TASKS)
    return NextWorker(None, whiles[-1], _never(case_of(situation, memory), last))


def _what_if(situation: Situation, memory: FleetState, lasting: float, tasks: int) -> Decision:
    """The decision if so many tasks more came now, and waited for so long."""
    first, then = decide(_with_more(situation, tasks, 0.0), memory)
    return first if lasting == 0 else decide(_with_more(situation, tasks, lasting), then)[0]


def _whiles(situation: Situation) -> list[float]:
    """Seconds for which tasks might have to wait before they count."""
    thresholds = (each for each in situation.scaling.policies if isinstance(each, Threshold))
    return [0.0, *sorted({max(each.up_after, 1.0) for each in thresholds})]


def _with_more(situation: Situation, tasks: int, later: float) -> Situation:
    """The same with so many tasks more that have come just now, some time later."""
    published = situation.measures.published
    more = ((situation.now, published[-1][1] + tasks),) if published else ()
    return replace(
        situation,
        now=situation.now + later,
        demand=replace(situation.demand, ready=situation.demand.ready + tasks),
        measures=replace(situation.measures, published=(*published, *more)),
    )


def _fewest(what_if: Callable[[int], Decision], size: int) -> int | None:
    """The smallest number of tasks with which more than `size` are wanted, at most MOST_TASKS; else None."""
    if what_if(0).desired > size:
        return 0
    high = 1
    while what_if(high).desired <= size:
        if high >= MOST_TASKS:
            return None
        high = min(2 * high, MOST_TASKS)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if what_if(middle).desired > size else (middle, high)
    return high


def _told(tasks: int, lasting: float, decision: Decision) -> str:
    while_ = f" for {seconds(lasting)}" if lasting else ""
    # Who is out of service is told first, and is not what would change anything.
    top = next(reason.text for reason in decision.reasons if reason.code != "held")
    if not tasks:
        return f"If what waits goes on waiting{while_}, it wants {count(decision.desired)}: {top}."
    return f"With {count(tasks, 'more task')} waiting{while_} it wants {count(decision.desired)}: {top}."


def _never(case: Case, decision: Decision) -> str:
    """The limit in the way of any number of tasks."""
    return f"No number of waiting tasks starts another one: {_bound(case, decision)}."


def _bound(case: Case, decision: Decision) -> str:
    """What holds the size, without the number of tasks that was only made up for the question."""
    limits = [each for each in decision.reasons if each.code not in STEPS] or decision.reasons
    last = limits[-1]
    if last.code == "max_workers":
        return f"max_workers is {case.scaling.max_workers}"
    texts = {each.code: each.text for each in allowances(case) if not each.starts}
    return f"{last.code}: {texts.get(last.code, last.text)}"
