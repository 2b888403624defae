"""Which workers leave first when a fleet shrinks, and which return first when it grows.

    starting   not of use yet; the youngest first
    idle       answered, nothing active and nothing reserved
    busy       the least left to do first; of equals the one whose oldest task started last,
               since a task that has run for long is likely to run on
    silent     may hold anything, so it goes last

Equals: outdated before current, then the highest number first, so that emails-01 lives longest.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from autoscaler.model import Unknown, Worker, WorkerState, WorkerStats

_STARTING, _IDLE, _BUSY, _SILENT = range(4)

_Key = tuple[int, float, float, bool, int, str]


def order(workers: Iterable[Worker]) -> tuple[Worker, ...]:
    """The workers, the first to drain first."""
    return tuple(sorted(workers, key=_key))


def restore_order(workers: Iterable[Worker]) -> tuple[Worker, ...]:
    """Draining workers, the first to take back first.

    The busiest is warm and furthest from gone; a silent one may not hear that it is wanted, so it is
    the last. Outdated ones, and those that an operator ordered out, are to go in any case: left out.
    """
    return tuple(sorted(filter(_may_return, workers), key=_restore_key))


def _may_return(worker: Worker) -> bool:
    return worker.state is WorkerState.DRAINING and not worker.outdated and worker.hold is None


def number(name: str) -> int:
    """The number at the end of a worker's name, ``emails-10`` -> 10; -1 without one."""
    digits = re.search(r"[0-9]+$", name)
    return int(digits.group()) if digits else -1


def _key(worker: Worker) -> _Key:
    rank, left, age = _rank(worker)
    return (rank, left, age, not worker.outdated, -number(worker.name), worker.name)


def _rank(worker: Worker) -> tuple[int, float, float]:
    if isinstance(worker.stats, Unknown):
        starting = worker.state is WorkerState.STARTING
        return (_STARTING, 0.0, -worker.since) if starting else (_SILENT, 0.0, 0.0)
    stats = worker.stats.value
    if not stats.busy:
        return (_IDLE, 0.0, 0.0)
    return (_BUSY, float(_left(stats)), _oldest_start(stats))


def _left(stats: WorkerStats) -> int:
    return len(stats.active) + stats.reserved


def _oldest_start(stats: WorkerStats) -> float:
    """Sorts the latest first; a task that does not say when it started may have run for ever."""
    starts = [math.inf if task.started_at is None else -task.started_at for task in stats.active]
    return max(starts, default=-math.inf)


def _restore_key(worker: Worker) -> tuple[bool, int, int, str]:
    silent = isinstance(worker.stats, Unknown)
    left = 0 if isinstance(worker.stats, Unknown) else _left(worker.stats.value)
    return (silent, -left, number(worker.name), worker.name)
