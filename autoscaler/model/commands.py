"""The commands of an operator, as values; `autoscaler.operator` carries them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Terms:
    """Who orders something, why, and for how long."""

    by: str
    reason: str = ""
    #: Seconds, > 0; None: until released.
    lasts: float | None = None


@dataclass(frozen=True, slots=True)
class HoldFleets:
    """Pause fleets, keep them at a size, or stop them."""

    #: None: all.
    fleets: tuple[str, ...] | None
    #: None: as many as there are.
    workers: int | None
    terms: Terms
    #: Drain every worker, min_workers notwithstanding; `workers` is 0.
    stopped: bool = False
    #: It ends when the machine starts again.
    this_boot: bool = False

    @property
    def who(self) -> str:
        """Who orders it."""
        return self.terms.by


@dataclass(frozen=True, slots=True)
class ReleaseFleets:
    """End what holds fleets."""

    #: None: all.
    fleets: tuple[str, ...] | None
    who: str
    #: Also fleets that are stopped, not only paused ones and those kept at a size.
    stopped: bool = True
    #: Also their workers that are held one by one.
    workers: bool = False


@dataclass(frozen=True, slots=True)
class DrainWorker:
    """Take a worker out of service, and keep it stopped."""

    worker: str
    terms: Terms

    @property
    def who(self) -> str:
        """Who orders it."""
        return self.terms.by


@dataclass(frozen=True, slots=True)
class ReleaseWorker:
    """Start a held worker again, or let one that drains be taken back."""

    worker: str
    who: str


Command: TypeAlias = HoldFleets | ReleaseFleets | DrainWorker | ReleaseWorker


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a command."""

    #: When it was carried out: a tick after that has seen it.
    at: float
    #: A sentence for each fleet or worker.
    said: tuple[str, ...]
