"""How many tasks a fleet's slots will start within a time, by measured start and service times.

    how long each running task has run, and how long tasks run
        -> when its slot will be free again -> how many more tasks that slot will have started by then

A few long tasks among many short ones hold their slots for longer than the mean says, and their age tells
them from the others: what has run for long is likely to run on. With ``S(u)`` the share of tasks that run
longer than `u`, and ``G(d)`` the integral of `S` from 0 to `d`, the mean time for which a new task holds its
slot within `d`, a slot whose task has run for `a` seconds

    is free again within t with the probability   p = 1 - S(a + t) / S(a),
    is held until then for                        r = (G(a + t) - G(a)) / S(a) seconds on the mean,
    and will have started                         p (1 + m(f)) tasks, f = (t - r) / p,

where `f` is the mean of the seconds that are left when it is free, and ``m(f) = (1 - S(f)) f / G(f)`` the
tasks that end in so many seconds and let another one start: exact for random (exponential) ones, and
otherwise a bound that is close. `Measures.young` tells ``G(d) / G(infinity)``, and `Measures.service`
``G(infinity)``.

Source: Cox, "Renewal Theory" (1962), sections 2 and 5; for m Barlow and Proschan, "Mathematical Theory of
Reliability" (1965), chapter 3.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from autoscaler.decide.case import Case
from autoscaler.model import Known, Measures, WorkerState
from autoscaler.model.numbers import MOST, share

#: Seconds that a task runs, and that a worker takes to start, until measured.
SERVICE = 1.0
START = 5.0
#: Start times after which a starting worker is not counted on any more.
GIVEN_UP = 3.0
#: Seconds of age, from which on ages are told apart, in so many steps until they have doubled.
YOUNG = 0.25
_STEPS = 16
_NOISE = 1e-9

_READY = frozenset({WorkerState.RUNNING, WorkerState.RESTORING})


@dataclass(frozen=True, slots=True)
class Service:
    """How long tasks run."""

    #: Seconds, > 0.
    mean: float
    #: Ages in seconds, rising from 0, and the share of all running time before each, 0..1.
    ages: tuple[float, ...] = (0.0,)
    shares: tuple[float, ...] = (0.0,)

    def held(self, within: float) -> float:
        """Seconds for which a new task holds its slot within so many seconds, on the mean."""
        return self.mean * self.share_before(within)

    def share_before(self, age: float) -> float:
        """The share of all running time before an age; 1 where none is known."""
        return self._at(age)[0]

    def started(self, within: float) -> float:
        """Tasks that a slot will have started that begins empty: one at once, and one where one ends."""
        before, longer = self._at(within)
        ended = share(1 - self.mean * longer)
        return min(MOST, 1 + ended * within / max(self.mean * before, _NOISE))

    def started_after(self, age: float, within: float) -> float:
        """Tasks that a slot will have started whose task has run for so many seconds."""
        free, held = self._rest(age, within)
        return free * self.started(max(0.0, within - held) / free) if free > _NOISE else 0.0

    def outlasts(self, age: float, within: float) -> bool:
        """Whether a task of an age is likely to run for so many seconds more."""
        return self._rest(age, within)[0] < 0.5

    def _rest(self, age: float, within: float) -> tuple[float, float]:
        """p and r; what has run for longer than all that was seen is taken to run for as long again."""
        before, longer = self._at(age)
        if longer <= _NOISE:
            age = max(age, self.mean)
            return within / (age + within), age * math.log1p(within / age)
        then, even_longer = self._at(age + within)
        return share(1 - even_longer / longer), max(0.0, then - before) / longer

    def _at(self, age: float) -> tuple[float, float]:
        """G and S at an age, both divided by the mean: straight, and the same, between the ages known."""
        place = bisect_right(self.ages, age)
        if place == len(self.ages):
            return 1.0, 0.0
        low, high = self.ages[place - 1], self.ages[place]
        longer = (self.shares[place] - self.shares[place - 1]) / (high - low)
        return share(self.shares[place - 1] + longer * (age - low)), longer


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the fleet's slots will do, as far as it was measured."""

    #: Seconds from a start to the first task, on the mean or more.
    start: float
    service: Service
    #: Slots of workers that are up: those in which nothing runs, and those of which it is not known.
    idle: int = 0
    unseen: int = 0
    #: The others by the seconds for which their tasks have run, as (seconds, slots).
    running: tuple[tuple[float, int], ...] = ()
    #: Slots that will be up, each with the seconds until then.
    coming: tuple[tuple[float, int], ...] = ()

    @property
    def slots(self) -> int:
        """Slots of workers that are up."""
        return self.idle + self.unseen + sum(slots for _, slots in self.running)

    def started_by(self, then: float) -> float:
        """Tasks that will have been started in so many seconds, if there are enough."""
        running = sum(slots * self.service.started_after(age, then) for age, slots in self.running)
        soon = sum(slots * self.service.started(then - left) for left, slots in self.coming if left <= then)
        return (
            self.idle * self.service.started(then) + self.unseen * then / self.service.mean + running + soon
        )

    def started_by_new(self, then: float) -> float:
        """Tasks that a slot which is ordered now will have started in so many seconds."""
        return self.service.started(max(then - self.start, 0.0))

    def taken(self, until: float) -> int:
        """Slots of workers that are up whose task is likely to run for so many seconds more."""
        return sum(slots for age, slots in self.running if self.service.outlasts(age, until))


def capacity(case: Case) -> Capacity:
    """What the fleet's slots will do; what was not measured yet is taken as usual."""
    each, start = case.scaling.concurrency, start_seconds(case.measures)
    up = [worker.stats for worker in case.situation.workers if worker.state in _READY]
    running = [stats.value.active for stats in up if isinstance(stats, Known)]
    ages = [case.now - task.started_at for tasks in running for task in tasks if task.started_at is not None]
    idle = sum(max(0, each - len(tasks)) for tasks in running)
    return Capacity(
        start=start,
        service=service(case.measures),
        idle=idle,
        unseen=each * (len(up) - len(running)) + sum(map(len, running)) - len(ages),
        running=tuple(_alike(ages)),
        coming=tuple((left, each) for left in _starting(case, start)),
    )


def service(measures: Measures) -> Service:
    """How long tasks run; what is left after the last age that was told apart ends when it has doubled."""
    mean = service_seconds(measures)
    if not measures.young:
        return Service(mean)
    ages, shares = zip(*measures.young, strict=True)
    return Service(mean, (0.0, *ages, 2 * ages[-1]), (0.0, *shares, 1.0))


def service_seconds(measures: Measures) -> float:
    """The mean that was measured, else the usual."""
    return SERVICE if measures.service is None else min(MOST, max(measures.service.value, _NOISE))


def start_seconds(measures: Measures) -> float:
    """What a start takes when it takes long, else the usual."""
    known = measures.start_seconds
    if known is None:
        return START
    return min(MOST, max(START, known.value) if known.high is None else known.high)


def _alike(ages: Iterable[float]) -> Iterator[tuple[float, int]]:
    """Ages, rounded down, with how many have them: many slots then take no longer to reckon with than few."""
    steps = Counter(math.floor(_STEPS * math.log2(min(MOST, max(age, YOUNG)))) for age in ages)
    return ((2 ** (step / _STEPS), slots) for step, slots in sorted(steps.items()))


def _starting(case: Case, start: float) -> Iterator[float]:
    """Seconds until each starting worker is up; one that is long overdue is not counted on."""
    for worker in case.situation.workers:
        if worker.state is WorkerState.STARTING:
            lasted = case.now - worker.since
            if lasted <= GIVEN_UP * start:
                yield max(start - lasted, 0.0)
