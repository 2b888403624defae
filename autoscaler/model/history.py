"""One fleet's past: the decisions and samples that the state database keeps."""

from __future__ import annotations

from dataclasses import dataclass

from autoscaler.model.decided import Reason


@dataclass(frozen=True, slots=True)
class PastDecision:
    """A decision that differed from the one before it."""

    at: float
    #: Serving and held workers when the decision was taken.
    current: int
    #: Serving and held workers that there should be.
    desired: int
    #: Highest recommendation before any limit; None when no policy had one.
    recommended: int | None
    reasons: tuple[Reason, ...]
    #: Tasks; lower bounds where a reason says that something was unknown.
    ready: float
    reserved: int
    running: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A fleet at one time."""

    at: float
    #: Tasks; None while the number was unknown.
    ready: float | None
    reserved: int
    running: int
    workers: int
    desired: int
    #: Seconds until a task that was published then would have started; None while unknown.
    wait: float | None = None
