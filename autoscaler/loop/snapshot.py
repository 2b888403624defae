"""The state of the daemon between two ticks, for all readers. Pure.

The loop alone makes snapshots, each from the one before; the HTTP API, the metrics and the log read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from autoscaler.model import FleetTick, Tick

#: How many decisions of a fleet each reason had a part in, by the reason's code.
Reasons = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts since the daemon started."""

    #: Passes of the loop, the failed ones included.
    ticks: int = 0
    #: Passes that failed as a whole.
    failed: int = 0
    #: By fleet; a fleet that is gone is forgotten.
    decisions: Mapping[str, Reasons] = field(default_factory=lambda: MappingProxyType({}))

    def after(self, tick: Tick) -> Counts:
        """The counts after one more tick."""
        decisions = {each.name: _counted(self.decisions.get(each.name, {}), each) for each in tick.fleets}
        return replace(self, ticks=self.ticks + 1, decisions=MappingProxyType(decisions))

    def after_failure(self) -> Counts:
        """The counts after one more pass, which failed."""
        return replace(self, ticks=self.ticks + 1, failed=self.failed + 1)


def _counted(before: Reasons, fleet: FleetTick) -> Reasons:
    """One more for each reason of the decision; a code that comes twice in it counts once."""
    codes = {reason.code for reason in fleet.decision.reasons} if fleet.decision is not None else set()
    return MappingProxyType({code: before.get(code, 0) + (code in codes) for code in {*before, *codes}})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One state of the daemon. Times are seconds since 1970."""

    config_path: Path
    #: When the daemon started.
    started_at: float
    #: When the config in use was read.
    config_read_at: float
    #: Seconds from one tick to the next.
    polling_interval: float
    #: The last tick that did not fail; None before the first one.
    tick: Tick | None
    #: Problems of the config file as it is now; empty when the file is in use.
    config_problems: tuple[str, ...] = ()
    #: When the config file was last read, also in vain; None: only at the start.
    config_tried_at: float | None = None
    #: Why the last pass failed as a whole, or what is wrong with the state database; empty when all is well.
    trouble: str = ""
    counts: Counts = field(default_factory=Counts)
    #: Unforeseen exceptions since the daemon started, by the part of the loop.
    unexpected: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    #: Name of this machine, as in the workers' node names.
    host_name: str = ""

    def after_tick(self, tick: Tick, trouble: str = "") -> Snapshot:
        """The snapshot after a pass of the loop.

        Parameters
        ----------
        trouble : of the state database; empty when it is well.
        """
        return replace(self, tick=tick, trouble=trouble, counts=self.counts.after(tick))

    def after_failure(self, trouble: str) -> Snapshot:
        """The snapshot after a pass that failed as a whole: the last tick stays."""
        return replace(self, trouble=trouble, counts=self.counts.after_failure())

    def after_reload(self, now: float, polling_interval: float) -> Snapshot:
        """The snapshot after the config file was read and is in use."""
        return replace(
            self,
            config_read_at=now,
            config_tried_at=now,
            polling_interval=polling_interval,
            config_problems=(),
        )

    def after_refused_config(self, now: float, problems: tuple[str, ...]) -> Snapshot:
        """The snapshot after the config file was read in vain: the last good config stays in use."""
        return replace(self, config_tried_at=now, config_problems=problems)
