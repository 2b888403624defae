"""The CLI's way in: asks the running daemon over its unix socket."""

from __future__ import annotations

import http.client
import json
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from autoscaler.console.explained import ExplanationView
from autoscaler.console.singletons import SingletonsView
from autoscaler.console.situation import SituationView
from autoscaler.console.views import FleetsView, HealthView, View, WorkersView
from autoscaler.errors import DaemonNotRunning, ServiceUnavailable, UnknownName
from autoscaler.unix_http import UnixHTTPConnection

#: Seconds that the daemon has for an answer.
TIMEOUT = 5.0

V = TypeVar("V", bound=View)


class Client:
    """Reads from the daemon that listens on a socket."""

    def __init__(self, path: Path, *, timeout: float = TIMEOUT) -> None:
        self._path = path
        self._timeout = timeout

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
        return self._get(f"/api/v1/fleets/{quote(fleet, safe='')}/explain", ExplanationView)

    def situation(self, fleet: str) -> SituationView:
        """What a fleet's last decision was taken on; raises as `fleets`, and UnknownName."""
        return self._get(f"/api/v1/fleets/{quote(fleet, safe='')}/situation", SituationView)

    def health(self) -> HealthView:
        """Whether the daemon does its work; raises as `fleets`."""
        return self._get("/health", HealthView)

    def _get(self, path: str, view: type[V]) -> V:
        connection = UnixHTTPConnection(str(self._path), self._timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = json.loads(response.read())
            if response.status == HTTPStatus.NOT_FOUND:
                raise UnknownName(str(body["detail"]))
            return view.model_validate(body)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise DaemonNotRunning(
                f"no daemon listens on {self._path}: start it with `autoscaler run`"
            ) from error
        except PermissionError as error:
            raise ServiceUnavailable(f"{self._path} may not be opened by this user") from error
        except (OSError, http.client.HTTPException, ValueError, ValidationError, LookupError) as error:
            raise ServiceUnavailable(f"the daemon on {self._path} gave no usable answer: {error}") from error
        finally:
            connection.close()
