"""The policy `max_wait`: start a worker when waiting tasks would otherwise start too late.

    publish counter -> how old each waiting task is -> when it must start      (the deadline curve)
    running and starting slots -> how many tasks will have started by then
    the first deadline that they miss -> so many workers more

Where no reaction is fast enough, because a worker takes longer to start than a task may wait, a floor
stands ready that is right for the measured load (Erlang's C). The fleet shrinks when nothing waits in its
queues, to what was in use on the mean, or what came needs, within the time that a start takes.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from autoscaler.decide.capacity import Capacity, capacity, service_seconds, start_seconds
from autoscaler.decide.case import Case
from autoscaler.decide.erlang import Traffic, least_slots
from autoscaler.model import MaxWait, Measures, Recommendation, WorkerState, count_at
from autoscaler.model.numbers import root, rounded_up, share, spread
from autoscaler.text import count, number, seconds

KEY = "max_wait"

#: Share of the wait that is planned with; the rest is for what cannot be foreseen.
PLANNED = 0.9
#: Share of the wait within which a task that is late already should start once new workers are up.
RESCUE = 0.1
#: Share of tasks that a floor may let wait for longer.
LATE = 0.02
#: Share of max_workers up to which the whole of that is planned with, and the seconds that tell it.
CALM = 0.6
LATELY = 30.0
#: Start times after which slots that were in use are forgotten.
WINDOW = 1.0
_NOISE = 1e-9


@dataclass(frozen=True, slots=True)
class Deadline:
    """The first `tasks` waiting ones must have started in `within` seconds."""

    tasks: float
    within: float


def recommend(settings: MaxWait, case: Case) -> Recommendation:
    """Workers with which every waiting task starts in time, or that are enough for the load."""
    wanted = _for_waiting(settings, case) if case.demand.ready > 0 else _for_use(case)
    floor = _floor(settings, case)
    return wanted if floor is None else max((wanted, floor), key=lambda each: each.workers)


# --- something waits: the deadline curve ---


def _for_waiting(settings: MaxWait, case: Case) -> Recommendation:
    have = capacity(case)
    # Of those with the same time the last has the most tasks.
    by_time = {each.within: each for each in deadlines(settings, case, have)}
    slots, deadline = max(
        ((_missing(have, each), each) for each in by_time.values()), key=lambda pair: pair[0]
    )
    more = rounded_up(slots / case.scaling.concurrency - _NOISE)
    text = f"{number(deadline.tasks)} to start within {seconds(deadline.within)}, {_told(have, deadline)}"
    workers = max(case.size, case.current + max(more, 0))
    return Recommendation(KEY, workers, f"{text}: {count(workers)}")


def _missing(have: Capacity, deadline: Deadline) -> float:
    """Slots that must be added to keep a deadline; below 0 when there are more than enough.

    Half a standard deviation more than the tasks themselves, since service times are random.
    """
    needed = deadline.tasks + root(deadline.tasks) / 2
    return (needed - have.started_by(deadline.within)) / have.started_by_new(deadline.within)


def _told(have: Capacity, deadline: Deadline) -> str:
    coming = sum(slots for _, slots in have.coming)
    taken = have.taken(deadline.within)
    slots = count(have.slots, "slot") + (f", {taken} of them taken for longer," if taken else "")
    slots += f" and {coming} starting" if coming else ""
    return f"{slots} start {number(have.started_by(deadline.within))}"


def deadlines(settings: MaxWait, case: Case, have: Capacity) -> Iterator[Deadline]:
    """When the waiting tasks must have started: one deadline for each time at which the count is known.

    Each is for more tasks than those before it, the last for all. A task cannot be started by a new worker
    before that is up, so this is the earliest deadline. Tasks that came between two looks are taken to have
    come in the middle. What was there before the first look is at least as old as that.
    """
    soonest = have.start + RESCUE * settings.wait
    planned = PLANNED * _headroom(settings, case, have) * settings.wait
    if before := case.measures.published:
        started = before[-1][1] - case.demand.waiting
        first = bisect_right(before, started, key=lambda point: point[1])
        came = before[max(0, first - 1)][0]
        for at, published in before[first:]:
            age = case.now - (came + at) / 2
            yield Deadline(published - started, max(planned - age, soonest))
            came = at
    yield Deadline(case.demand.waiting, max(planned, soonest))


def _headroom(settings: MaxWait, case: Case, have: Capacity) -> float:
    """The share of the wait that tasks may be let wait, 0..1: less where the load needs nearly all workers.

    A queue that is let grow to the whole wait has no time left to lose when the load rises above what all
    workers get through. A queue that is kept short has, and costs no more: the same tasks are run.
    """
    came = _arrivals(case, LATELY)
    if came is None:
        return 1.0
    # In use when the latest tasks must have started: long ones pile up by then no further than that.
    tasks, then = have.service, have.start + settings.wait
    slots = case.demand.running * (1 - tasks.share_before(then)) + came / LATELY * tasks.held(then)
    most = max(1, case.scaling.max_workers * case.scaling.concurrency)
    return share((1 - slots / most) / (1 - CALM))


def _arrivals(case: Case, span: float) -> float | None:
    """Tasks published in the last so many seconds; None if they were not counted for so long."""
    published, begin = case.measures.published, case.now - span
    if not published or published[0][0] > begin:
        return None
    return max(0.0, published[-1][1] - count_at(published, begin))


# --- nothing waits in the queues: what is in use ---


def _for_use(case: Case) -> Recommendation:
    """What was in use lately, or what came lately needs if that is less: a start costs a start time.

    The second tells that work which had piled up is done: the slots that did it were in use to the end.
    """
    in_use, window = _used(case), seconds(_window(case))
    if any(worker.state is WorkerState.STARTING for worker in case.situation.workers):
        return _unchanged(case, "a worker is starting")
    if in_use is None:
        return _unchanged(case, f"not watched for {window} yet")
    coming = _needed(case)
    if coming < in_use:
        text = f"what came within {window} needs {_slots(coming)}"
    else:
        text = f"{_slots(in_use)} in use within {window}"
    needed = rounded_up(min(in_use, coming) / case.scaling.concurrency - _NOISE)
    enough = "is enough" if needed == 1 else "are enough"
    text = f"nothing waits in the queues, {text}: {count(needed)} {enough}"
    return Recommendation(KEY, min(case.size, needed), text)


def _slots(slots: float) -> str:
    return f"{number(slots)} {'slot' if number(slots) == '1' else 'slots'}"


def _unchanged(case: Case, why: str) -> Recommendation:
    return Recommendation(KEY, case.size, f"nothing waits in the queues, {why}: {count(case.size)}")


def _window(case: Case) -> float:
    return max(WINDOW * start_seconds(case.measures), 2 * interval(case.measures), _NOISE)


def _used(case: Case) -> float | None:
    """Slots in use within the window: mean and half a standard deviation; None if not watched for so long.

    Where hardly a task is expected within the window, only what is in use now: nothing is kept for it.
    """
    measures, oldest = case.measures, case.now - _window(case)
    watched = measures.published and measures.published[0][0] <= oldest
    if not watched or not measures.uses or measures.uses[0][0] > oldest:
        return None
    if measures.arrival is not None and (measures.arrival.high or 1.0) * _window(case) < 1:
        return measures.uses[-1][1]
    mean, deviation = spread_since(measures.uses, oldest)
    return mean + deviation / 2


def _needed(case: Case) -> float:
    """Slots that the tasks of the window need, and a standard deviation more; infinite where not known."""
    tasks = _arrivals(case, _window(case))
    if tasks is None or case.measures.service is None:
        return math.inf
    return (tasks + root(tasks + 1)) / _window(case) * service_seconds(case.measures)


def spread_since(points: tuple[tuple[float, float], ...], begin: float) -> tuple[float, float]:
    """Mean and standard deviation of values that were so since the point before."""
    return spread(
        (value, at - max(before, begin)) for (before, _), (at, value) in pairwise(points) if at > begin
    )


# --- nothing can be done in time: the floor ---


def _floor(settings: MaxWait, case: Case) -> Recommendation | None:
    """What the load needs at all times, where a worker that starts when a task waits is too late."""
    start, arrival = start_seconds(case.measures), case.measures.arrival
    if settings.wait >= start + interval(case.measures) or arrival is None:
        return None
    slots = _slots_for(settings, case, arrival.high or arrival.value)
    workers = math.ceil(slots / case.scaling.concurrency)
    text = f"{number(arrival.value)} tasks a second, a start takes {seconds(start)}"
    return Recommendation(KEY, workers, f"{text}: {count(workers)} stand ready")


def _slots_for(settings: MaxWait, case: Case, rate: float) -> int:
    measures = case.measures
    variation = 1.0 if measures.variation is None else measures.variation
    traffic = Traffic(rate, service_seconds(measures), variation)
    most = case.scaling.max_workers * case.scaling.concurrency
    return least_slots(traffic, PLANNED * settings.wait, LATE, most)


def interval(measures: Measures) -> float:
    """Seconds between two ticks; 0 before the second one."""
    return measures.interval or 0.0
