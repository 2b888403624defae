"""Workers as values of the API. An unknown number is null, never zero."""

from __future__ import annotations

from collections import Counter

from autoscaler.http.views.base import View
from autoscaler.http.views.holds import HoldView, hold_of_worker
from autoscaler.loop.snapshot import Snapshot
from autoscaler.model import FleetTick, Known, Unknown, Worker, WorkerStats

#: Names of tasks that one worker shows.
MOST_NAMES = 20


class TasksView(View):
    """The running tasks of one worker that have the same name."""

    name: str
    count: int
    #: Seconds that the oldest of them has been running; null where the worker does not report it.
    longest: float | None


class WorkerView(View):
    """One worker as of the last tick."""

    name: str
    fleet: str
    node: str
    state: str
    #: Seconds in this state.
    for_seconds: float
    pid: int | None
    #: Tasks; null while the worker does not answer.
    running: int | None
    reserved: int | None
    #: Tasks with an ETA.
    scheduled: int | None
    #: Tasks that the worker can run at once, if the pool was resized by hand; null: the fleet's concurrency.
    resized_to: int | None
    #: Why the worker does not answer; null when it does.
    unknown: str | None
    #: The worker runs with older settings than the config's, and will be replaced.
    outdated: bool
    #: The operator's hold; null: none.
    hold: HoldView | None = None
    #: supervisord's reason why the worker does not run; empty where it has none.
    failure: str = ""
    #: Running tasks by name, the most frequent first, at most twenty; empty also while the worker is silent.
    tasks: tuple[TasksView, ...] = ()


class WorkersView(View):
    """All workers."""

    #: Time of the tick, seconds since 1970; null before the first one.
    at: float | None
    workers: tuple[WorkerView, ...]


def workers_view(snapshot: Snapshot) -> WorkersView:
    """Show all workers."""
    tick = snapshot.tick
    if tick is None:
        return WorkersView(at=None, workers=())
    views = (_worker(fleet, worker, tick.at) for fleet in tick.fleets for worker in fleet.workers or ())
    return WorkersView(at=tick.at, workers=tuple(views))


def _worker(fleet: FleetTick, worker: Worker, at: float) -> WorkerView:
    stats = worker.stats.value if isinstance(worker.stats, Known) else None
    return WorkerView.of(
        worker,
        state=worker.state.value,
        for_seconds=max(0.0, at - worker.since),
        running=len(stats.active) if stats else None,
        reserved=stats.reserved if stats else None,
        scheduled=stats.scheduled if stats else None,
        resized_to=_resized(fleet, worker),
        unknown=worker.stats.error if isinstance(worker.stats, Unknown) else None,
        hold=hold_of_worker(worker),
        tasks=_tasks(stats, at) if stats else (),
    )


def _resized(fleet: FleetTick, worker: Worker) -> int | None:
    """The slots of a pool that `celery control pool_grow` or `pool_shrink` changed."""
    if isinstance(worker.stats, Unknown) or worker.outdated or not fleet.scaling.max_workers:
        return None
    slots = worker.stats.value.slots
    return slots if slots != fleet.scaling.concurrency else None


def _tasks(stats: WorkerStats, at: float) -> tuple[TasksView, ...]:
    counts = Counter(task.name for task in stats.active).most_common(MOST_NAMES)
    return tuple(
        TasksView(name=name, count=count, longest=_longest(stats, name, at)) for name, count in counts
    )


def _longest(stats: WorkerStats, name: str, at: float) -> float | None:
    begun = [each.started_at for each in stats.active if each.name == name and each.started_at is not None]
    return max(0.0, at - min(begun)) if begun else None
