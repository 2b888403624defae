"""Past decisions and samples as values of the API."""

from __future__ import annotations

from autoscaler.http.views.base import View
from autoscaler.model import PastDecision, Sample


class DecisionsView(View):
    """A fleet's decisions, newest first."""

    fleet: str
    decisions: tuple[PastDecision, ...]


class SamplesView(View):
    """A fleet every ten seconds, newest first."""

    fleet: str
    samples: tuple[Sample, ...]
