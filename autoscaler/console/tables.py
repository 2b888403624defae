"""The API's values as tables for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from autoscaler.console.views import DemandView, FleetsView, FleetView, WorkersView, WorkerView


def fleets_table(view: FleetsView) -> Table:
    """One row a fleet: its workers, its demand, and why it is what it is."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in ("FLEET", "WORKERS", "WANTED", "MIN-MAX", "WAITING", "RUNNING", "WHY"):
        table.add_column(header, overflow="fold", ratio=1 if header == "WHY" else None)
    for fleet in view.fleets:
        table.add_row(
            fleet.name,
            _states(fleet),
            _number(fleet.desired) + (" (dry run)" if fleet.dry_run else ""),
            f"{fleet.min_workers}-{fleet.max_workers}",
            _waiting(fleet.demand),
            _number(fleet.demand.running if fleet.demand else None),
            "; ".join(reason.text for reason in fleet.reasons),
        )
    return table


def workers_table(view: WorkersView) -> Table:
    """One row a worker: its state, its process, its tasks."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in ("WORKER", "STATE", "FOR", "PID", "RUNNING", "RESERVED", "NOTE"):
        table.add_column(header, overflow="fold", ratio=1 if header == "NOTE" else None)
    for worker in view.workers:
        table.add_row(
            worker.name,
            worker.state,
            duration(worker.for_seconds),
            _number(worker.pid),
            _number(worker.running),
            _number(worker.reserved),
            "; ".join(_notes(worker)),
        )
    return table


def troubles(view: FleetsView) -> list[str]:
    """Everything that is not as it should be, one line each."""
    return [
        *(f"config not used, the last good one goes on: {problem}" for problem in view.config_problems),
        *([view.trouble] if view.trouble else []),
        *(f"unknown: {part}: {error}" for part, error in view.unknown.items()),
        *(f"{fleet.name}: {fleet.trouble}" for fleet in view.fleets if fleet.trouble),
        *(
            f"{fleet.name}: {held} stopped by hand; the fleet counts them until they are started again"
            for fleet in view.fleets
            if (held := (fleet.workers or {}).get("held"))
        ),
        *(
            f"{fleet.name}: demand is at least this, unknown: {what}"
            for fleet in view.fleets
            for what in (fleet.demand.unknown if fleet.demand else ())
            if not what.startswith("queue ")  # told above
        ),
    ]


def duration(seconds: float) -> str:
    """Seconds as people say them: ``45s``, ``12m``, ``3h05m``, ``2d04h``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def _states(fleet: FleetView) -> str:
    """``3``, or ``3 (1 draining)`` when not all of them are simply running."""
    if fleet.workers is None:
        return "?"
    others = {state: count for state, count in fleet.workers.items() if state != "running"}
    total = sum(fleet.workers.values())
    if not others:
        return str(total)
    return f"{total} ({', '.join(f'{count} {state}' for state, count in sorted(others.items()))})"


def _waiting(demand: DemandView | None) -> str:
    if demand is None:
        return "?"
    return ("≥ " if demand.unknown else "") + f"{demand.waiting:g}"


def _number(value: int | None) -> str:
    return "?" if value is None else str(value)


def _notes(worker: WorkerView) -> Iterator[str]:
    if worker.outdated:
        yield "will be replaced, its settings changed"
    if worker.scheduled:
        yield f"{worker.scheduled} for later (ETA)"
    if worker.state == "held":
        yield f"stopped by hand; `supervisorctl start {worker.name}` ends that"
    elif worker.unknown and worker.pid is not None:
        yield worker.unknown
