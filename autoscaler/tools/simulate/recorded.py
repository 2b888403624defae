"""The load that the daemon has recorded, for a replay."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from autoscaler.errors import TraceError
from autoscaler.store.recorded import Recorded, RecordedSample
from autoscaler.tools.simulate.load import Load, Service, exponential, spread

MINUTE = 60.0
#: Seconds between two samples beyond which nobody knows when the tasks between them came.
LONGEST_GAP = 600.0
#: Seconds of known load below which a replay says nothing.
LEAST = 600.0
#: Seconds that a task is taken to run where none was measured.
SERVICE = 1.0


@dataclass(frozen=True, slots=True)
class Period:
    """Tasks that came within a time."""

    begin: float
    end: float
    tasks: float
    #: Mean seconds that they ran; None: not measured.
    service: float | None


@dataclass(frozen=True, slots=True)
class Replay:
    """A recorded load, and what the fleet was then."""

    load: Load
    #: Workers at its beginning; None where only minutes are known of it.
    workers: int | None
    #: Worker-seconds that the fleet had where it was sampled, and the seconds of that.
    worker_seconds: float
    sampled: float
    #: Seconds of the load that nobody watched; no task is taken to have come in them.
    unknown: float


def replay(fleet: str, recorded: Recorded, seed: int, service: Service | None = None) -> Replay:
    """Make a load of what was recorded: the tasks of each period come at random within it.

    Parameters
    ----------
    service : service times instead of the measured ones; those are taken as exponential.

    Raises
    ------
    TraceError : too little was recorded.
    """
    periods = [*_of_minutes(recorded), *_of_samples(recorded.samples)]
    known = sum(each.end - each.begin for each in periods)
    if known < LEAST or sum(each.tasks for each in periods) < 1:
        tasks = round(sum(each.tasks for each in periods))
        raise TraceError(
            f"fleet {fleet}: {tasks} tasks in {known / MINUTE:.0f} min are recorded in this time, at least "
            f"one task and {LEAST / MINUTE:.0f} min are needed: let the daemon run, or look further back"
        )
    begin = periods[0].begin // MINUTE * MINUTE  # so that minutes stay minutes
    duration = periods[-1].end - begin
    sizes = list(_sizes(recorded.samples))
    return Replay(
        load=_load(fleet, periods, begin, duration, random.Random(f"{fleet}-{seed}"), service=service),
        workers=recorded.samples[0].workers if not recorded.minutes and recorded.samples else None,
        worker_seconds=sum(workers * lasted for workers, lasted in sizes),
        sampled=sum(lasted for _, lasted in sizes),
        unknown=duration - known,
    )


def _of_minutes(recorded: Recorded) -> Iterator[Period]:
    """Service times were not kept for so long: the first that was measured later."""
    service = next((each.service for each in recorded.samples if each.service is not None), None)
    for at, arrivals in recorded.minutes:
        yield Period(at, at + MINUTE, arrivals, service)


def _of_samples(samples: Sequence[RecordedSample]) -> Iterator[Period]:
    """What came between two samples; nothing where the count began anew."""
    counted = [(each.at, each.published, each.service) for each in samples if each.published is not None]
    for (begin, before, _), (end, after, service) in pairwise(counted):
        if before <= after and end - begin <= LONGEST_GAP:
            yield Period(begin, end, after - before, service)


def _sizes(samples: Sequence[RecordedSample]) -> Iterator[tuple[int, float]]:
    """Workers, and the seconds that there were so many."""
    for before, after in pairwise(samples):
        if after.at - before.at <= LONGEST_GAP:
            yield before.workers, after.at - before.at


def _load(
    fleet: str,
    periods: Sequence[Period],
    begin: float,
    duration: float,
    rng: random.Random,
    *,
    service: Service | None,
) -> Load:
    arrivals: list[float] = []
    services: list[float] = []
    owed = 0.0  # counts need not be whole: what is left over comes with the next period
    for period in periods:
        owed += period.tasks
        count = int(owed)
        owed -= count
        arrivals += sorted(spread(rng, count, period.begin - begin, period.end - begin))
        draw = service or exponential(period.service or SERVICE)
        services += [draw(rng) for _ in range(count)]
    return Load(fleet, tuple(arrivals), tuple(services), duration)
