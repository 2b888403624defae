"""Singletons as values of the API, and as a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.table import Table

from autoscaler.http.views import View
from autoscaler.model import SingletonTick
from autoscaler.text import duration

if TYPE_CHECKING:  # as in `views`
    from autoscaler.loop.snapshot import Snapshot


class SingletonView(View):
    """One singleton as of the last tick."""

    name: str
    #: starting, running, stopping, resting, held, missing; null while supervisord cannot be seen.
    state: str | None
    #: Seconds in this state.
    for_seconds: float
    pid: int | None
    #: Times that it died by itself in the latest streak.
    deaths: int
    #: Seconds until it is started again; null while it does not rest.
    starts_in_seconds: float | None
    #: Its settings are not those of the config yet.
    outdated: bool
    #: What is wrong with it; empty when nothing is.
    trouble: str
    dry_run: bool


class SingletonsView(View):
    """All singletons."""

    #: When the tick was, in seconds since the epoch; null before the first one.
    at: float | None
    singletons: list[SingletonView]


def singletons_view(snapshot: Snapshot) -> SingletonsView:
    """Show all singletons."""
    tick = snapshot.tick
    return SingletonsView(
        at=tick.at if tick else None,
        singletons=[_view(each, tick.at) for each in tick.singletons] if tick else [],
    )


def _view(singleton: SingletonTick, at: float) -> SingletonView:
    rest = singleton.rest_until
    return SingletonView(
        name=singleton.name,
        state=singleton.state.value if singleton.state is not None else None,
        for_seconds=max(0.0, at - singleton.since),
        pid=singleton.pid,
        deaths=singleton.deaths,
        starts_in_seconds=max(0.0, rest - at) if rest is not None else None,
        outdated=singleton.outdated,
        trouble=singleton.trouble,
        dry_run=singleton.dry_run,
    )


def singletons_table(view: SingletonsView) -> Table:
    """One row a singleton: its state and its process."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in ("SINGLETON", "STATE", "FOR", "PID", "NOTE"):
        table.add_column(header, overflow="fold", ratio=1 if header == "NOTE" else None)
    for each in view.singletons:
        pid = "" if each.pid is None else str(each.pid)
        table.add_row(each.name, each.state or "?", duration(each.for_seconds), pid, "; ".join(_notes(each)))
    return table


def singleton_troubles(view: SingletonsView) -> list[str]:
    """Everything that is not as it should be, one line each."""
    return [f"{each.name}: {each.trouble}" for each in view.singletons if each.trouble]


def _notes(singleton: SingletonView) -> Iterator[str]:
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
