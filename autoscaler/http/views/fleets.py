"""Fleets as values of the API. An unknown number is null, never zero."""

from __future__ import annotations

from collections import Counter

from autoscaler.http.views.base import View
from autoscaler.http.views.holds import HoldView, hold_of_fleet
from autoscaler.loop.snapshot import Snapshot
from autoscaler.model import FleetTick, Reason, Recommendation, Worker


class DemandView(View):
    """Tasks of one fleet. With anything in `unknown` the numbers are lower bounds."""

    ready: float
    reserved: int
    running: int
    waiting: float
    unknown: tuple[str, ...]


class FleetView(View):
    """One fleet as of the last tick."""

    name: str
    queues: tuple[str, ...]
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
    reasons: tuple[Reason, ...]
    recommendations: tuple[Recommendation, ...]
    #: Why the decision was not carried out, or none was taken; empty when all is well.
    trouble: str
    dry_run: bool
    #: The operator's hold; null: none.
    hold: HoldView | None = None
    #: Seconds until a task that is published now starts, if no worker is added; null: unknown.
    expected_wait: float | None = None


class FleetsView(View):
    """All fleets."""

    #: Time of the tick, seconds since 1970; null before the first one.
    at: float | None
    fleets: tuple[FleetView, ...]
    #: Problems of the config file as it is now; the last good one is in use.
    config_problems: tuple[str, ...]
    #: Why each part (`supervisord`, `host`, `queue NAME`) that cannot be seen cannot.
    unknown: dict[str, str]
    #: Why the last tick failed as a whole; empty when it did not.
    trouble: str


def fleets_view(snapshot: Snapshot) -> FleetsView:
    """Show all fleets."""
    tick = snapshot.tick
    return FleetsView.of(
        snapshot,
        at=tick.at if tick else None,
        fleets=[fleet_view(fleet) for fleet in tick.fleets] if tick else [],
        unknown=tick.observation.unknown if tick else {},
    )


def fleet_view(fleet: FleetTick) -> FleetView:
    """Show one fleet."""
    decision, scaling = fleet.decision, fleet.scaling
    return FleetView.of(
        fleet,
        min_workers=scaling.min_workers,
        max_workers=scaling.max_workers,
        concurrency=scaling.concurrency,
        current=decision.current if decision else None,
        desired=decision.desired if decision else None,
        recommended=decision.recommended if decision else None,
        workers=_by_state(fleet.workers),
        demand=DemandView.of(decision.demand) if decision else None,
        reasons=decision.reasons if decision else (),
        recommendations=decision.recommendations if decision else (),
        hold=hold_of_fleet(fleet.name, fleet.hold) if fleet.hold else None,
    )


def _by_state(workers: tuple[Worker, ...] | None) -> dict[str, int] | None:
    return None if workers is None else dict(Counter(worker.state.value for worker in workers))
