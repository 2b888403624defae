"""The daemon's HTTP API: on a unix socket, and on a loopback address where the config names one.

What looks reads a snapshot; what changes something is in `commands`, and `access` says who may do either.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi import Path as UrlPath
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from autoscaler import __version__
from autoscaler.console.access import Guard, Rules
from autoscaler.console.commands import Ask, commands
from autoscaler.console.explained import ExplanationView, explanation_view
from autoscaler.console.history import Reader, history
from autoscaler.console.peers import Patience, PeerProtocol
from autoscaler.console.singletons import SingletonsView, singletons_view
from autoscaler.console.situation import SituationView, situation_view
from autoscaler.console.views import (
    FleetsView,
    FleetView,
    HealthView,
    WorkersView,
    fleet_view,
    fleets_view,
    health_view,
    is_stale,
    workers_view,
)
from autoscaler.daemon import Snapshot
from autoscaler.errors import ServiceUnavailable
from autoscaler.model import FleetTick
from autoscaler.nearest import no_fleet

#: Seconds in which the server must be up, and down again.
DEADLINE = 5.0
_BACKLOG = 64
_POLL = 0.01


def make_app(
    snapshot: Callable[[], Snapshot],
    clock: Callable[[], float],
    ask: Ask | None = None,
    rules: Callable[[], Rules] = Rules,
    reader: Reader | None = None,
) -> FastAPI:
    """The API over whatever `snapshot` returns at each request.

    Parameters
    ----------
    ask : has the loop carry a command out; without it nothing can be changed.
    rules : what the config says of the ways in, at each request.
    reader : reads what has been; without it only the last tick is told.
    """
    app = FastAPI(title="autoscaler", version=__version__, docs_url=None, redoc_url=None)
    app.add_middleware(Guard, rules=rules)
    app.add_exception_handler(RequestValidationError, _wrong_request)
    if ask is not None:
        app.include_router(commands(ask))
    if reader is not None:
        app.include_router(history(reader, lambda: _names(snapshot())))

    @app.get("/api/v1/fleets")
    def fleets() -> FleetsView:
        """All fleets, what they need and why."""
        return fleets_view(snapshot())

    @app.get("/api/v1/fleets/{fleet}")
    def one_fleet(fleet: Annotated[str, UrlPath(max_length=200)]) -> FleetView:
        """One fleet."""
        return fleet_view(_find(snapshot(), fleet)[0])

    @app.get("/api/v1/fleets/{fleet}/explain")
    def explain_fleet(fleet: Annotated[str, UrlPath(max_length=200)]) -> ExplanationView:
        """Why one fleet has the size that it has, and what would change it."""
        return explanation_view(*_find(snapshot(), fleet))

    @app.get("/api/v1/fleets/{fleet}/situation")
    def fleet_situation(fleet: Annotated[str, UrlPath(max_length=200)]) -> SituationView:
        """What one fleet's last decision was taken on."""
        return situation_view(*_find(snapshot(), fleet))

    @app.get("/api/v1/workers")
    def workers() -> WorkersView:
        """All workers, their states and tasks."""
        return workers_view(snapshot())

    @app.get("/api/v1/singletons")
    def singletons() -> SingletonsView:
        """All singletons: what runs once beside the fleets."""
        return singletons_view(snapshot())

    @app.get("/health")
    def health(response: Response) -> HealthView:
        """Whether the daemon does its work; 503 when its loop has not ticked in time."""
        now, seen = clock(), snapshot()
        response.status_code = 503 if is_stale(seen, now) else 200
        return health_view(seen, now, __version__)

    return app


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


class Server:
    """Serves an app on sockets from a thread of its own, as a context manager."""

    def __init__(
        self, app: FastAPI, path: Path, listen: str | None = None, patience: Patience | None = None
    ) -> None:
        self._path = path
        self._listen = listen
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=partial(PeerProtocol, patience=patience or Patience()),  # type: ignore[arg-type]  # a factory
                ws="none",
                # Who connects is told by the kernel, never by a header.
                proxy_headers=False,
                server_header=False,
                # What strangers send is no trouble of ours: they shall not fill the log.
                log_level=logging.ERROR,
                access_log=False,
                lifespan="off",
            )
        )
        self._thread: threading.Thread | None = None
        self._sockets: list[socket.socket] = []
        self._file: tuple[int, int] | None = None

    def __enter__(self) -> Server:
        """Open the sockets and serve.

        Raises
        ------
        ServiceUnavailable : a socket cannot be opened, with its address and the reason; or the server
            does not start.
        """
        self._open()
        # The loop owns the process's signals; uvicorn takes them only in the main thread.
        self._thread = threading.Thread(
            target=self._server.run, args=(self._sockets,), name="console", daemon=True
        )
        self._thread.start()
        try:
            self._wait_until_started(self._thread)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close the sockets; requests under way get a moment to end."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(DEADLINE)
        self._close()

    def _open(self) -> None:
        try:
            self._sockets.append(_unix_socket(self._path))
            self._file = _identity(self._path)
            if self._listen is not None:
                self._sockets.append(_tcp_socket(self._listen))
        except ServiceUnavailable:
            self._close()
            raise

    def _close(self) -> None:
        for each in self._sockets:
            each.close()
        self._sockets.clear()
        # Another daemon may have put its own in this place, where somebody deleted our lock.
        if self._file is not None and self._file == _identity(self._path):
            self._path.unlink(missing_ok=True)
        self._file = None

    def _wait_until_started(self, thread: threading.Thread) -> None:
        ends = time.monotonic() + DEADLINE
        while not self._server.started:
            if not thread.is_alive():
                raise ServiceUnavailable(f"console.socket {self._path} is not served: its thread has ended")
            if time.monotonic() > ends:
                raise ServiceUnavailable(
                    f"console.socket {self._path} is not served: not started within {DEADLINE:g} s"
                )
            thread.join(_POLL)


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another at the same place; None: there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _unix_socket(path: Path) -> socket.socket:
    """Listen on a path, with mode 0660 from the first moment.

    We hold the daemon's lock, so a file that is there already is stale.
    """
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    temporary = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        opened.bind(str(temporary))
        temporary.chmod(0o660)
        opened.listen(_BACKLOG)
        temporary.replace(path)
    except OSError as error:
        opened.close()
        with suppress(OSError):
            temporary.unlink()
        raise _cannot_open(f"console.socket {path}", error) from error
    return opened


def _tcp_socket(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, int(port)))
        opened.listen(_BACKLOG)
    except OSError as error:
        opened.close()
        raise _cannot_open(f"console.listen {listen}", error) from error
    return opened


def _cannot_open(what: str, error: OSError) -> ServiceUnavailable:
    return ServiceUnavailable(f"{what} cannot be opened: {error.strerror or error}")
