"""The tasks that workers have accepted, by their own counts, and the time of their starts.

A worker's count restarts at 0 with its process (told by the pid), and goes with the worker when it is
removed. The sum of what each has added stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from autoscaler.model import Counted, Estimate, Known, Track, Worker, WorkerState
from autoscaler.model.numbers import spread

#: Starts that are remembered.
REMEMBERED = 20


def count(track: Track, workers: Sequence[Worker]) -> Track:
    """Add what the workers have accepted since they were seen last."""
    before = {each.worker: each for each in track.counted}
    first = track.at is None
    counted = [_counted(before.get(worker.name), worker, first) for worker in workers]
    added = sum(_added(before.get(each.worker), each, first) for each in counted if each is not None)
    return replace(
        track,
        counted=tuple(each for each in counted if each is not None),
        accepted=track.accepted + added,
    )


def _counted(before: Counted | None, worker: Worker, first: bool) -> Counted | None:
    if isinstance(worker.stats, Known):
        return Counted(worker.name, worker.stats.value.pid, worker.stats.value.accepted)
    if first and worker.state is not WorkerState.STARTING:
        return Counted(worker.name, worker.pid, None)
    return before


def _added(before: Counted | None, now: Counted, first: bool) -> int:
    """Tasks; those from before the first look are nobody's."""
    if first or now.accepted is None:
        return 0
    if before is None or before.pid != now.pid:
        return now.accepted
    return 0 if before.accepted is None else max(0, now.accepted - before.accepted)


def time_starts(track: Track, now: float, workers: Iterable[Worker]) -> Track:
    """Note who is starting, and how long it took those that answer now.

    A start is taken to begin with the tick that ordered it, and to end in the middle between the first
    tick that got an answer and the one before it.
    """
    before = track.at
    since, known = dict(track.starting), {each.worker: each.pid for each in track.counted}
    starting: list[tuple[str, float]] = []
    took: list[float] = []
    for worker in workers:
        if worker.state is WorkerState.STARTING:
            begun = worker.since if before is None else before
            starting.append((worker.name, since.get(worker.name, begun)))
        elif before is not None and isinstance(worker.stats, Known) and _is_new(worker, since, known):
            took.append(max(0.0, (now + before) / 2 - since.get(worker.name, before)))
    samples = (*track.start_samples, *took)[-REMEMBERED:]
    measures = replace(track.measures, start_seconds=start_seconds(samples, starting, now))
    return replace(track, starting=tuple(starting), start_samples=samples, measures=measures)


def _is_new(worker: Worker, since: dict[str, float], known: dict[str, int | None]) -> bool:
    return worker.name in since or worker.name not in known


def start_seconds(
    samples: Sequence[float], starting: Sequence[tuple[str, float]], now: float
) -> Estimate | None:
    """Seconds to the first answer; as long as there was none, at least what the first one has taken."""
    if samples:
        value, deviation = spread((each, 1.0) for each in samples)
        return Estimate(value, max(0.0, value - deviation), value + deviation)
    lasted = max((now - since for _, since in starting), default=0.0)
    return Estimate(lasted, lasted, None) if lasted > 0 else None
