"""The API's values as tables for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from autoscaler.http.views import (
    DemandView,
    FleetsView,
    FleetView,
    SingletonsView,
    SingletonView,
    WorkersView,
    WorkerView,
)
from autoscaler.http.words import hold_text
from autoscaler.text import duration

_FLEET_HEADERS = ("FLEET", "WORKERS", "WANTED", "MIN-MAX", "WAITING", "RUNNING")


def fleets_table(view: FleetsView) -> RenderableType:
    """One row a fleet: its workers and its demand; below it why it is what it is, at the terminal's width."""
    rows = [_fleet_row(fleet) for fleet in view.fleets]
    widths = [max(map(len, column)) for column in zip(_FLEET_HEADERS, *rows, strict=True)]
    parts: list[RenderableType] = [Text(_aligned(_FLEET_HEADERS, widths), style="bold")]
    for fleet, row in zip(view.fleets, rows, strict=True):
        parts.append(Text(_aligned(row, widths)))
        parts += [Padding(Text(reason.text, style="dim"), (0, 0, 0, 4)) for reason in fleet.reasons]
    return Group(*parts)


def _fleet_row(fleet: FleetView) -> tuple[str, ...]:
    return (
        fleet.name,
        _states(fleet),
        _number(fleet.desired) + (" (dry run)" if fleet.dry_run else ""),
        f"{fleet.min_workers}-{fleet.max_workers}",
        _waiting(fleet.demand),
        _number(fleet.demand.running if fleet.demand else None),
    )


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


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
            "; ".join(_notes(worker, view.at or 0.0)),
        )
    return table


def singletons_table(view: SingletonsView) -> Table:
    """One row a singleton: its state and its process."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in ("SINGLETON", "STATE", "FOR", "PID", "NOTE"):
        table.add_column(header, overflow="fold", ratio=1 if header == "NOTE" else None)
    for each in view.singletons:
        pid = "" if each.pid is None else str(each.pid)
        notes = "; ".join(_singleton_notes(each))
        table.add_row(each.name, each.state or "?", duration(each.for_seconds), pid, notes)
    return table


def _singleton_notes(singleton: SingletonView) -> Iterator[str]:
    if singleton.state == "held":
        yield f"stopped by hand; `supervisorctl start {singleton.name}` ends that"
    if singleton.starts_in_seconds is not None:
        yield f"is started again in {duration(singleton.starts_in_seconds)}"
    if singleton.outdated and singleton.state == "held":
        yield "its settings have changed, it gets them then"
    elif singleton.outdated:
        yield "is stopped and started again, its settings changed"
    if singleton.dry_run:
        yield "dry run"


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


def _notes(worker: WorkerView, at: float) -> Iterator[str]:
    if worker.failure:
        yield worker.failure
    if worker.outdated:
        yield "will be replaced, its settings changed"
    if worker.resized_to is not None:
        yield f"its pool was resized to {worker.resized_to} by hand; the fleet reckons with concurrency"
    if worker.scheduled:
        yield f"{worker.scheduled} for later (ETA)"
    if worker.hold is not None:
        yield hold_text(worker.hold, at)
    if worker.state != "held" and worker.unknown and worker.pid is not None:
        yield worker.unknown
