"""The log's lines about changes from one snapshot to the next. Pure: each change is logged once."""

from __future__ import annotations

from collections.abc import Iterator
from logging import ERROR, INFO, WARNING
from typing import TypeAlias

from autoscaler.loop.snapshot import Snapshot
from autoscaler.model import FleetTick, SingletonState, SingletonTick, Tick
from autoscaler.text import coded, count

#: A level of `logging`, and a text.
Line: TypeAlias = tuple[int, str]


def log_lines(before: Snapshot, after: Snapshot) -> list[Line]:
    """Lines about the loop's pass, or its reading of the config, that lies between two snapshots."""
    ticked = after.tick is not None and after.tick is not before.tick
    return [
        *(tick_lines(before.tick, after.tick) if ticked and after.tick is not None else ()),
        *_daemon_trouble(before, after),
        *_config(before, after),
    ]


def _daemon_trouble(before: Snapshot, after: Snapshot) -> Iterator[Line]:
    failed = after.counts.failed > before.counts.failed
    if after.trouble and after.trouble != before.trouble:
        yield ERROR, f"tick failed: {after.trouble}" if failed else after.trouble
    if before.trouble and not after.trouble:
        yield INFO, f"solved: {before.trouble}"


def _config(before: Snapshot, after: Snapshot) -> Iterator[Line]:
    if after.config_problems and after.config_problems != before.config_problems:
        yield ERROR, "\n".join(["config not used, the last good one stays in use:", *after.config_problems])


# --- ticks ----------------------------------------------------------------------------------------------


def tick_lines(before: Tick | None, after: Tick) -> list[Line]:
    """Lines about what changed from one tick to the next, in the sequence in which it happened.

    Parameters
    ----------
    before : None for the first tick.
    """
    return [
        *_sources(before, after),
        *(line for fleet in after.fleets for line in _fleet(_fleet_of(before, fleet.name), fleet)),
        *(line for each in after.singletons for line in _singleton(_singleton_of(before, each.name), each)),
        *((INFO, action) for action in after.actions),
    ]


def _sources(before: Tick | None, after: Tick) -> Iterator[Line]:
    old, new = before.observation.unknown if before else {}, after.observation.unknown
    for part, error in new.items():
        if old.get(part) != error:
            yield WARNING, f"cannot see {part}: {error}"
    for part in old:
        if part not in new:
            yield INFO, f"can see {part} again"


def _fleet_of(tick: Tick | None, name: str) -> FleetTick | None:
    return next((each for each in tick.fleets if each.name == name), None) if tick is not None else None


def _singleton_of(tick: Tick | None, name: str) -> SingletonTick | None:
    return next((each for each in tick.singletons if each.name == name), None) if tick is not None else None


def _fleet(before: FleetTick | None, after: FleetTick) -> Iterator[Line]:
    if after.decision is not None and _gist(before) != _gist(after):
        decision = after.decision
        verb = "would want" if after.dry_run else "wants"
        reasons = "; ".join(coded(reason.code, reason.text) for reason in decision.reasons)
        yield INFO, f"{after.name}: {verb} {count(decision.desired)}, has {decision.current} ({reasons})"
    yield from _trouble(after.name, before.trouble if before is not None else "", after.trouble)


def _singleton(before: SingletonTick | None, after: SingletonTick) -> Iterator[Line]:
    was_held = before is not None and before.state is SingletonState.HELD
    if after.state is SingletonState.HELD and not was_held:
        yield INFO, f"{after.name}: stopped by hand; `supervisorctl start {after.name}` ends that"
    yield from _trouble(after.name, before.trouble if before is not None else "", after.trouble)


def _trouble(name: str, old: str, new: str) -> Iterator[Line]:
    if new and new != old:
        yield WARNING, f"{name}: {new}"
    if old and not new:
        yield INFO, f"{name}: solved: {old}"


def _gist(fleet: FleetTick | None) -> object:
    """The part of a decision that is news when it changes: the wanted size, and its limits."""
    if fleet is None or fleet.decision is None:
        return None
    return fleet.decision.desired, fleet.decision.limits
