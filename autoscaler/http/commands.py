"""The paths of the API that change something: each request is a command for the loop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi import Path as UrlPath
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from autoscaler.config.text import printable
from autoscaler.config.units import duration
from autoscaler.errors import AutoscalerError, CommandRefused, ServiceUnavailable, UnknownName
from autoscaler.http.access import Caller
from autoscaler.model import (
    Answer,
    Command,
    DrainWorker,
    PauseFleets,
    ReleaseFleets,
    ReleaseWorker,
    ScaleFleets,
    StopFleets,
    Terms,
)
from autoscaler.net.asked import Asked

log = logging.getLogger(__name__)

#: Has the loop carry a command out; raises as `Inbox.ask`.
Ask: TypeAlias = Callable[[Command], Answer]
Name: TypeAlias = Annotated[str, UrlPath(max_length=200)]

_RESPONSES: dict[int | str, dict[str, Any]] = {
    HTTPStatus.UNAUTHORIZED: {"description": "The token is missing or wrong."},
    HTTPStatus.FORBIDDEN: {"description": "Not allowed this way in, or without the header X-Autoscaler."},
    HTTPStatus.NOT_FOUND: {"description": "There is no such fleet or worker; names the nearest one."},
    HTTPStatus.CONFLICT: {"description": "It cannot be done as things are; nothing was."},
    HTTPStatus.SERVICE_UNAVAILABLE: {
        "description": "The loop did not answer in time, or too many wait for it: again after Retry-After."
    },
}
#: Seconds after which a command that the loop did not take may be sent again.
_RETRY_AFTER = "5"
#: Seconds that a hold may last.
LONGEST = 366 * 86400.0

_STATUS: tuple[tuple[type[AutoscalerError], HTTPStatus], ...] = (
    (UnknownName, HTTPStatus.NOT_FOUND),
    (CommandRefused, HTTPStatus.CONFLICT),
    (ServiceUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (AutoscalerError, HTTPStatus.INTERNAL_SERVER_ERROR),
)


_Seconds: TypeAlias = Annotated[float, Field(gt=0, le=LONGEST)]


def _lasts(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("is neither a number of seconds nor a duration such as 10m")  # noqa: TRY004 (told by pydantic)
    return duration(value) if isinstance(value, str) else value


def _printable(value: str) -> str:
    return printable(value)


class TermsBody(BaseModel):
    """Why, and for how long; all of it may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Seconds, or ``10m``; null: until released.
    lasts: Annotated[_Seconds | None, BeforeValidator(_lasts), Field(alias="for")] = None
    reason: Annotated[str, Field(max_length=200), AfterValidator(_printable)] = ""

    def terms(self, who: str) -> Terms:
        """With who it is that orders."""
        return Terms(who, self.reason, self.lasts)


class SizeBody(TermsBody):
    """How many workers, why, and for how long."""

    workers: Annotated[int, Field(ge=0, le=999)]


_NOTHING = TermsBody()


def _who(request: Request) -> str:
    caller: Caller = request.state.caller
    return caller.name


Who: TypeAlias = Annotated[str, Depends(_who)]


class Commands:
    """What can be ordered, one method a path."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def pause_fleet(self, who: Who, fleet: Name, body: TermsBody = _NOTHING) -> Answer:
        """Leave a fleet at the size that it has."""
        return self._carry_out(PauseFleets((fleet,), terms=body.terms(who)))

    def scale_fleet(self, who: Who, fleet: Name, body: SizeBody) -> Answer:
        """Keep a fleet at a size, within min_workers and max_workers."""
        return self._carry_out(ScaleFleets((fleet,), body.workers, terms=body.terms(who)))

    def stop_fleet(self, who: Who, fleet: Name, body: TermsBody = _NOTHING) -> Answer:
        """Drain every worker of a fleet, and keep it at none."""
        return self._carry_out(StopFleets((fleet,), terms=body.terms(who)))

    def resume_fleet(self, who: Who, fleet: Name) -> Answer:
        """End a pause, or a size set by hand."""
        return self._carry_out(ReleaseFleets((fleet,), who, stopped=False))

    def start_fleet(self, who: Who, fleet: Name) -> Answer:
        """End a stop, a pause, or a size set by hand."""
        return self._carry_out(ReleaseFleets((fleet,), who))

    def release_fleet(self, who: Who, fleet: Name) -> Answer:
        """End whatever holds a fleet, and whatever holds its workers."""
        return self._carry_out(ReleaseFleets((fleet,), who, workers=True))

    def drain_worker(self, who: Who, worker: Name, body: TermsBody = _NOTHING) -> Answer:
        """Take a worker out of service when it has finished what it has, and keep it stopped."""
        return self._carry_out(DrainWorker(worker, terms=body.terms(who)))

    def release_worker(self, who: Who, worker: Name) -> Answer:
        """Start a held worker again."""
        return self._carry_out(ReleaseWorker(worker, who))

    def pause_all(self, who: Who, body: TermsBody = _NOTHING) -> Answer:
        """Leave all fleets at the sizes that they have."""
        return self._carry_out(PauseFleets(None, terms=body.terms(who)))

    def stop_all(self, who: Who, body: TermsBody = _NOTHING) -> Answer:
        """Drain every worker of all fleets, and keep them at none."""
        return self._carry_out(StopFleets(None, terms=body.terms(who)))

    def drain_all(self, who: Who, body: TermsBody = _NOTHING) -> Answer:
        """Drain every worker of all fleets, and keep them at none until the machine starts again."""
        return self._carry_out(StopFleets(None, this_boot=True, terms=body.terms(who)))

    def resume_all(self, who: Who) -> Answer:
        """End every pause, and every size set by hand."""
        return self._carry_out(ReleaseFleets(None, who, stopped=False))

    def start_all(self, who: Who) -> Answer:
        """End every stop, pause, and size set by hand."""
        return self._carry_out(ReleaseFleets(None, who))

    def release_all(self, who: Who) -> Answer:
        """End whatever holds fleets and workers."""
        return self._carry_out(ReleaseFleets(None, who, workers=True))

    def _carry_out(self, command: Command) -> Answer:
        try:
            with Asked(log, f"{command!r}") as asked:
                answer = self._ask(command)
                asked.came_back(f"{len(answer.said)} sentences")
        except AutoscalerError as error:
            status = next(status for kind, status in _STATUS if isinstance(error, kind))
            later = {"Retry-After": _RETRY_AFTER} if status is HTTPStatus.SERVICE_UNAVAILABLE else None
            raise HTTPException(status, str(error), later) from error
        return answer


def commands(ask: Ask) -> APIRouter:
    """The routes over whatever carries commands out."""
    api = APIRouter(prefix="/api/v1", tags=["commands"])
    each = Commands(ask)
    for path, verbs in {
        "/fleets/{fleet}": (
            each.pause_fleet,
            each.scale_fleet,
            each.stop_fleet,
            each.resume_fleet,
            each.start_fleet,
            each.release_fleet,
        ),
        "/workers/{worker}": (each.drain_worker, each.release_worker),
        "/all": (
            each.pause_all,
            each.stop_all,
            each.drain_all,
            each.resume_all,
            each.start_all,
            each.release_all,
        ),
    }.items():
        for verb in verbs:
            name = verb.__name__.partition("_")[0]
            api.add_api_route(f"{path}/{name}", verb, methods=["POST"], responses=_RESPONSES)
    return api
