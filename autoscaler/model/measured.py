"""The measurements of a fleet, and the state to continue them.

    Demand + workers of each tick  --measure.update-->  Track  --its measures-->  Situation

Times are seconds since the epoch on the daemon's steady clock, durations are seconds.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TypeAlias

from autoscaler.model.learnt import Expectation, Minute, MinuteSoFar

#: (time, tasks so far), neither ever falls.
Counts: TypeAlias = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number that was measured, and how far it can be trusted.

    The bounds are one standard error away; of `start_seconds` one standard deviation, since what the
    next start takes matters there and not the mean of them all.
    """

    value: float
    #: <= `value`.
    low: float
    #: >= `value`; None while nothing bounds it from above.
    high: float | None


@dataclass(frozen=True, slots=True)
class Measures:
    """What is known of a fleet from its past. All of it may be missing."""

    #: Counts of the tasks published so far, as (time, tasks), oldest first; neither ever falls. A task's
    #: count tells when it came. It starts at any number, only differences mean anything. The further
    #: back the coarser; at most an hour long.
    published: Counts = ()
    #: Seconds that a task runs, on the mean, in one slot; None until a task was seen running.
    service: Estimate | None = None
    #: Squared coefficient of variation of those seconds, >= 0; 1 for exponential ones. None until measured.
    variation: float | None = None
    #: Which share of all running time tasks spend before an age, as (age, share): ages in seconds, shares
    #: rising to 1 ever more slowly. So ``share * service`` is the mean time that a task takes up a slot
    #: within its first `age` seconds. One standard error above what was seen; empty until measured.
    young: tuple[tuple[float, float], ...] = ()
    #: Tasks published a second, over the last minutes; None until measured.
    arrival: Estimate | None = None
    #: Seconds from starting a worker to its first answer; None until one was seen to start.
    start_seconds: Estimate | None = None
    #: The most slots in use, as (until, slots): times never fall, slots strictly do. So the first one not
    #: older than a window is the most of that window. As far back as any policy looks.
    peaks: tuple[tuple[float, float], ...] = ()
    #: (time, slots in use since the one before) at each look of the last while, oldest first.
    uses: tuple[tuple[float, float], ...] = ()
    #: Seconds from one tick to the next, on the mean; None before the second one.
    interval: float | None = None
    #: What earlier days and hours let expect of the coming hour, in the order of time.
    expected: tuple[Expectation, ...] = ()


def count_at(history: Counts, at: float) -> float:
    """The count at a time, as if tasks had come evenly between two points.

    Parameters
    ----------
    history : as `Measures.published`, not empty.
    """
    index = bisect_right(history, at, key=lambda point: point[0])
    if index == 0:
        return history[0][1]
    if index == len(history):
        return history[-1][1]
    (begin, low), (end, high) = history[index - 1], history[index]
    # Rounding must not lift it above the later count: differences of counts are never negative.
    return min(high, low + (high - low) * (at - begin) / (end - begin))


@dataclass(frozen=True, slots=True)
class Counted:
    """The count of accepted tasks of one worker process, as it was seen last."""

    worker: str
    pid: int | None
    #: Tasks since it started; None: it was there before the first look and has not answered yet.
    accepted: int | None


@dataclass(frozen=True, slots=True)
class Moment:
    """A fleet at one complete look."""

    at: float
    #: Tasks that its workers have started so far, removed workers included.
    started: float
    #: Tasks that its workers run, draining ones included.
    active: int


@dataclass(frozen=True, slots=True)
class Track:
    """What measuring remembers from tick to tick; serializable, survives restarts."""

    measures: Measures = Measures()
    #: When the last tick was, complete or not.
    at: float | None = None
    counted: tuple[Counted, ...] = ()
    #: Tasks accepted by all workers so far, removed ones included.
    accepted: float = 0.0
    #: The complete looks of the last seconds, oldest first.
    moments: tuple[Moment, ...] = ()
    #: Tasks to add to what is seen: some were counted once and then lost from sight.
    offset: float = 0.0
    #: Since when what is seen has been less than `published`, and by how much at the least.
    behind_since: float | None = None
    behind: float = 0.0
    #: Slot-seconds of work seen, and tasks that ended in them; both fade with time.
    worked: float = 0.0
    ended: float = 0.0
    #: Sum and number of the ages of running tasks, seconds; both fade with time.
    ages: float = 0.0
    aged: float = 0.0
    #: How many of these were met at which age, by the bounds in `measure.service.AGES`; fades alike.
    by_age: tuple[float, ...] = ()
    #: Workers that have not answered yet, as (worker, since when).
    starting: tuple[tuple[str, float], ...] = ()
    #: Seconds that the latest starts took.
    start_samples: tuple[float, ...] = ()
    #: The minute that is being watched, and the last one that was watched from its beginning.
    minute: MinuteSoFar | None = None
    closed: Minute | None = None
