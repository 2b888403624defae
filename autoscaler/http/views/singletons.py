"""Singletons as values of the API."""

from __future__ import annotations

from autoscaler.http.views.base import View
from autoscaler.loop.snapshot import Snapshot
from autoscaler.model import SingletonTick


class SingletonView(View):
    """One singleton as of the last tick."""

    name: str
    #: starting, running, stopping, resting, held, missing; null while supervisord cannot be seen.
    state: str | None
    #: Seconds in this state.
    for_seconds: float
    pid: int | None
    #: How often its process died by itself in the latest streak.
    deaths: int
    #: Seconds until it is started again; null while it does not rest.
    starts_in_seconds: float | None
    #: Its settings are not those of the config yet.
    outdated: bool
    #: The problem it has; empty when it has none.
    trouble: str
    dry_run: bool


class SingletonsView(View):
    """All singletons."""

    #: Time of the tick, seconds since 1970; null before the first one.
    at: float | None
    singletons: tuple[SingletonView, ...]


def singletons_view(snapshot: Snapshot) -> SingletonsView:
    """Show all singletons."""
    tick = snapshot.tick
    if tick is None:
        return SingletonsView(at=None, singletons=())
    return SingletonsView(at=tick.at, singletons=tuple(_singleton(each, tick.at) for each in tick.singletons))


def _singleton(singleton: SingletonTick, at: float) -> SingletonView:
    rest = singleton.rest_until
    return SingletonView.of(
        singleton,
        state=singleton.state.value if singleton.state is not None else None,
        for_seconds=max(0.0, at - singleton.since),
        starts_in_seconds=max(0.0, rest - at) if rest is not None else None,
    )
