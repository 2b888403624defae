"""The HTTP API: its application and its paths for reading.

What looks reads a snapshot; what changes something is in `commands`, what has been in `history`, and `access`
says who may do what.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from autoscaler import __version__
from autoscaler.http.access import Caller, Guard, Rules
from autoscaler.http.commands import Ask, Name, commands
from autoscaler.http.dashboard_files import files, web
from autoscaler.http.history import Reader, history
from autoscaler.http.metrics import metrics
from autoscaler.http.published import Api
from autoscaler.http.stream import Stream, stream_route
from autoscaler.http.views import (
    ExplanationView,
    FleetsView,
    FleetView,
    HealthView,
    SingletonsView,
    SituationView,
    View,
    WorkersView,
    explanation_view,
    fleet_view,
    fleets_view,
    health_view,
    is_stale,
    singletons_view,
    situation_view,
    workers_view,
)
from autoscaler.loop.snapshot import Snapshot
from autoscaler.model import FleetTick
from autoscaler.text import no_fleet


class AccessView(View):
    """The caller of a request, and the caller's rights."""

    #: A user of the machine, or the name of a token; ``unknown``: anybody who may look.
    caller: str
    may_change: bool
    #: Whether the token would give the right to change things.
    token_helps: bool


def make_app(
    snapshot: Callable[[], Snapshot],
    clock: Callable[[], float],
    ask: Ask | None = None,
    rules: Callable[[], Rules] = Rules,
    reader: Reader | None = None,
    *,
    stream: Stream | None = None,
) -> FastAPI:
    """The API over whatever `snapshot` returns at each request.

    Parameters
    ----------
    ask : has the loop carry a command out; without it nothing can be changed.
    rules : what the config says of the ways in, at each request.
    reader : reads what has been; without it only the last tick is told.
    stream : tells each tick as it comes; without it nobody can follow.
    """
    app = Api(title="autoscaler", version=__version__, docs_url=None, redoc_url=None)
    page = files()
    app.add_middleware(Guard, rules=rules, files=page.keys())
    app.add_exception_handler(RequestValidationError, _wrong_request)
    if ask is not None:
        app.include_router(commands(ask))
    if reader is not None:
        app.include_router(history(reader, lambda: _names(snapshot())))
    if stream is not None:
        app.include_router(stream_route(stream))
    app.include_router(web(page))
    app.include_router(_now(snapshot))
    app.include_router(metrics(snapshot, clock))

    @app.get("/api/v1/access")
    def access(request: Request) -> AccessView:
        """Who asks, and what they may do."""
        caller: Caller = request.state.caller
        helps = not caller.may_change and bool(rules().tokens)
        return AccessView(caller=caller.name, may_change=caller.may_change, token_helps=helps)

    @app.head("/health", include_in_schema=False)
    @app.get("/health")
    def health(response: Response) -> HealthView:
        """Whether the daemon does its work; 503 when its loop has not ticked in time."""
        now, seen = clock(), snapshot()
        response.status_code = 503 if is_stale(seen, now) else 200
        return health_view(seen, now, __version__)

    return app


def _now(snapshot: Callable[[], Snapshot]) -> APIRouter:
    """The routes over the last tick."""
    api = APIRouter(prefix="/api/v1")

    @api.get("/fleets")
    def fleets() -> FleetsView:
        """All fleets, what they need and why."""
        return fleets_view(snapshot())

    @api.get("/fleets/{fleet}")
    def one_fleet(fleet: Name) -> FleetView:
        """One fleet."""
        return fleet_view(_find(snapshot(), fleet)[0])

    @api.get("/fleets/{fleet}/explain")
    def explain_fleet(fleet: Name) -> ExplanationView:
        """Why one fleet has the size that it has, and what would change it."""
        return explanation_view(*_find(snapshot(), fleet))

    @api.get("/fleets/{fleet}/situation")
    def fleet_situation(fleet: Name) -> SituationView:
        """What one fleet's last decision was taken on."""
        return situation_view(*_find(snapshot(), fleet))

    @api.get("/workers")
    def workers() -> WorkersView:
        """All workers, their states and tasks."""
        return workers_view(snapshot())

    @api.get("/singletons")
    def singletons() -> SingletonsView:
        """All singletons: what runs once beside the fleets."""
        return singletons_view(snapshot())

    return api


def _wrong_request(_: Request, error: Exception) -> Response:
    """Say what is wrong with a request, not what was sent: not all of it can be written as JSON."""
    found = error.errors() if isinstance(error, RequestValidationError) else ()
    told = [
        {"type": each["type"], "loc": [_part(p) for p in each["loc"]], "msg": each["msg"]} for each in found
    ]
    return JSONResponse({"detail": told}, HTTPStatus.UNPROCESSABLE_ENTITY)


def _part(part: str | int) -> str | int:
    return part if isinstance(part, int) else part.encode(errors="replace").decode()


def _names(snapshot: Snapshot) -> list[str]:
    return [each.name for each in snapshot.tick.fleets] if snapshot.tick else []


def _find(snapshot: Snapshot, name: str) -> tuple[FleetTick, float]:
    """A fleet of the last tick, and when that was."""
    tick = snapshot.tick
    found = next((each for each in tick.fleets if each.name == name), None) if tick else None
    if tick is None or found is None:
        known = [each.name for each in tick.fleets] if tick else []
        raise HTTPException(404, no_fleet(name, known))
    return found, tick.at
