"""Outcomes as a table for a terminal, and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table

from autoscaler.tools.simulate.outcome import Outcome

_HEADERS = ("SCALER", "TOO LATE", "P50", "P95", "P99", "LONGEST", "HOURS", "COST", "STARTS", "PEAK")
#: Fields that are as long as the load.
_LONG = frozenset({"sizes", "waits"})


def outcomes_table(outcomes: Sequence[Outcome]) -> Table:
    """One row a scaler.

    TOO LATE is a share of the tasks, HOURS are worker-hours, COST is worker-seconds divided by work.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in (*_HEADERS, *(("KILLED",) if _any_killed(outcomes) else ())):
        table.add_column(header, justify="left" if header == "SCALER" else "right")
    for outcome in outcomes:
        killed = (str(outcome.killed),) if _any_killed(outcomes) else ()
        table.add_row(*_row(outcome), *killed)
    return table


def summary(outcome: Outcome) -> str:
    """One scaler in a few words: ``keda: 1.2 % too late, 13.5 worker-hours``."""
    return f"{outcome.scaler}: {_share(outcome.violations)} too late, {outcome.worker_hours:.1f} worker-hours"


def as_json(outcome: Outcome) -> dict[str, object]:
    """All figures of a run, without its course."""
    figures: dict[str, object] = {key: value for key, value in asdict(outcome).items() if key not in _LONG}
    return figures | {"worker_hours": outcome.worker_hours, "cost": _finite(outcome.cost)}


def _row(outcome: Outcome) -> tuple[str, ...]:
    waits = (outcome.wait_p50, outcome.wait_p95, outcome.wait_p99, outcome.wait_max)
    return (
        outcome.scaler,
        _share(outcome.violations),
        *(f"{wait:.1f} s" for wait in waits),
        f"{outcome.worker_hours:.2f}",
        f"{outcome.cost:.2f}",
        str(outcome.starts),
        str(outcome.peak),
    )


def _any_killed(outcomes: Sequence[Outcome]) -> bool:
    return any(outcome.killed for outcome in outcomes)


def _share(value: float) -> str:
    return f"{value * 100:.2f} %"


def _finite(value: float) -> float | None:
    return value if value < float("inf") else None
