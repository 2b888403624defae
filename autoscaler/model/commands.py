"""The commands of an operator, as values; `autoscaler.operator` carries them out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Terms:
    """The operator of a command, the reason and the time."""

    #: A user of the machine or the name of a token.
    by: str
    reason: str = ""
    #: Seconds, > 0; None: until released.
    lasts: float | None = None


@dataclass(frozen=True, slots=True)
class _WithTerms:
    """A command whose hold ends with its time, or by a release."""

    terms: Terms = field(kw_only=True)

    @property
    def who(self) -> str:
        """The operator."""
        return self.terms.by


@dataclass(frozen=True, slots=True)
class PauseFleets(_WithTerms):
    """Leave fleets at the sizes that they have."""

    #: None: all.
    fleets: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class ScaleFleets(_WithTerms):
    """Keep fleets at a size, within their min_workers and max_workers."""

    #: None: all.
    fleets: tuple[str, ...] | None
    workers: int


@dataclass(frozen=True, slots=True)
class StopFleets(_WithTerms):
    """Drain every worker of fleets, whatever min_workers says."""

    #: None: all.
    fleets: tuple[str, ...] | None
    #: It ends when the machine starts again.
    this_boot: bool = False


#: The commands that hold fleets.
HoldFleets: TypeAlias = PauseFleets | ScaleFleets | StopFleets


@dataclass(frozen=True, slots=True)
class ReleaseFleets:
    """End the holds of fleets."""

    #: None: all.
    fleets: tuple[str, ...] | None
    who: str
    #: Stopped fleets too, and not only those that are paused or kept at a size.
    stopped: bool = True
    #: The holds of their single workers too.
    workers: bool = False


@dataclass(frozen=True, slots=True)
class DrainWorker(_WithTerms):
    """Take a worker out of service, and keep it stopped."""

    worker: str


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
