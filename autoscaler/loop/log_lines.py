"""The log's lines about changes from one snapshot to the next. Pure: each change is logged once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from logging import DEBUG, ERROR, INFO, WARNING

from autoscaler.loop.snapshot import Snapshot
from autoscaler.model import Decision, FleetTick, SingletonState, SingletonTick, Tick
from autoscaler.model.names import parse_worker_name
from autoscaler.text import coded, count


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log."""

    #: Of `logging`.
    level: int
    text: str
    #: The ``fleet`` and the ``worker`` that the line is about, where it is about one.
    about: Mapping[str, str] = field(default_factory=dict)


def _of_fleet(level: int, name: str, text: str) -> Line:
    return Line(level, f"{name}: {text}", {"fleet": name})


def _of_action(text: str) -> Line:
    """The line about a step that was taken, which begins with the name of its worker."""
    name = text.partition(":")[0]
    worker = parse_worker_name(name)
    return Line(INFO, text, {"fleet": worker[0], "worker": name} if worker is not None else {})


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
        yield Line(ERROR, f"tick failed: {after.trouble}" if failed else after.trouble)
    if before.trouble and not after.trouble:
        yield Line(INFO, f"solved: {before.trouble}")


def _config(before: Snapshot, after: Snapshot) -> Iterator[Line]:
    if after.config_problems and after.config_problems != before.config_problems:
        problems = ["config not used, the last good one stays in use:", *after.config_problems]
        yield Line(ERROR, "\n".join(problems))


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
        *map(_of_action, after.actions),
    ]


def _sources(before: Tick | None, after: Tick) -> Iterator[Line]:
    old, new = before.observation.unknown if before else {}, after.observation.unknown
    for part, error in new.items():
        if old.get(part) != error:
            yield Line(WARNING, f"cannot see {part}: {error}")
    for part in old:
        if part not in new:
            yield Line(INFO, f"can see {part} again")


def _fleet_of(tick: Tick | None, name: str) -> FleetTick | None:
    return next((each for each in tick.fleets if each.name == name), None) if tick is not None else None


def _singleton_of(tick: Tick | None, name: str) -> SingletonTick | None:
    return next((each for each in tick.singletons if each.name == name), None) if tick is not None else None


def _fleet(before: FleetTick | None, after: FleetTick) -> Iterator[Line]:
    if after.decision is not None and _gist(before) != _gist(after):
        decision = after.decision
        verb = "would want" if after.dry_run else "wants"
        text = f"{verb} {count(decision.desired)}, has {decision.current} ({_reasons(decision)})"
        yield _of_fleet(INFO, after.name, text)
    for level, text in _trouble(before.trouble if before is not None else "", after.trouble):
        yield _of_fleet(level, after.name, text)


def _singleton(before: SingletonTick | None, after: SingletonTick) -> Iterator[Line]:
    was_held = before is not None and before.state is SingletonState.HELD
    if after.state is SingletonState.HELD and not was_held:
        yield Line(INFO, f"{after.name}: stopped by hand; `supervisorctl start {after.name}` ends that")
    for level, text in _trouble(before.trouble if before is not None else "", after.trouble):
        yield Line(level, f"{after.name}: {text}")


def _trouble(old: str, new: str) -> Iterator[tuple[int, str]]:
    """A level and a text about trouble that began, changed or ended."""
    if new and new != old:
        yield WARNING, new
    if old and not new:
        yield INFO, f"solved: {old}"


def _gist(fleet: FleetTick | None) -> object:
    """The part of a decision that is news when it changes: the wanted size, and its limits."""
    if fleet is None or fleet.decision is None:
        return None
    return fleet.decision.desired, fleet.decision.limits


def _reasons(decision: Decision) -> str:
    return "; ".join(coded(reason.code, reason.text) for reason in decision.reasons)


# --- plans ----------------------------------------------------------------------------------------------


def plan_line(decision: Decision, *, dry_run: bool) -> Line:
    """The debug line about a fleet's plan in one tick, also the plan to do nothing."""
    steps = [f"start {decision.start}"] if decision.start else []
    steps += [f"take back {', '.join(decision.restore)}"] if decision.restore else []
    steps += [f"drain {', '.join(decision.drain)}"] if decision.drain else []
    planned = "; ".join(steps) or "nothing to do"
    sizes = f"has {decision.current}, wants {decision.desired}"
    return _of_fleet(
        DEBUG,
        decision.fleet,
        f"{'would plan' if dry_run else 'plan'}: {planned}; {sizes} ({_reasons(decision)})",
    )
