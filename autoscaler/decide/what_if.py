"""The last decision of a fleet, taken again with other settings. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from autoscaler.decide import decide
from autoscaler.decide.explain import steps
from autoscaler.model import Decision, FleetState, Scaling, Situation


@dataclass(frozen=True, slots=True)
class WhatIf:
    """One decision, and the same under other settings."""

    now: Decision
    then: Decision

    @property
    def text(self) -> str:
        """Both, in a sentence."""
        now, then = self.now.desired, self.then.desired
        wants = f"would want {then} instead of {now}" if now != then else f"would want {then}, as now"
        return f"{self.then.fleet}: {wants} ({_why(self.then)}); {steps(self.then)}"


def what_if(situation: Situation, memory: FleetState, scaling: Scaling) -> WhatIf:
    """Decide again about a situation, under the settings it was in and under others.

    Parameters
    ----------
    memory : that the decision was taken with.
    """
    now, _ = decide(situation, memory)
    then, _ = decide(replace(situation, scaling=scaling), memory)
    return WhatIf(now, then)


def _why(decision: Decision) -> str:
    return "; ".join(reason.text for reason in decision.reasons)
