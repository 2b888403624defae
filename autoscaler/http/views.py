"""The snapshot as values of the API. An unknown number is null, never zero."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from autoscaler.http.sources import sources
from autoscaler.model import (
    Demand,
    FleetTick,
    Hold,
    Known,
    Unknown,
    Worker,
    WorkerHold,
    WorkerState,
    WorkerStats,
)

if TYPE_CHECKING:  # the command shows these values without all that a daemon needs
    from autoscaler.loop.snapshot import Snapshot

#: A daemon whose last tick is older than so many polling intervals (and seconds) is not healthy.
STALE_INTERVALS = 3
STALE_SECONDS = 15.0
#: Names of tasks that are told of one worker.
MOST_NAMES = 20


class View(BaseModel):
    """Base of all views."""

    model_config = ConfigDict(frozen=True)


class ReasonView(View):
    """One step from what was seen to what was decided."""

    code: str
    text: str


class DemandView(View):
    """Tasks of one fleet. With anything in `unknown` the numbers are lower bounds."""

    ready: float
    reserved: int
    running: int
    waiting: float
    unknown: list[str]


class RecommendationView(View):
    """What one policy would have."""

    policy: str
    workers: int
    text: str


class HoldView(View):
    """What an operator ordered, until when, and how to end it."""

    #: paused: the size stays. size: kept at `workers`. stopped: every worker goes. drained: this worker is
    #: taken out of service. by hand: somebody stopped this worker past us, with supervisorctl.
    kind: Literal["paused", "size", "stopped", "drained", "by hand"]
    workers: int | None
    #: A user of the machine or the name of a token; empty: nobody said.
    by: str
    reason: str
    since: float
    #: Null: until it is released.
    until: float | None
    #: Ends when the machine starts again.
    this_boot: bool
    #: The command that ends it.
    release: str


class FleetView(View):
    """One fleet as of the last tick."""

    name: str
    queues: list[str]
    min_workers: int
    max_workers: int
    concurrency: int
    #: Serving and held workers; null while supervisord cannot be seen.
    current: int | None
    desired: int | None
    recommended: int | None
    #: How many workers are in each state; null while supervisord cannot be seen.
    workers: dict[str, int] | None
    demand: DemandView | None
    reasons: list[ReasonView]
    recommendations: list[RecommendationView]
    #: Why the decision was not carried out, or none was taken; empty when all is well.
    trouble: str
    dry_run: bool
    #: What an operator ordered; null: nothing.
    hold: HoldView | None = None
    #: Seconds until a task that is published now starts, if no worker is added; null: unknown.
    expected_wait: float | None = None


class FleetsView(View):
    """All fleets."""

    #: When the tick was, in seconds since the epoch; null before the first one.
    at: float | None
    fleets: list[FleetView]
    #: What is wrong with the config file as it is now; the last good one is in use.
    config_problems: list[str]
    #: What could not be seen, by part (`supervisord`, `host`, `queue NAME`).
    unknown: dict[str, str]
    #: Why the last tick failed as a whole; empty when it did not.
    trouble: str


class TasksView(View):
    """Tasks of one name that a worker runs."""

    name: str
    count: int
    #: Seconds that the one which began first has been running; null where the worker does not say.
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
    #: Tasks running and held; null while the worker does not answer.
    running: int | None
    reserved: int | None
    scheduled: int | None
    #: Tasks that it can run at once, where that is not the fleet's concurrency: somebody resized its pool.
    resized_to: int | None
    #: Why it does not answer; null when it does.
    unknown: str | None
    #: Its settings are not those of the config any more; it will be replaced.
    outdated: bool
    #: Why an operator has it out of service, or on its way out; null: nobody has.
    hold: HoldView | None = None
    #: supervisord's own words on why it does not run; empty where it has none.
    failure: str = ""
    #: What it runs, by name, the most first and no more than twenty; empty also while it does not answer.
    tasks: list[TasksView] = []


class WorkersView(View):
    """All workers."""

    at: float | None
    workers: list[WorkerView]


class CarriedOut(View):
    """What came of a command."""

    #: When it was carried out, in seconds since the epoch; the next tick follows at once.
    at: float
    #: A sentence for each fleet or worker.
    said: list[str]


class AccessView(View):
    """Who asks, and what they may do."""

    #: A user of the machine, or the name of a token; ``unknown``: anybody who may look.
    caller: str
    may_change: bool
    #: Whether the token would let them change things.
    token_helps: bool


class SourceView(View):
    """One of the things that are looked at: supervisord, queues, workers (once one has answered), host."""

    name: str
    #: Whether the last tick could see anything of it.
    up: bool
    #: Why not; empty when it could.
    error: str


class HealthView(View):
    """Whether the daemon does its work."""

    #: ok: all is seen. degraded: it works, but something is unknown or in trouble. stale: no tick in time.
    status: Literal["ok", "degraded", "stale"]
    version: str
    #: The machine that it runs on, as in the workers' node names.
    host: str
    config_file: str
    started_at: float
    config_read_at: float
    #: When it was looked at last, whether it could be used or not.
    config_tried_at: float
    #: What is wrong with it as it is now; the last good one is in use.
    config_problems: list[str]
    #: Seconds.
    polling_interval: float
    last_tick_at: float | None
    last_tick_seconds: float | None
    problems: list[str]
    #: What the last tick has looked at; empty before the first one.
    sources: list[SourceView] = []


def fleets_view(snapshot: Snapshot) -> FleetsView:
    """Show all fleets."""
    tick = snapshot.tick
    return FleetsView(
        at=tick.at if tick else None,
        fleets=[fleet_view(fleet) for fleet in tick.fleets] if tick else [],
        config_problems=list(snapshot.config_problems),
        unknown=tick.observation.unknown if tick else {},
        trouble=snapshot.trouble,
    )


def fleet_view(fleet: FleetTick) -> FleetView:
    """Show one fleet."""
    decision = fleet.decision
    return FleetView(
        name=fleet.name,
        queues=list(fleet.queues),
        min_workers=fleet.scaling.min_workers,
        max_workers=fleet.scaling.max_workers,
        concurrency=fleet.scaling.concurrency,
        current=decision.current if decision else None,
        desired=decision.desired if decision else None,
        recommended=decision.recommended if decision else None,
        workers=_by_state(fleet.workers),
        demand=_demand_view(decision.demand) if decision else None,
        reasons=[ReasonView(code=each.code, text=each.text) for each in decision.reasons] if decision else [],
        recommendations=[
            RecommendationView(policy=each.policy, workers=each.workers, text=each.text)
            for each in (decision.recommendations if decision else ())
        ],
        trouble=fleet.trouble,
        dry_run=fleet.dry_run,
        hold=_hold_view(fleet.name, fleet.hold) if fleet.hold else None,
        expected_wait=fleet.expected_wait,
    )


def workers_view(snapshot: Snapshot) -> WorkersView:
    """Show all workers."""
    tick = snapshot.tick
    if tick is None:
        return WorkersView(at=None, workers=[])
    workers = [(fleet, worker) for fleet in tick.fleets for worker in fleet.workers or ()]
    return WorkersView(
        at=tick.at, workers=[_worker_view(fleet, worker, tick.at) for fleet, worker in workers]
    )


def health_view(snapshot: Snapshot, now: float, version: str) -> HealthView:
    """Show whether the daemon does its work."""
    tick = snapshot.tick
    problems = _problems(snapshot)
    return HealthView(
        status="stale" if is_stale(snapshot, now) else "degraded" if problems else "ok",
        version=version,
        host=snapshot.host_name,
        config_file=str(snapshot.config_path.absolute()),
        started_at=snapshot.started_at,
        config_read_at=snapshot.config_read_at,
        config_tried_at=snapshot.config_tried_at or snapshot.config_read_at,
        config_problems=list(snapshot.config_problems),
        polling_interval=snapshot.polling_interval,
        last_tick_at=tick.at if tick else None,
        last_tick_seconds=tick.duration if tick else None,
        problems=problems,
        sources=[SourceView(name=each.name, up=each.up, error=each.error) for each in sources(tick)]
        if tick
        else [],
    )


def is_stale(snapshot: Snapshot, now: float) -> bool:
    """Whether the last tick is so old that the loop must hang, or there was none in time."""
    last = snapshot.tick.at if snapshot.tick else snapshot.started_at
    return now - last > max(STALE_INTERVALS * snapshot.polling_interval, STALE_SECONDS)


def _problems(snapshot: Snapshot) -> list[str]:
    problems = list(snapshot.config_problems)
    if snapshot.trouble:
        problems.append(snapshot.trouble)
    if snapshot.tick:
        problems += [f"{part}: {error}" for part, error in snapshot.tick.observation.unknown.items()]
        problems += [f"{fleet.name}: {fleet.trouble}" for fleet in snapshot.tick.fleets if fleet.trouble]
        problems += [f"{each.name}: {each.trouble}" for each in snapshot.tick.singletons if each.trouble]
    return problems


def _by_state(workers: tuple[Worker, ...] | None) -> dict[str, int] | None:
    if workers is None:
        return None
    return dict(Counter(worker.state.value for worker in workers))


def _demand_view(demand: Demand) -> DemandView:
    return DemandView(
        ready=demand.ready,
        reserved=demand.reserved,
        running=demand.running,
        waiting=demand.waiting,
        unknown=list(demand.unknown),
    )


def _resized(fleet: FleetTick, worker: Worker) -> int | None:
    """The slots of a pool that `celery control pool_grow` or `pool_shrink` changed."""
    if isinstance(worker.stats, Unknown) or worker.outdated or not fleet.scaling.max_workers:
        return None
    slots = worker.stats.value.slots
    return slots if slots != fleet.scaling.concurrency else None


def _worker_view(fleet: FleetTick, worker: Worker, at: float) -> WorkerView:
    stats = worker.stats.value if isinstance(worker.stats, Known) else None
    return WorkerView(
        name=worker.name,
        fleet=worker.fleet,
        node=worker.node,
        state=worker.state.value,
        for_seconds=max(0.0, at - worker.since),
        pid=worker.pid,
        running=len(stats.active) if stats else None,
        reserved=stats.reserved if stats else None,
        scheduled=stats.scheduled if stats else None,
        resized_to=_resized(fleet, worker),
        unknown=worker.stats.error if isinstance(worker.stats, Unknown) else None,
        outdated=worker.outdated,
        hold=_worker_hold_view(worker),
        failure=worker.failure,
        tasks=_tasks(stats, at) if stats else [],
    )


def _tasks(stats: WorkerStats, at: float) -> list[TasksView]:
    return [
        TasksView(name=name, count=count, longest=_longest(stats, name, at))
        for name, count in Counter(task.name for task in stats.active).most_common(MOST_NAMES)
    ]


def _longest(stats: WorkerStats, name: str, at: float) -> float | None:
    begun = [each.started_at for each in stats.active if each.name == name and each.started_at is not None]
    return max(0.0, at - min(begun)) if begun else None


def _hold_view(fleet: str, hold: Hold) -> HoldView:
    return HoldView(
        kind=hold.kind,
        workers=hold.workers,
        by=hold.by,
        reason=hold.reason,
        since=hold.since,
        until=hold.until,
        this_boot=bool(hold.boot),
        release=f"autoscaler {'start' if hold.stopped else 'resume'} {fleet}",
    )


def _worker_hold_view(worker: Worker) -> HoldView | None:
    """Who ordered it out; nobody is known to have, where it was stopped past us."""
    if worker.hold is None and worker.state is not WorkerState.HELD:
        return None
    hold = worker.hold or WorkerHold(worker.name, since=worker.since)
    return HoldView(
        kind="drained" if worker.hold else "by hand",
        workers=None,
        by=hold.by,
        reason=hold.reason,
        since=hold.since,
        until=hold.until,
        this_boot=False,
        release=f"autoscaler release {worker.name}",
    )
