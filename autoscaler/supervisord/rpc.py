"""One RPC request to supervisord over HTTP, by unix socket or TCP, within one deadline."""

from __future__ import annotations

import base64
import errno
import http.client
import socket
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from autoscaler.errors import SupervisordUnreachable
from autoscaler.net.unix_http import UnixHTTPConnection

#: Bytes of one answer. A thousand programs take one MiB.
MAX_BODY = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Address:
    """Where supervisord listens."""

    #: Without the password: for messages.
    label: str
    connect: Callable[[float], http.client.HTTPConnection]
    #: HTTP headers; may hold the password.
    headers: Mapping[str, str] = field(repr=False)


def parse_url(url: str) -> Address:
    """Read `supervisord.url`.

    Raises
    ------
    SupervisordUnreachable : it is no address of a supervisord; never shows the password.
    """
    scheme, _, rest = url.partition("://")
    credentials, slash, path = rest.partition("/")
    if scheme == "unix" and slash and (not credentials or credentials.endswith("@")):
        file = "/" + path
        return Address(
            f"unix://{file}", lambda timeout: UnixHTTPConnection(file, timeout), _headers(credentials)
        )
    if scheme == "http":
        return _http_address(url)
    raise SupervisordUnreachable(
        "supervisord.url: must be unix:///path/to/supervisor.sock or http://user:password@host:port"
    )


def _http_address(url: str) -> Address:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 80
    except ValueError:
        host = None  # the message of the error may hold a part of the password
    if not host:
        raise SupervisordUnreachable(
            "supervisord.url: is no http://user:password@host:port (percent-encode special characters)"
        )
    credentials, at, _ = parts.netloc.rpartition("@")
    return Address(
        f"http://{host}:{port}",
        lambda timeout: http.client.HTTPConnection(host, port, timeout=timeout),
        _headers(credentials + at),
    )


def _headers(credentials: str) -> dict[str, str]:
    headers = {"Content-Type": "text/xml", "Connection": "close"}
    if credentials:
        pair = unquote(credentials.removesuffix("@"))
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return headers


class Deadline:
    """The end of one whole call."""

    def __init__(self, clock: Callable[[], float], timeout: float) -> None:
        self._clock, self.timeout, self._end = clock, timeout, clock() + timeout

    def remaining(self) -> float:
        """Seconds left, more than 0.

        Raises
        ------
        TimeoutError : none are.
        """
        left = self._end - self._clock()
        if left <= 0:
            raise TimeoutError
        return left


class _DeadlineSocket(socket.socket):
    """A socket all of whose receiving together has one deadline, however slowly the other end drips."""

    deadline: Deadline

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Receive within what is left of the deadline."""
        self.settimeout(self.deadline.remaining())
        return super().recv_into(*args, **kwargs)


def post(address: Address, body: bytes, deadline: Deadline) -> bytes:
    """Send one request and return the body of the answer.

    Raises
    ------
    SupervisordUnreachable : no answer within the deadline, or none with status 200; says what to do.
    """
    try:
        with closing(address.connect(deadline.timeout)) as connection:
            response = _send(connection, address, body, deadline)
            if response.status != http.HTTPStatus.OK:
                raise SupervisordUnreachable(f"{address.label}: {_status_words(response.status)}")
            return _whole_body(response, address)
    except OSError as error:
        raise SupervisordUnreachable(
            f"{address.label}: {_os_error_words(error, deadline.timeout)}"
        ) from error
    except http.client.HTTPException as error:
        raise SupervisordUnreachable(
            f"{address.label}: broke off or does not speak HTTP ({type(error).__name__})"
        ) from error
    except UnicodeError as error:  # raised before anything is looked up
        raise SupervisordUnreachable(
            f"{address.label}: is no host name: each part between dots must have 1 to 63 characters"
        ) from error


def _send(
    connection: http.client.HTTPConnection, address: Address, body: bytes, deadline: Deadline
) -> http.client.HTTPResponse:
    connection.connect()
    plain = connection.sock
    connection.sock = guarded = _DeadlineSocket(fileno=plain.detach())
    guarded.deadline = deadline
    guarded.settimeout(deadline.remaining())
    connection.request("POST", "/RPC2", body, dict(address.headers))
    return connection.getresponse()


def _whole_body(response: http.client.HTTPResponse, address: Address) -> bytes:
    body = response.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise SupervisordUnreachable(
            f"{address.label}: answered with more than {MAX_BODY} bytes: is it supervisord?"
        )
    return body


def _status_words(status: int) -> str:
    if status == http.HTTPStatus.UNAUTHORIZED:
        return "wants another user name or password: set them in supervisord.url (http://user:password@...)"
    if status == http.HTTPStatus.NOT_FOUND:
        return "has no RPC interface: supervisord's config needs its [rpcinterface:supervisor] section"
    return f"answered with HTTP status {status}: see supervisord's own log"


def _os_error_words(error: OSError, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"did not answer within {timeout:g} s: supervisord hangs or is overloaded"
    if isinstance(error, FileNotFoundError):
        return (
            "there is no such socket: start supervisord, or set supervisord.url to the file of its "
            "[unix_http_server]"
        )
    if isinstance(error, PermissionError):
        return (
            "permission denied: set chmod and chown in its [unix_http_server] so that autoscaler may connect"
        )
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there: start supervisord"
    if isinstance(error, ConnectionError):
        return f"broke off ({error.strerror}): it has ended or is restarting"
    if isinstance(error, BlockingIOError) or error.errno == errno.EAGAIN:
        return "takes no more connections: supervisord hangs"
    return f"cannot be reached: {error.strerror or error}"
