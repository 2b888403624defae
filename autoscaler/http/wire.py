"""Requests to the daemon's unix socket, with the standard library only.

supervisorctl's plugin uses this too, perhaps under an interpreter that has none of our dependencies.
"""

from __future__ import annotations

import http.client
import json
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from autoscaler.errors import CommandRefused, DaemonNotRunning, ServiceUnavailable, UnknownName
from autoscaler.net.unix_http import UnixHTTPConnection

#: Seconds that the daemon has for an answer, and for carrying a command out.
TIMEOUT = 5.0
COMMAND_TIMEOUT = 20.0

_WORKER = re.compile(r"-[0-9]+$")


def get(socket: Path, path: str, timeout: float = TIMEOUT) -> Any:
    """Ask for something.

    Returns
    -------
    The JSON value that the daemon answers, also with a status that says it is not well (``/health``).

    Raises
    ------
    DaemonNotRunning : nobody listens on the socket.
    UnknownName : there is no such fleet or worker.
    ServiceUnavailable : somebody listens, but may not be asked or does not answer as our daemon would.
    """
    return _call(socket, "GET", path, None, timeout)


def post(socket: Path, path: str, body: dict[str, Any], timeout: float = COMMAND_TIMEOUT) -> Any:
    """Order something; returns and raises as `get`, and CommandRefused."""
    return _call(socket, "POST", path, body, timeout)


def path_of(*parts: str) -> str:
    """A path of the API, its parts quoted whole."""
    return "/".join(["/api/v1", *(quote(part, safe="") for part in parts)])


def kind_of(name: str) -> str:
    """``workers`` or ``fleets``, as a path has it: worker names end in a number, as no fleet's name does."""
    return "workers" if _WORKER.search(name) else "fleets"


def _call(socket: Path, method: str, path: str, body: dict[str, Any] | None, timeout: float) -> Any:
    connection = UnixHTTPConnection(str(socket), timeout)
    headers = {"X-Autoscaler": "1", "Content-Type": "application/json"}
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        status, answer = response.status, json.loads(response.read())
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise DaemonNotRunning(f"no daemon listens on {socket}: start it with `autoscaler run`") from error
    except PermissionError as error:
        raise ServiceUnavailable(f"{socket} may not be opened by this user") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ServiceUnavailable(f"the daemon on {socket} gave no usable answer: {error}") from error
    finally:
        connection.close()
    if isinstance(answer, dict) and "detail" in answer and status >= HTTPStatus.BAD_REQUEST:
        _refuse(status, _words(answer["detail"]))
    return answer


def _refuse(status: int, text: str) -> None:
    if status == HTTPStatus.NOT_FOUND:
        raise UnknownName(text)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ServiceUnavailable(text)
    raise CommandRefused(text)


def _words(detail: object) -> str:
    """What is wrong; FastAPI lists what it finds in a body."""
    if not isinstance(detail, list):
        return str(detail)
    return "; ".join(f"{_place(each)}{each.get('msg', '')}" for each in detail if isinstance(each, dict))


def _place(problem: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in problem.get("loc", ())[1:])
    return f"{key}: " if key else ""
