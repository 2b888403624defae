"""Made-up fleets for the dashboard: many, none, broken, long and hostile ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from autoscaler.errors import StoreError
from autoscaler.loop.snapshot import Counts, Snapshot
from autoscaler.model import (
    ActiveTask,
    Decision,
    Demand,
    FixedSize,
    FleetTick,
    HostStats,
    Known,
    Observation,
    Paused,
    Process,
    QueueStats,
    Reason,
    Scaling,
    SingletonState,
    SingletonTick,
    Tick,
    Unknown,
    Worker,
    WorkerHold,
    WorkerState,
    WorkerStats,
)
from autoscaler.store.history import PastDecision, Sample

#: A quarter to three on some afternoon, UTC.
NOW = 1_760_452_980.0
HOUR = 3600

HOSTILE = '<img src=x onerror="window.stolen = 1"><script>window.stolen = 1</script>\'`&amp;'


def workers(
    fleet: str, states: Mapping[WorkerState, int], task: str = "shop.tasks.send"
) -> tuple[Worker, ...]:
    """So many in each state; the running ones have something to do but for every fourth."""
    kinds = [state for state, count in states.items() for _ in range(count)]
    return tuple(worker(fleet, number, state, task) for number, state in enumerate(kinds, start=1))


def worker(fleet: str, number: int, state: WorkerState, task: str = "shop.tasks.send") -> Worker:
    """One that answers, unless it is in a state in which it would not."""
    name = f"{fleet}-{number:02}"
    answers = state in {WorkerState.RUNNING, WorkerState.DRAINING, WorkerState.RESTORING}
    has_process = answers or state in {WorkerState.STARTING, WorkerState.STOPPING}
    active = (
        ()
        if number % 4 == 0
        else tuple(
            ActiveTask(f"{name}{each}", task, NOW - 7.0 * number * (each + 1))
            for each in range(1 + number % 3)
        )
    )
    stats = WorkerStats(f"{name}@shop1", 4000 + number, 4, 100, active, number % 3)
    return Worker(
        name,
        fleet,
        f"{name}@shop1",
        state,
        NOW - 37.0 * number**2,
        4000 + number if has_process else None,
        Known(stats, NOW) if answers else Unknown("no reply in time", NOW),
        answered=answers,
        failure="can't find command '/srv/shop/celery'" if state is WorkerState.FAILED else "",
    )


def fleet(
    name: str = "emails",
    states: Mapping[WorkerState, int] | None = None,
    *,
    desired: int | None = None,
    waiting: float = 0.0,
    wait: float | None = 0.0,
    reasons: tuple[str, ...] = (),
    unknown: tuple[str, ...] = (),
    bounds: tuple[int, int] = (1, 12),
    queues: tuple[str, ...] = (),
    task: str = "shop.tasks.send",
    **others: object,
) -> FleetTick:
    """One fleet as of a tick."""
    members = workers(name, states or {WorkerState.RUNNING: 2}, task)
    current = sum(each.state not in {WorkerState.DRAINING, WorkerState.STOPPING} for each in members)
    running = sum(len(each.stats.value.active) for each in members if isinstance(each.stats, Known))
    demand = Demand(max(0.0, waiting - 4), min(4, int(waiting)), running, unknown)
    texts = reasons or (
        f"{waiting:g} waiting, 20 for each worker: {max(1, math.ceil(waiting / 20))} workers",
    )
    decision = Decision(
        name,
        NOW,
        current,
        desired,
        current if desired is None else desired,
        tuple(Reason(f"reason{number}", text) for number, text in enumerate(texts)),
        (),
        demand,
    )
    return FleetTick(
        name, Scaling(*bounds, 4), queues or (name,), members, decision, expected_wait=wait, **others
    )


def tick(*fleets: FleetTick, singletons: tuple[SingletonTick, ...] = ()) -> Tick:
    """All of them; everything could be seen."""
    queues = {queue: Known(QueueStats(queue, 0), NOW) for each in fleets for queue in each.queues}
    processes: Known[Mapping[str, Process]] = Known({}, NOW)
    observation = Observation(NOW, queues, {}, processes, Known(HostStats(1, 1), NOW))
    return Tick(NOW, 0.031, observation, fleets, singletons=singletons)


def snapshot(at: Tick | None, **others: object) -> Snapshot:
    """What the daemon would show."""
    path = Path("/etc/autoscaler/autoscaler.yaml")
    shown = Snapshot(path, NOW - 3 * 86400, NOW - 4711, 2.0, at, counts=Counts(ticks=128), host_name="shop1")
    return replace(shown, **others)


# --- scenes ---

S = WorkerState


def one() -> Snapshot:
    """One fleet in the middle of growing."""
    growing = fleet(
        states={S.RUNNING: 6, S.STARTING: 2},
        desired=9,
        waiting=172,
        wait=14.2,
        reasons=(
            "172 to start within 26 s, 24 slots and 8 starting start 131: 11 workers",
            "max_scale_up: at most 4 within 15 s, so not 11",
        ),
        queues=("emails", "newsletters"),
    )
    beat = SingletonTick("beat", SingletonState.RUNNING, NOW - 86400, 812)
    return snapshot(tick(growing, singletons=(beat,)))


def twelve() -> Snapshot:
    """As many as a larger shop has."""
    names = ["emails", "invoices", "reports", "thumbnails", "search-index", "webhooks", "exports", "imports"]
    names += ["sms", "push", "audit", "nightly"]
    made = []
    for number, name in enumerate(names):
        states = {S.RUNNING: 1 + number % 5, S.STARTING: number % 3 == 1, S.DRAINING: number % 4 == 3}
        waiting = (number * 37) % 90 if number % 2 else 0
        made.append(fleet(name, states, waiting=waiting, wait=waiting / 9, bounds=(1, 4 + number)))
    made[2] = replace(
        made[2],
        hold=Paused(by="alice (uid 1000)", reason="broker maintenance", since=NOW - 700, until=NOW + 1100),
    )
    made[5] = replace(made[5], dry_run=True)
    return snapshot(tick(*made))


def sixty() -> Snapshot:
    """Sixty workers in every state there is."""
    states = {
        S.RUNNING: 41,
        S.RESTORING: 2,
        S.STARTING: 6,
        S.DRAINING: 5,
        S.STOPPING: 2,
        S.HELD: 3,
        S.FAILED: 1,
    }
    large = fleet(
        "thumbnails", states, desired=55, waiting=3120, wait=412, bounds=(4, 80), task="media.resize"
    )
    held = [each for each in large.workers or () if each.state is S.HELD]
    ordered = replace(
        held[0], hold=WorkerHold(held[0].name, by="token ci", reason="leaks memory", since=NOW - 3000)
    )
    members = tuple(ordered if each.name == ordered.name else each for each in large.workers or ())
    return snapshot(tick(replace(large, workers=members)))


def long_names() -> Snapshot:
    """Names and reasons without end."""
    name = "a-fleet-with-a-name-that-somebody-must-have-thought-about-for-a-very-long-time"
    endless = "https://broker.internal.example/" + "x" * 180
    why = f"{endless}: this reason goes on and on and tells more than anybody can want to know: 3 workers"
    made = fleet(name, {S.RUNNING: 3}, reasons=(why,), queues=tuple(f"{name}-{each}" for each in range(4)))
    hold = FixedSize(
        3,
        by="a.user.with.a.long.name@example.com (uid 100100100)",
        reason=endless,
        since=NOW - 70000,
        until=NOW + 70000,
    )
    return snapshot(tick(replace(made, hold=hold), fleet("b")))


def hostile() -> Snapshot:
    """Text that would do harm if it were read as HTML."""
    bad = fleet(
        "emails", {S.RUNNING: 2}, reasons=(HOSTILE,), queues=(HOSTILE,), task=HOSTILE, trouble=HOSTILE
    )
    hold = Paused(by=HOSTILE, reason=HOSTILE, since=NOW - 60)
    singleton = SingletonTick("beat", SingletonState.RESTING, NOW - 5, None, NOW + 9, 4, HOSTILE)
    shown = tick(replace(bad, hold=hold), singletons=(singleton,))
    return snapshot(shown, config_problems=(HOSTILE,), trouble=HOSTILE, host_name=HOSTILE)


def broken() -> Snapshot:
    """Nothing can be seen, and the config is wrong."""
    away = "unix:///run/supervisor.sock: there is no such socket: start supervisord, or set supervisord.url"
    blind = [
        replace(fleet(name), workers=None, decision=None, expected_wait=None, trouble=away)
        for name in ("emails", "reports")
    ]
    shown = tick(*blind)
    queues = {name: Unknown("amqp://localhost: connection refused", NOW) for name in ("emails", "reports")}
    observation = replace(shown.observation, queues=queues, processes=Unknown(away, NOW))
    wrong = "/etc/autoscaler/autoscaler.yaml:14: fleets.emails.min_workers: 9 is more than max_workers (4)"
    return snapshot(replace(shown, observation=observation), config_problems=(wrong,))


def empty() -> Snapshot:
    """A daemon without fleets."""
    return snapshot(tick())


def unborn() -> Snapshot:
    """A daemon before its first tick."""
    return snapshot(None, started_at=NOW - 1)


SCENES = {each.__name__: each for each in (one, twelve, sixty, long_names, hostile, broken, empty, unborn)}


# --- the last hour ---


@dataclass
class MadeHistory:
    """Stands for the store: an afternoon's load, with minutes missing, and some of unknown demand."""

    broken: bool = False
    asked: list[str] = field(default_factory=list)

    def samples(self, fleet: str, limit: int, since: float) -> list[Sample]:
        """One every ten seconds, newest first."""
        self.asked.append(fleet)
        if self.broken:
            raise StoreError("/var/lib/autoscaler/autoscaler.db cannot be read: disk I/O error")
        every = [NOW - 10 * number for number in range(1, 361)]
        return [self._sample(at, len(fleet)) for at in every if at >= since and not 1500 < NOW - at < 2000][
            :limit
        ]

    def _sample(self, at: float, seed: int) -> Sample:
        """Of the fleet of `one` such that it ends as that begins; other fleets are at another time of day."""
        phase = (NOW - at) / HOUR * 9.4 + seed - len("emails")
        load = max(0.0, math.cos(phase) + 0.3 * math.sin(3.1 * phase))
        ready = round(168 * load)
        size = min(9, 1 + round(7 * max(0.0, math.cos(phase + 0.3))))
        unknown = 2600 < NOW - at < 2800
        wait = None if unknown else ready / (1.5 * size)
        wanted = min(12, size + round(2 * max(0.0, load - 0.6)))
        return Sample(at, None if unknown else ready, 4, min(4 * size, ready), size, wanted, wait)

    def decisions(self, fleet: str, limit: int, since: float) -> list[PastDecision]:
        """The latest ones, newest first."""
        return list(self._decisions())[:limit]

    def _decisions(self) -> Iterator[PastDecision]:
        steps = [(6, 9, 172), (4, 6, 96), (2, 4, 61), (1, 2, 30), (3, 1, 0), (5, 3, 0), (5, 5, 12)]
        for number, (current, desired, waiting) in enumerate(steps):
            why = Reason("backlog_per_worker", f"{waiting} waiting, 20 for each worker: {desired} workers")
            bound = Reason("max_scale_up", "max_scale_up: at most 4 within 15 s")
            reasons = (why, bound) if number == 0 else (why,)
            at = NOW - 15.0 - 190.0 * number**1.6
            yield PastDecision(at, current, desired, desired, reasons, waiting, 0, 4 * current)
