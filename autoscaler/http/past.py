"""Past decisions and samples as values of the API."""

from __future__ import annotations

from autoscaler.http.views import ReasonView, View


class PastView(View):
    """A decision that differed from the one before it."""

    at: float
    #: Serving and held workers when it was taken, and those that there should be.
    current: int
    desired: int
    recommended: int | None
    reasons: list[ReasonView]
    #: Tasks; lower bounds where a reason says that something was unknown.
    ready: float
    reserved: int
    running: int


class DecisionsView(View):
    """A fleet's decisions, newest first."""

    fleet: str
    decisions: list[PastView]


class SampleView(View):
    """A fleet at one time."""

    at: float
    #: Tasks; null while it was unknown.
    ready: float | None
    reserved: int
    running: int
    workers: int
    desired: int
    #: Seconds until a task that was published then would have started; null while it was unknown.
    wait: float | None = None


class SamplesView(View):
    """A fleet every ten seconds, newest first."""

    fleet: str
    samples: list[SampleView]
