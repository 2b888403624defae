"""A decision's situation as JSON, so that a client can take the decision again."""

from __future__ import annotations

from pydantic import TypeAdapter

from autoscaler.http.views.base import View
from autoscaler.model import FleetState, FleetTick, Situation

_SITUATION = TypeAdapter(Situation)
_STATE = TypeAdapter(FleetState)


class SituationView(View):
    """One fleet's situation in the last tick, and the remembered state that the decision went on from.

    Both are null while supervisord cannot be seen. Their fields are those of `autoscaler.model`, and may
    change from one version to the next.
    """

    fleet: str
    at: float
    situation: dict[str, object] | None
    memory: dict[str, object] | None
    #: Why there is no decision; empty when there is one.
    trouble: str

    def values(self) -> tuple[Situation, FleetState] | None:
        """The values themselves; None where there is no decision.

        Raises
        ------
        ValidationError : they come from another version.
        """
        if self.situation is None or self.memory is None:
            return None
        return _SITUATION.validate_python(self.situation), _STATE.validate_python(self.memory)


def situation_view(fleet: FleetTick, at: float) -> SituationView:
    """Show what a fleet's last decision was taken on."""
    return SituationView(
        fleet=fleet.name,
        at=at,
        situation=_SITUATION.dump_python(fleet.situation, mode="json") if fleet.situation else None,
        memory=_STATE.dump_python(fleet.memory, mode="json") if fleet.memory else None,
        trouble=fleet.trouble,
    )
