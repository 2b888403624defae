"""The API's client: requests of the CLI to the running daemon over its unix socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from autoscaler.errors import DaemonNotRunning, ServiceUnavailable
from autoscaler.http import wire
from autoscaler.http.views import (
    DecisionsView,
    ExplanationView,
    FleetsView,
    HealthView,
    SingletonsView,
    SituationView,
    WorkersView,
)
from autoscaler.model import Answer

V = TypeVar("V")


class Client:
    """Asks the daemon that listens on a socket, and tells it what to do.

    Parameters
    ----------
    timeout : seconds that the daemon has for an answer.
    hint : why it is this socket that is asked; told where nobody listens on it.
    """

    def __init__(self, path: Path, *, timeout: float = wire.TIMEOUT, hint: str = "") -> None:
        self._path = path
        self._timeout = timeout
        self._hint = hint

    def fleets(self) -> FleetsView:
        """All fleets.

        Raises
        ------
        DaemonNotRunning : nobody listens on the socket.
        ServiceUnavailable : somebody does, but may not be asked or does not answer as our daemon would.
        """
        return self._get("/api/v1/fleets", FleetsView)

    def workers(self) -> WorkersView:
        """All workers; raises as `fleets`."""
        return self._get("/api/v1/workers", WorkersView)

    def singletons(self) -> SingletonsView:
        """All singletons; raises as `fleets`."""
        return self._get("/api/v1/singletons", SingletonsView)

    def explanation(self, fleet: str) -> ExplanationView:
        """Why a fleet has the size that it has; raises as `fleets`, and UnknownName."""
        return self._get(wire.path_of("fleets", fleet, "explain"), ExplanationView)

    def situation(self, fleet: str) -> SituationView:
        """What a fleet's last decision was taken on; raises as `fleets`, and UnknownName."""
        return self._get(wire.path_of("fleets", fleet, "situation"), SituationView)

    def decisions(self, fleet: str, limit: int, since: float = 0.0) -> DecisionsView:
        """The last decisions about a fleet, newest first; raises as `explanation`."""
        path = wire.path_of("fleets", fleet, "decisions")
        return self._get(f"{path}?limit={limit}&since={since}", DecisionsView)

    def health(self) -> HealthView:
        """Whether the daemon does its work; raises as `fleets`."""
        return self._get("/health", HealthView)

    def command(self, *path: str, **body: Any) -> Answer:
        """Have something done, e.g. ``command("fleets", "emails", "pause", reason="sale")``.

        Raises
        ------
        UnknownName, CommandRefused, ServiceUnavailable, DaemonNotRunning
        """
        with self._hinting():
            return self._read(wire.post(self._path, wire.path_of(*path), body), Answer)

    def _get(self, path: str, view: type[V]) -> V:
        with self._hinting():
            return self._read(wire.get(self._path, path, self._timeout), view)

    @contextmanager
    def _hinting(self) -> Iterator[None]:
        try:
            yield
        except DaemonNotRunning as error:
            if not self._hint:
                raise
            raise DaemonNotRunning(f"{error}; {self._hint}") from error

    def _read(self, answer: object, kind: type[V]) -> V:
        try:
            return TypeAdapter(kind).validate_python(answer)
        except ValidationError as error:
            raise ServiceUnavailable(f"the daemon on {self._path} gave no usable answer: {error}") from error
