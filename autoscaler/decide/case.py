"""The facts of one decision, and the size that policies and limits give it.

A limit is a function ``(case, course) -> course``: it may change the number of workers and then
adds its reason. It never sees who came before it, so that the order stands in one place only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

from autoscaler.model import (
    SERVING,
    Demand,
    FleetState,
    Hold,
    Measures,
    Paused,
    Reason,
    Scaling,
    Situation,
    Worker,
    WorkerState,
)


@dataclass(frozen=True, slots=True)
class Case:
    """A situation, its memory, and what follows from both for every policy and limit."""

    situation: Situation
    memory: FleetState
    #: Serving and held workers that exist, those on their way to be held included.
    current: int
    #: Workers from which policies step and by which limits tell growing from shrinking.
    size: int
    #: The operator's order that is in force.
    hold: Hold | None
    #: Since when demand has been incomplete, this decision included.
    unknown_since: float | None

    @property
    def now(self) -> float:
        return self.situation.now

    @property
    def scaling(self) -> Scaling:
        return self.situation.scaling

    @property
    def demand(self) -> Demand:
        return self.situation.demand

    @property
    def measures(self) -> Measures:
        return self.situation.measures

    @property
    def ended(self) -> Hold | None:
        """The operator's order whose time is over."""
        return self.situation.hold if self.hold is None else None

    @property
    def paused(self) -> bool:
        return isinstance(self.hold, Paused)

    def bounded(self, workers: int) -> int:
        """The nearest number within min_workers and max_workers."""
        return max(self.scaling.min_workers, min(workers, self.scaling.max_workers))


@dataclass(frozen=True, slots=True)
class Course:
    """The number of workers so far, and how it came about."""

    workers: int
    reasons: tuple[Reason, ...] = ()

    def to(self, workers: int, code: str, text: str) -> Course:
        """The same course with another number and one reason more."""
        return Course(workers, (*self.reasons, Reason(code, text)))


Limit: TypeAlias = Callable[[Case, Course], Course]


def follow(case: Case, course: Course, limits: Iterable[Limit]) -> Course:
    """The course after all limits, in their order."""
    return reduce(lambda so_far, limit: limit(case, so_far), limits, course)


def case_of(situation: Situation, memory: FleetState) -> Case:
    """What is the same for all policies and limits of one decision.

    The size is the one decided last, as the HPA steps from ``spec.replicas`` and not from what is up:
    a worker that is missing for a moment is replaced and does not lower the next step. Before the
    first decision it is what exists. Failed workers are no part of it; they are removed and replaced.

    While the fleet is paused or its demand incomplete, workers beyond that size (somebody started a
    failed one again) are part of it too: nothing may shrink then, not even to a size decided before.
    Only the one that a roll has too many is not: it stands in for another.
    """
    current = sum(map(_counts, situation.workers))
    hold = _in_force(situation.hold, situation.now)
    incomplete = not situation.demand.complete
    size = current if memory.size is None else memory.size
    if isinstance(hold, Paused):
        size = max(size, current)
    elif incomplete:
        size = max(size, current - is_rolling(situation.workers))
    since = memory.unknown_since if memory.unknown_since is not None else situation.now
    return Case(situation, memory, current, size, hold, since if incomplete else None)


def is_rolling(workers: Iterable[Worker]) -> bool:
    """Whether some serve with old settings beside others with the new ones."""
    return len({worker.outdated for worker in workers if worker.state in SERVING}) > 1


def _counts(worker: Worker) -> bool:
    if worker.hold is not None:
        return worker.state is not WorkerState.FAILED  # it is not replaced while it drains
    return worker.state in SERVING or worker.state is WorkerState.HELD


def _in_force(hold: Hold | None, now: float) -> Hold | None:
    return None if hold is None or hold.is_over(now) else hold
