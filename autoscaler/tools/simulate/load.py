"""A load: tasks with their arrival and service times."""

from __future__ import annotations

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import add
from typing import TypeAlias

#: Draws one task's service time, seconds.
Service: TypeAlias = Callable[[random.Random], float]


@dataclass(frozen=True, slots=True)
class Load:
    """Tasks in the order of their arrival.

    Attributes
    ----------
    name : for display.
    arrivals : seconds from the beginning, never falling, all below `duration`.
    services : seconds that each task runs in one slot, > 0; as long as `arrivals`.
    duration : seconds that the load lasts, its quiet end included.
    outages : (begin, end) of each time in which the broker is away, in order: no task is handed out, and
        no scaler sees a queue or worker.
    crashes : times at which the busiest worker dies and its supervisor starts it again, in order.
    goes_on : whether this is a part of a longer load: what is after `duration`, the rest of tasks that still
        run then among it, does not count.
    """

    name: str
    arrivals: tuple[float, ...]
    services: tuple[float, ...]
    duration: float
    outages: tuple[tuple[float, float], ...] = ()
    crashes: tuple[float, ...] = ()
    goes_on: bool = False

    @property
    def end(self) -> float:
        """Until when things count, seconds; without end where all work counts, however long it takes."""
        return self.duration if self.goes_on else math.inf

    @property
    def work(self) -> float:
        """Slot-seconds of all tasks together."""
        return sum(self.services)

    @property
    def mean_service(self) -> float:
        """Seconds; 1 for a load without tasks."""
        return self.work / len(self.services) if self.services else 1.0

    def since(self, time: float) -> Load:
        """The tasks that arrive at `time` or later, at their own times."""
        first = bisect_left(self.arrivals, time)
        return Load(
            self.name, self.arrivals[first:], self.services[first:], self.duration, goes_on=self.goes_on
        )

    def work_since(self, time: float) -> float:
        """Slot-seconds that are left to do from `time` until the end if every task begins when it comes."""
        return sum(
            max(0.0, service - max(0.0, time - arrival) - max(0.0, arrival + service - self.end))
            for arrival, service in zip(self.arrivals, self.services, strict=True)
        )

    def works(self) -> tuple[float, ...]:
        """Slot-seconds of the first 0, 1, 2, ... tasks."""
        return (0.0, *accumulate(self.services))

    def work_by(self) -> Callable[[float], float]:
        """What says how many slot-seconds of work are done by a time if every task begins when it comes."""
        begun = [(at, 1) for at in self.arrivals]
        ended = [(at, -1) for at in map(add, self.arrivals, self.services)]
        changes = sorted([*begun, *ended], key=lambda change: change[0])
        times = [at for at, _ in changes]
        running = [0, *accumulate(change for _, change in changes)]
        # Added up from parts that are not negative: the difference of two large sums could fall.
        parts = (busy * (after - at) for busy, (at, after) in zip(running[1:], pairwise(times), strict=False))
        done = (0.0, *accumulate(parts, initial=0.0))

        def by(time: float) -> float:
            count = bisect_right(times, time)
            return done[count] + running[count] * (time - times[count - 1]) if count else 0.0

        return by


def fixed(seconds: float) -> Service:
    """Every task runs equally long."""
    return lambda _rng: seconds


def exponential(mean: float) -> Service:
    """Service times without memory, as in queueing theory's M/M/c; never exactly zero."""
    return lambda rng: max(1e-6, rng.expovariate(1.0 / mean))


def mixture(*parts: tuple[float, float]) -> Service:
    """One of several fixed service times: (probability, seconds), the last one takes what is left."""

    def draw(rng: random.Random) -> float:
        point = rng.random()
        for probability, seconds in parts:
            point -= probability
            if point < 0:
                return seconds
        return parts[-1][1]

    return draw


def made(name: str, arrivals: Iterable[float], duration: float, service: Service, rng: random.Random) -> Load:
    """A load of arrivals in any order; service times are drawn in the order of arrival."""
    ordered = tuple(sorted(arrivals))
    return Load(name, ordered, tuple(service(rng) for _ in ordered), duration)


def poisson(rng: random.Random, rate: float, begin: float, end: float) -> list[float]:
    """Arrivals of a Poisson process of `rate` a second within [begin, end)."""
    times: list[float] = []
    time = begin
    while rate > 0:
        time += rng.expovariate(rate)
        if time >= end:
            break
        times.append(time)
    return times


def spread(rng: random.Random, count: int, begin: float, end: float) -> list[float]:
    """`count` arrivals within [begin, end): a Poisson process, given its count."""
    return [begin + rng.random() * (end - begin) for _ in range(count)]
