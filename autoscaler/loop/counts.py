"""What is counted over the daemon's life, tick by tick. Pure: each count is a new value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from autoscaler.model import FleetTick, Tick

#: How often each reason had a part in a fleet's decisions, by its code.
Reasons = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Counts:
    """Since the daemon started."""

    #: Passes of the loop, those that failed as a whole included.
    ticks: int = 0
    failed: int = 0
    #: By fleet; one that is gone is forgotten.
    decisions: Mapping[str, Reasons] = field(default_factory=lambda: MappingProxyType({}))

    def after(self, tick: Tick | None) -> Counts:
        """The counts after one pass more; None: it failed as a whole."""
        if tick is None:
            return replace(self, ticks=self.ticks + 1, failed=self.failed + 1)
        decisions = {each.name: _counted(self.decisions.get(each.name, {}), each) for each in tick.fleets}
        return replace(self, ticks=self.ticks + 1, decisions=MappingProxyType(decisions))


def _counted(before: Reasons, fleet: FleetTick) -> Reasons:
    """One more for each reason of the decision; a code that comes twice in it counts once."""
    codes = {reason.code for reason in fleet.decision.reasons} if fleet.decision is not None else set()
    return MappingProxyType({code: before.get(code, 0) + (code in codes) for code in {*before, *codes}})
