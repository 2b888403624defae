"""The API's values as lines of text; supervisorctl's plugin uses this too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from autoscaler.text import coded, moment

if TYPE_CHECKING:
    from autoscaler.http.views import (
        ExplanationView,
        FleetsView,
        FleetView,
        HoldView,
        SingletonsView,
        WorkersView,
    )


def hold_text(hold: HoldView, now: float) -> str:
    """What was ordered, by whom, since and until when, why, and how to end it."""
    what = {
        "paused": "paused",
        "size": f"kept at {hold.workers}",
        "stopped": "stopped",
        "drained": "taken out of service",
        "by hand": "stopped by hand",
    }[hold.kind]
    by = f" by {hold.by}" if hold.by else ""
    until = f" until {moment(hold.until, now)}" if hold.until is not None else ""
    boot = " until the machine starts again" if hold.this_boot else ""
    why = f" ({hold.reason})" if hold.reason else ""
    return f"{what}{by} since {moment(hold.since, now)}{until}{boot}{why}; `{hold.release}` ends that"


def holds(view: FleetsView) -> list[str]:
    """What operators ordered for fleets, a line each."""
    now = view.at or 0.0
    return [f"{fleet.name}: {hold_text(fleet.hold, now)}" for fleet in view.fleets if fleet.hold]


def worker_holds(view: WorkersView) -> list[str]:
    """What operators ordered for single workers, a line each."""
    now = view.at or 0.0
    return [f"{worker.name}: {hold_text(worker.hold, now)}" for worker in view.workers if worker.hold]


def states(fleet: FleetView) -> str:
    """``2 running, 1 held``; unknown is not none."""
    if fleet.workers is None:
        return "workers unknown"
    return ", ".join(f"{number} {state}" for state, number in sorted(fleet.workers.items())) or "no workers"


def troubles(view: FleetsView) -> list[str]:
    """Everything that is not as it should be, one line each."""
    return [
        *(f"config not used, the last good one stays in use: {problem}" for problem in view.config_problems),
        *([view.trouble] if view.trouble else []),
        *(f"unknown: {part}: {error}" for part, error in view.unknown.items()),
        *(f"{fleet.name}: {fleet.trouble}" for fleet in view.fleets if fleet.trouble),
        *(
            f"{fleet.name}: {held} held and not replaced; `autoscaler release {fleet.name}` ends that"
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


def singleton_troubles(view: SingletonsView) -> list[str]:
    """Everything about singletons that is not as it should be, one line each."""
    return [f"{each.name}: {each.trouble}" for each in view.singletons if each.trouble]


def explanation_lines(view: ExplanationView) -> Iterator[str]:
    """An explanation for people."""
    known = view.desired is not None
    wants = "would want" if view.dry_run else "wants"
    yield f"{view.fleet}: {wants} {view.desired}, has {view.current}; {view.steps}" if known else view.fleet
    yield from _section("Seen", view.seen)
    yield from _section("Policies", [f"{each.policy}: {each.text}" for each in view.recommendations])
    yield from _section("Decided by", [coded(each.code, each.text) for each in view.reasons])
    yield from _section("First to go", [f"{each.name}: {each.text}" for each in view.first_to_go])
    yield from _section("Next worker", [view.next_worker.text] if view.next_worker else [])
    yield from _section("Trouble", [view.trouble] if view.trouble else [])


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield title
        yield from (f"  {line}" for line in lines)
