"""The daemon's health as a value of the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from autoscaler.http.sources import sources
from autoscaler.http.views.base import View
from autoscaler.loop.snapshot import Snapshot

#: A daemon whose last tick is older than so many polling intervals (and seconds) is not healthy.
STALE_INTERVALS = 3
STALE_SECONDS = 15.0


class SourceView(View):
    """One source of the tick: supervisord, queues, workers (once a worker has answered), host."""

    name: str
    #: Whether the last tick could see anything of it.
    up: bool
    #: Why not; empty when it could.
    error: str


class HealthView(View):
    """Whether the daemon does its work. Times are seconds since 1970."""

    #: ok: all is seen. degraded: it works, but a part is unknown or in trouble. stale: no tick in time.
    status: Literal["ok", "degraded", "stale"]
    version: str
    #: Name of the daemon's machine, as in the workers' node names.
    host: str
    config_file: str
    started_at: float
    #: When the config in use was read.
    config_read_at: float
    #: When the config file was last read, also in vain.
    config_tried_at: float
    #: Problems of the config file as it is now; the last good one is in use.
    config_problems: tuple[str, ...]
    #: Seconds.
    polling_interval: float
    last_tick_at: float | None
    last_tick_seconds: float | None
    problems: tuple[str, ...]
    #: The sources of the last tick; empty before the first one.
    sources: tuple[SourceView, ...] = ()


def health_view(snapshot: Snapshot, now: float, version: str) -> HealthView:
    """Show whether the daemon does its work."""
    tick, problems = snapshot.tick, tuple(_problems(snapshot))
    return HealthView.of(
        snapshot,
        status="stale" if is_stale(snapshot, now) else "degraded" if problems else "ok",
        version=version,
        host=snapshot.host_name,
        config_file=str(snapshot.config_path.absolute()),
        config_tried_at=snapshot.config_tried_at or snapshot.config_read_at,
        last_tick_at=tick.at if tick else None,
        last_tick_seconds=tick.duration if tick else None,
        problems=problems,
        sources=[SourceView.of(each) for each in sources(tick)] if tick else (),
    )


def is_stale(snapshot: Snapshot, now: float) -> bool:
    """Whether the last tick is so old that the loop must hang, or there was none in time."""
    last = snapshot.tick.at if snapshot.tick else snapshot.started_at
    return now - last > max(STALE_INTERVALS * snapshot.polling_interval, STALE_SECONDS)


def _problems(snapshot: Snapshot) -> Iterator[str]:
    yield from snapshot.config_problems
    if snapshot.trouble:
        yield snapshot.trouble
    if snapshot.tick:
        yield from (f"{part}: {error}" for part, error in snapshot.tick.observation.unknown.items())
        yield from (f"{fleet.name}: {fleet.trouble}" for fleet in snapshot.tick.fleets if fleet.trouble)
        yield from (f"{each.name}: {each.trouble}" for each in snapshot.tick.singletons if each.trouble)
