"""Holds: what stays of an operator's command to pause, size or stop a fleet, or to drain one worker."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, TypeAlias, TypeVar

from autoscaler.text import count


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hold:
    """The operator of a hold, the reason and the time."""

    #: A user of the machine or the name of a token, for display; empty: not known.
    by: str = ""
    #: For display; empty: none was given.
    reason: str = ""
    #: Seconds.
    since: float = 0.0
    #: Seconds; None: until it is released.
    until: float | None = None

    def is_over(self, now: float) -> bool:
        """Whether its time has ended."""
        return self.until is not None and self.until <= now

    @property
    def attribution(self) -> str:
        """The operator and the reason: `` by alice (uid 1000): sale``; empty where neither is known."""
        by = f" by {self.by}" if self.by else ""
        return f"{by}: {self.reason}" if self.reason else by


@dataclass(frozen=True, slots=True)
class Paused(_Hold):
    """A fleet stays at the size that it has."""

    kind: ClassVar[Literal["paused"]] = "paused"

    def __str__(self) -> str:
        return f"paused{self.attribution}"


@dataclass(frozen=True, slots=True)
class FixedSize(_Hold):
    """A fleet is kept at a size, within min_workers and max_workers."""

    kind: ClassVar[Literal["size"]] = "size"

    workers: int

    def __str__(self) -> str:
        return f"kept at {count(self.workers)}{self.attribution}"


@dataclass(frozen=True, slots=True)
class Stopped(_Hold):
    """Every worker of a fleet is drained, whatever min_workers says."""

    kind: ClassVar[Literal["stopped"]] = "stopped"

    #: The boot of the machine with which it ends; empty: it outlives the boot.
    boot: str = ""
    #: The hold that was in force before, and is again in the next boot; None: there was none.
    beneath: Hold | None = None

    def __str__(self) -> str:
        return f"stopped{self.attribution}"


#: The hold of a fleet.
Hold: TypeAlias = Paused | FixedSize | Stopped


@dataclass(frozen=True, slots=True)
class WorkerHold(_Hold):
    """A worker is drained, and stays stopped until it is released or started."""

    worker: str
    #: Its process was seen to have ended: a process that it has after that was started by hand.
    out: bool = False

    def __str__(self) -> str:
        return f"drained{self.attribution}"


H = TypeVar("H", bound=_Hold)


def not_after(now: float, hold: H) -> H:
    """The same hold with as much time left as when it began, for a clock that was set back."""
    until = None if hold.until is None else now + (hold.until - hold.since)
    return replace(hold, since=now, until=until)
