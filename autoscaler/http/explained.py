"""An explanation of a fleet's size as a value of the API."""

from __future__ import annotations

from autoscaler.decide.explain import Explanation, explain
from autoscaler.http.views import ReasonView, RecommendationView, View
from autoscaler.model import FleetTick


class CandidateView(View):
    """A worker that would be drained if the fleet shrank."""

    name: str
    text: str


class NextWorkerView(View):
    """What it takes to have one worker more than there are or are wanted now."""

    #: Tasks that would have to wait beside those that do; null: no number of them is enough.
    tasks: int | None
    #: Seconds that they would have to.
    lasting: float
    text: str


class ExplanationView(View):
    """Why a fleet has the size that it has. Numbers are null while supervisord cannot be seen."""

    fleet: str
    at: float
    current: int | None
    desired: int | None
    #: Sentences.
    seen: list[str]
    recommendations: list[RecommendationView]
    #: In the order in which they acted.
    reasons: list[ReasonView]
    #: What is done about it, in words.
    steps: str
    #: The first to go first.
    first_to_go: list[CandidateView]
    next_worker: NextWorkerView | None
    #: Why it could not be carried out, or nothing was decided; empty when all is well.
    trouble: str
    dry_run: bool


def explanation_view(fleet: FleetTick, at: float) -> ExplanationView:
    """Show why a fleet's last decision was taken."""
    if fleet.situation is None or fleet.memory is None:
        return _blind(fleet, at)
    return _view(fleet, explain(fleet.situation, fleet.memory))


def _blind(fleet: FleetTick, at: float) -> ExplanationView:
    return ExplanationView(
        fleet=fleet.name,
        at=at,
        current=None,
        desired=None,
        seen=[],
        recommendations=[],
        reasons=[],
        steps="changes nothing",
        first_to_go=[],
        next_worker=None,
        trouble=fleet.trouble,
        dry_run=fleet.dry_run,
    )


def _view(fleet: FleetTick, of: Explanation) -> ExplanationView:
    then = of.next_worker
    return ExplanationView(
        fleet=of.fleet,
        at=of.at,
        current=of.current,
        desired=of.desired,
        seen=list(of.seen),
        recommendations=[
            RecommendationView(policy=each.policy, workers=each.workers, text=each.text)
            for each in of.recommendations
        ],
        reasons=[ReasonView(code=each.code, text=each.text) for each in of.reasons],
        steps=of.steps,
        first_to_go=[CandidateView(name=each.name, text=each.text) for each in of.first_to_go],
        next_worker=NextWorkerView(tasks=then.tasks, lasting=then.lasting, text=then.text),
        trouble=fleet.trouble,
        dry_run=fleet.dry_run,
    )
