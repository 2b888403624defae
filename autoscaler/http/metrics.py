"""`GET /metrics`: the metrics for Prometheus.

Everything is read from the snapshot as it is asked for; what is counted is counted by the loop. A gauge whose
value is not known is left out, as is all that was seen by a tick that is too old: an alert on a number is
never one on a guess. What could not be seen is told by gauges of its own (`source_up`, `demand_known`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from autoscaler import __version__
from autoscaler.decide import alarm
from autoscaler.http.sources import sources
from autoscaler.http.views import is_stale
from autoscaler.loop.snapshot import Snapshot
from autoscaler.model import (
    Decision,
    FleetTick,
    Known,
    MaxWait,
    QueueStats,
    SingletonState,
    SingletonTick,
    Tick,
    WorkerState,
)

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
PREFIX: Final = "autoscaler_"


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the daemon."""

    snapshot: Snapshot
    now: float

    @property
    def tick(self) -> Tick | None:
        """The last tick; None: there was none, or it is too old to tell what is."""
        return None if is_stale(self.snapshot, self.now) else self.snapshot.tick


#: A value with its labels, in the order of the family's.
Labelled = tuple[tuple[str, ...], float | None]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name without prefix, what it means, and how it is read."""

    name: str
    help: str
    read: Callable[[Look], Iterable[Labelled]]
    labels: tuple[str, ...] = ()
    kind: Literal["gauge", "counter"] = "gauge"

    @property
    def full_name(self) -> str:
        """As it is scraped."""
        return PREFIX + self.name

    def metric(self, look: Look) -> Metric:
        """Its values; those that are not known are left out."""
        made = GaugeMetricFamily if self.kind == "gauge" else CounterMetricFamily
        metric = made(self.full_name, self.help, labels=self.labels)
        for labels, value in self.read(look):
            if value is not None:
                metric.add_metric(labels, value)
        return metric


# --- where values come from ---


def _of_daemon(read: Callable[[Look], float | None]) -> Callable[[Look], Iterator[Labelled]]:
    def _read(look: Look) -> Iterator[Labelled]:
        yield (), read(look)

    return _read


def _of_fleet(read: Callable[[FleetTick], float | None]) -> Callable[[Look], Iterator[Labelled]]:
    def _read(look: Look) -> Iterator[Labelled]:
        for fleet in look.tick.fleets if look.tick else ():
            yield (fleet.name,), read(fleet)

    return _read


def _of_decision(read: Callable[[Decision], float | None]) -> Callable[[Look], Iterator[Labelled]]:
    """Of a fleet's last decision; while supervisord cannot be seen there is none."""
    return _of_fleet(lambda fleet: None if fleet.decision is None else read(fleet.decision))


def _of_singleton(read: Callable[[SingletonTick], float | None]) -> Callable[[Look], Iterator[Labelled]]:
    def _read(look: Look) -> Iterator[Labelled]:
        for each in look.tick.singletons if look.tick else ():
            yield (each.name,), read(each)

    return _read


def _of_queue(read: Callable[[QueueStats], float | None]) -> Callable[[Look], Iterator[Labelled]]:
    def _read(look: Look) -> Iterator[Labelled]:
        for name, reading in sorted(look.tick.observation.queues.items()) if look.tick else ():
            yield (name,), read(reading.value) if isinstance(reading, Known) else None

    return _read


def _build(_: Look) -> Iterator[Labelled]:
    yield (__version__,), 1


def _sources(look: Look) -> Iterator[Labelled]:
    for source in sources(look.tick) if look.tick else ():
        yield (source.name,), source.up


def _workers(look: Look) -> Iterator[Labelled]:
    for fleet in look.tick.fleets if look.tick else ():
        states = [worker.state for worker in fleet.workers or ()]
        for state in WorkerState:
            yield (fleet.name, state), None if fleet.workers is None else states.count(state)


def _holds(look: Look) -> Iterator[Labelled]:
    for fleet in look.tick.fleets if look.tick else ():
        for kind in ("paused", "size", "stopped"):
            yield (fleet.name, kind), fleet.hold is not None and fleet.hold.kind == kind


def _decisions(look: Look) -> Iterator[Labelled]:
    for fleet, reasons in look.snapshot.counts.decisions.items():
        yield from (((fleet, code), number) for code, number in sorted(reasons.items()))


def _tick_age(look: Look) -> float:
    last = look.snapshot.tick.at if look.snapshot.tick else look.snapshot.started_at
    return max(0.0, look.now - last)


def _max_wait(fleet: FleetTick) -> float | None:
    return next((each.wait for each in fleet.scaling.policies if isinstance(each, MaxWait)), None)


def _crash_loop(fleet: FleetTick) -> bool | None:
    if fleet.situation is None or fleet.memory is None:
        return None
    return bool(alarm(fleet.situation, fleet.memory))


# --- all of them ---

FAMILIES: Final[tuple[Family, ...]] = (
    Family("build_info", "Always 1; the label is the daemon's version.", _build, ("version",)),
    Family(
        "config_reload_success",
        "1 while the config file is in use as it is; 0 while it has problems and is not used.",
        _of_daemon(lambda look: not look.snapshot.config_problems),
    ),
    Family(
        "config_reload_success_timestamp_seconds",
        "When the config in use was read, in seconds since the epoch.",
        _of_daemon(lambda look: look.snapshot.config_read_at),
    ),
    Family(
        "polling_interval_seconds",
        "Seconds from one tick to the next, as configured.",
        _of_daemon(lambda look: look.snapshot.polling_interval),
    ),
    Family(
        "ticks_total",
        "Passes of the loop since the daemon started, failed ones included.",
        _of_daemon(lambda look: look.snapshot.counts.ticks),
        kind="counter",
    ),
    Family(
        "ticks_failed_total",
        "Passes that failed as a whole, so that nothing was decided.",
        _of_daemon(lambda look: look.snapshot.counts.failed),
        kind="counter",
    ),
    Family(
        "unexpected_errors_total",
        "Errors that a bug in autoscaler has caused, by the part of the tick; the log has their tracebacks.",
        lambda look: (((where,), count) for where, count in look.snapshot.unexpected.items()),
        ("where",),
        kind="counter",
    ),
    Family(
        "tick_age_seconds",
        "Seconds since the last tick that did not fail began; before the first one, since the start.",
        _of_daemon(_tick_age),
    ),
    Family(
        "tick_duration_seconds",
        "Seconds that the last tick took.",
        _of_daemon(lambda look: look.snapshot.tick.duration if look.snapshot.tick else None),
    ),
    Family(
        "source_up",
        "1 if the last tick could see anything of it, 0 if not: supervisord, queues, workers (missing while"
        " none has ever answered), host.",
        _sources,
        ("source",),
    ),
    Family(
        "queue_messages_ready",
        "Messages that wait in the broker.",
        _of_queue(lambda queue: queue.ready),
        ("queue",),
    ),
    Family(
        "queue_messages_unacknowledged",
        "Messages that consumers hold; only from RabbitMQ's management API.",
        _of_queue(lambda queue: queue.unacknowledged),
        ("queue",),
    ),
    Family(
        "fleet_demand",
        "Tasks that could start now if there were slots: in the queues, and reserved by workers but not"
        " started. Missing while a part of it is unknown.",
        _of_decision(lambda decided: decided.demand.waiting if decided.demand.complete else None),
        ("fleet",),
    ),
    Family(
        "fleet_demand_known",
        "1 if all of the demand is known, 0 if a part of it is not: the fleet does not shrink then.",
        _of_decision(lambda decided: decided.demand.complete),
        ("fleet",),
    ),
    Family(
        "fleet_running_tasks",
        "Tasks that the fleet's serving workers run. Missing while a part of the demand is unknown.",
        _of_decision(lambda decided: decided.demand.running if decided.demand.complete else None),
        ("fleet",),
    ),
    Family(
        "fleet_expected_wait_seconds",
        "Seconds until a task that is published now starts, if no worker is added. Missing while unknown.",
        _of_fleet(lambda fleet: fleet.expected_wait),
        ("fleet",),
    ),
    Family(
        "fleet_max_wait_seconds",
        "scale.max_wait of the fleet, where it is set.",
        _of_fleet(_max_wait),
        ("fleet",),
    ),
    Family("fleet_workers", "Workers by their state.", _workers, ("fleet", "state")),
    Family(
        "fleet_desired_workers",
        "Serving and held workers that there should be.",
        _of_decision(lambda decided: decided.desired),
        ("fleet",),
    ),
    Family(
        "fleet_recommended_workers",
        "Workers that the policies ask for, before any limit; missing without a policy.",
        _of_decision(lambda decided: decided.recommended),
        ("fleet",),
    ),
    Family(
        "fleet_min_workers",
        "min_workers of the fleet.",
        _of_fleet(lambda fleet: fleet.scaling.min_workers),
        ("fleet",),
    ),
    Family(
        "fleet_max_workers",
        "max_workers of the fleet.",
        _of_fleet(lambda fleet: fleet.scaling.max_workers),
        ("fleet",),
    ),
    Family(
        "fleet_concurrency",
        "Tasks that each worker of the fleet runs at once.",
        _of_fleet(lambda fleet: fleet.scaling.concurrency),
        ("fleet",),
    ),
    Family(
        "fleet_hold",
        "1 for what an operator ordered, else 0: paused, size (kept at one), stopped.",
        _holds,
        ("fleet", "kind"),
    ),
    Family(
        "fleet_dry_run",
        "1 if decisions about the fleet are told and not carried out.",
        _of_fleet(lambda fleet: fleet.dry_run),
        ("fleet",),
    ),
    Family(
        "fleet_crash_looping",
        "1 while new workers are held back because the fleet's workers crash.",
        _of_fleet(_crash_loop),
        ("fleet",),
    ),
    Family(
        "fleet_trouble",
        "1 while a decision could not be taken or carried out; `autoscaler status` says why.",
        _of_fleet(lambda fleet: bool(fleet.trouble)),
        ("fleet",),
    ),
    Family(
        "decisions_total",
        "Decisions in which a reason had a part, one decision a tick; since the daemon started.",
        _decisions,
        ("fleet", "reason"),
        kind="counter",
    ),
    Family(
        "singleton_running",
        "1 if the singleton's process runs, else 0.",
        _of_singleton(lambda each: None if each.state is None else each.state is SingletonState.RUNNING),
        ("singleton",),
    ),
    Family(
        "singleton_trouble",
        "1 while something is wrong with the singleton; `autoscaler status` says what.",
        _of_singleton(lambda each: bool(each.trouble)),
        ("singleton",),
    ),
)


class SnapshotCollector(Collector):
    """All families over whatever snapshot there is when they are collected."""

    def __init__(self, snapshot: Callable[[], Snapshot], clock: Callable[[], float]) -> None:
        self._snapshot = snapshot
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Every family, also one without values: its HELP tells what is missing."""
        look = Look(self._snapshot(), self._clock())
        yield from (family.metric(look) for family in FAMILIES)


def metrics(snapshot: Callable[[], Snapshot], clock: Callable[[], float]) -> APIRouter:
    """The route that is scraped."""
    registry = CollectorRegistry()
    registry.register(SnapshotCollector(snapshot, clock))
    ProcessCollector(registry=registry)
    api = APIRouter(tags=["metrics"])

    @api.head("/metrics", include_in_schema=False)
    @api.get("/metrics", response_class=Response, responses={200: {"content": {CONTENT_TYPE: {}}}})
    def scrape() -> Response:
        """All metrics in Prometheus' text format; what is unknown is left out."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE)

    return api
