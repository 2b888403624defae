"""An explanation of a fleet's size as a value of the API."""

from __future__ import annotations

from autoscaler.decide.explain import Candidate, NextWorker, explain
from autoscaler.http.views.base import View
from autoscaler.model import FleetTick, Reason, Recommendation


class ExplanationView(View):
    """Why a fleet has the size that it has. Numbers are null while supervisord cannot be seen."""

    fleet: str
    at: float
    current: int | None
    desired: int | None
    #: Sentences about what was observed.
    seen: tuple[str, ...]
    recommendations: tuple[Recommendation, ...]
    #: In the sequence in which they acted.
    reasons: tuple[Reason, ...]
    #: The steps that follow from the decision, in words.
    steps: str
    #: Workers that a smaller fleet would drain, the first one first.
    first_to_go: tuple[Candidate, ...]
    next_worker: NextWorker | None
    #: Why the decision was not carried out, or none was taken; empty when all is well.
    trouble: str
    dry_run: bool


def explanation_view(fleet: FleetTick, at: float) -> ExplanationView:
    """Show why a fleet's last decision was taken."""
    if fleet.situation is None or fleet.memory is None:
        return _without_decision(fleet, at)
    explanation = explain(fleet.situation, fleet.memory)
    return ExplanationView.of(explanation, trouble=fleet.trouble, dry_run=fleet.dry_run)


def _without_decision(fleet: FleetTick, at: float) -> ExplanationView:
    return ExplanationView.of(
        fleet,
        fleet=fleet.name,
        at=at,
        current=None,
        desired=None,
        seen=(),
        recommendations=(),
        reasons=(),
        steps="changes nothing",
        first_to_go=(),
        next_worker=None,
    )
