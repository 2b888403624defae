"""The paths of the API for past decisions and samples."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Annotated, Protocol, TypeAlias, TypeVar

from fastapi import APIRouter, HTTPException, Query

from autoscaler.errors import StoreError
from autoscaler.http.commands import Name
from autoscaler.http.views import DecisionsView, SamplesView
from autoscaler.model import PastDecision, Sample
from autoscaler.text import no_fleet

#: Rows of an answer, newest first.
Limit: TypeAlias = Annotated[int, Query(ge=1, le=1000)]
#: Seconds since the epoch from which on they are told.
Since: TypeAlias = Annotated[float, Query(ge=0)]


R = TypeVar("R")


class Reader(Protocol):
    """See `store.history.History`."""

    def decisions(self, fleet: str, limit: int, since: float) -> list[PastDecision]: ...
    def samples(self, fleet: str, limit: int, since: float) -> list[Sample]: ...


def history(reader: Reader, fleets: Callable[[], Collection[str]]) -> APIRouter:
    """The routes over whatever reads the record.

    Parameters
    ----------
    fleets : names of those that there are now; another one is only known by what it left in the record.
    """
    api = APIRouter(prefix="/api/v1/fleets/{fleet}", tags=["history"])

    @api.get("/decisions")
    def decisions(fleet: Name, limit: Limit = 100, since: Since = 0.0) -> DecisionsView:
        """The decisions that differed from the one before, newest first; kept for 30 days."""
        found = _read(reader.decisions, fleet, limit, since, fleets())
        return DecisionsView(fleet=fleet, decisions=tuple(found))

    @api.get("/samples")
    def samples(fleet: Name, limit: Limit = 100, since: Since = 0.0) -> SamplesView:
        """The fleet every ten seconds, newest first; kept for two days."""
        found = _read(reader.samples, fleet, limit, since, fleets())
        return SamplesView(fleet=fleet, samples=tuple(found))

    return api


def _read(
    read: Callable[[str, int, float], list[R]], fleet: str, limit: int, since: float, known: Collection[str]
) -> list[R]:
    try:
        found = read(fleet, limit, since)
    except StoreError as error:
        raise HTTPException(503, str(error)) from error
    if not found and fleet not in known:
        raise HTTPException(404, no_fleet(fleet, known))
    return found
