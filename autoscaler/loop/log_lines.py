"""Tell what changed between two ticks, in lines for the log. Pure; says a thing once, not every tick."""

from __future__ import annotations

from collections.abc import Iterator
from logging import INFO, WARNING
from typing import TypeAlias

from autoscaler.model import FleetTick, SingletonState, SingletonTick, Tick
from autoscaler.text import coded, count

#: A level of `logging`, and a text.
Line: TypeAlias = tuple[int, str]


def narrate(before: Tick | None, after: Tick) -> list[Line]:
    """Lines for the log, in the order in which things happened.

    Parameters
    ----------
    before : the tick before; None at the first one.
    """
    return [
        *_sources(before, after),
        *(line for fleet in after.fleets for line in _fleet(_find(before, fleet.name), fleet)),
        *(line for each in after.singletons for line in _singleton(before, each)),
        *((INFO, action) for action in after.actions),
    ]


def _sources(before: Tick | None, after: Tick) -> Iterator[Line]:
    """What has become unknown, and what is known again."""
    old, new = before.observation.unknown if before else {}, after.observation.unknown
    for part, error in new.items():
        if old.get(part) != error:
            yield WARNING, f"{part} unknown: {error}"
    for part in old:
        if part not in new:
            yield INFO, f"{part} known again"


def _find(tick: Tick | None, name: str) -> FleetTick | None:
    return next((fleet for fleet in tick.fleets if fleet.name == name), None) if tick is not None else None


def _fleet(before: FleetTick | None, after: FleetTick) -> Iterator[Line]:
    if after.decision is not None and _gist(before) != _gist(after):
        decision = after.decision
        verb = "would want" if after.dry_run else "wants"
        reasons = "; ".join(coded(reason.code, reason.text) for reason in decision.reasons)
        size = count(decision.desired)
        yield INFO, f"{after.name}: {verb} {size}, has {decision.current} ({reasons})"
    yield from _trouble(after.name, before.trouble if before is not None else "", after.trouble)


def _singleton(before: Tick | None, after: SingletonTick) -> Iterator[Line]:
    old = next((each for each in before.singletons if each.name == after.name), None) if before else None
    if after.state is SingletonState.HELD and (old is None or old.state is not SingletonState.HELD):
        yield INFO, f"{after.name}: stopped by hand, and stays so until it is started by hand"
    yield from _trouble(after.name, old.trouble if old is not None else "", after.trouble)


def _trouble(name: str, old: str, new: str) -> Iterator[Line]:
    if new and new != old:
        yield WARNING, f"{name}: {new}"
    if old and not new:
        yield INFO, f"{name}: no trouble any more"


def _gist(fleet: FleetTick | None) -> object:
    """What makes a decision worth a line: the wanted size, and what limits it."""
    if fleet is None or fleet.decision is None:
        return None
    return fleet.decision.desired, fleet.decision.limits
