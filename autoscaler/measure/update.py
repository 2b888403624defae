"""One tick's measurements of a fleet, added to the earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autoscaler.measure import minutes, published, service, workers
from autoscaler.model import SERVING, ActiveTask, Demand, Known, Measures, Moment, Track, Worker, WorkerState

#: Seconds that the most slots in use are remembered.
PEAKS_HORIZON = 900.0
#: The same for the slots at each look, and the start times that it is at least.
USES_HORIZON = 60.0
USES_STARTS = 2.0
#: Ticks after which a time without looks is one.
UNSEEN = 3.0
#: Share of a new interval in their mean.
_NEWS = 0.2
#: Seconds after which two ticks have nothing to do with each other: the daemon was down.
_PAUSE = 60.0

Peaks = tuple[tuple[float, float], ...]


def update(track: Track, now: float, demand: Demand, fleet: Sequence[Worker]) -> Track:
    """What is measured after one tick more.

    Parameters
    ----------
    track : as the last tick left it; ``Track()`` at first.
    now : of the tick, seconds. At the time of the last one, or before it, nothing is measured.
    demand : of the fleet.
    fleet : its workers, in any state.

    Returns
    -------
    The track to remember; its `measures` belong into this tick's `Situation`. What cannot be seen is
    not measured: without its queues nothing is counted as published, and while any worker is silent
    nothing is learnt about service times.
    """
    if track.at is not None and now <= track.at:
        return track
    track = workers.count(workers.time_starts(_timed(track, now), now, fleet), fleet)
    if len(demand.unknown) <= _silent(fleet):
        track = published.count(track, now, track.accepted + demand.ready + _reserved(fleet))
    if demand.complete:
        track = _look(track, now, demand, fleet)
    arrival = published.rate(track.measures.published, now)
    return replace(track, at=now, measures=replace(track.measures, arrival=arrival))


def _timed(track: Track, now: float) -> Track:
    if track.at is None or now - track.at > _PAUSE:
        return track
    before, lasted = track.measures.interval, now - track.at
    interval = lasted if before is None else before + _NEWS * (lasted - before)
    return replace(track, measures=replace(track.measures, interval=interval))


def _silent(fleet: Sequence[Worker]) -> int:
    """Workers that `Demand.unknown` names; any more are queues."""
    return sum(
        worker.state in SERVING and worker.state is not WorkerState.STARTING
        for worker in fleet
        if not isinstance(worker.stats, Known)
    )


def _reserved(fleet: Sequence[Worker]) -> int:
    """Also what draining workers hold: it has been published and will be accepted."""
    return sum(worker.stats.value.reserved for worker in fleet if isinstance(worker.stats, Known))


def _look(track: Track, now: float, demand: Demand, fleet: Sequence[Worker]) -> Track:
    tasks = _active(fleet)
    slots = _slots(fleet)
    track = service.look(track, Moment(now, track.accepted, len(tasks)), tasks)
    used = min(float(slots), demand.running + demand.waiting)
    measures = replace(_with_peak(track.measures, now, used), uses=_with_use(track.measures, now, used))
    track = replace(track, measures=measures)
    return minutes.watch(track, now, used)


def _active(fleet: Sequence[Worker]) -> list[ActiveTask]:
    return [task for worker in fleet if isinstance(worker.stats, Known) for task in worker.stats.value.active]


def _slots(fleet: Sequence[Worker]) -> int:
    serving = (worker.stats for worker in fleet if worker.state in SERVING)
    return sum(stats.value.slots for stats in serving if isinstance(stats, Known))


def _with_use(measures: Measures, now: float, used: float) -> tuple[tuple[float, float], ...]:
    """Add the slots in use to those of the last while: some start times, as far as that is known.

    What was in use before a time without looks is taken to have been until shortly before this one.
    """
    before, interval = measures.uses, measures.interval or 0.0
    if before and now - before[-1][0] > UNSEEN * interval:
        before = (*before, (max(before[-1][0], now - interval), before[-1][1]))
    start = measures.start_seconds
    known = 0.0 if start is None else start.high or start.value
    oldest = now - min(PEAKS_HORIZON, max(USES_HORIZON, USES_STARTS * known))
    old = sum(at < oldest for at, _ in before)
    return (*before[max(0, old - 1) :], (now, used))


def _with_peak(measures: Measures, now: float, used: float) -> Measures:
    """Add the slots in use; what was in use last is taken to have been until now."""
    before = measures.peaks
    carried: Peaks = (*before[:-1], (now, before[-1][1])) if before else ()
    kept = tuple((until, slots) for until, slots in carried if slots > used and until > now - PEAKS_HORIZON)
    return replace(measures, peaks=(*kept, (now, used)))
