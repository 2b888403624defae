"""One RPC request to supervisord over HTTP, by unix socket or TCP, within one deadline."""

from __future__ import annotations

import errno
import http.client
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from autoscaler.errors import SupervisordUnreachable
from autoscaler.net.deadline import Deadline
from autoscaler.net.http import Http, Server, TooLong, basic, tcp_server, unix_server

#: Bytes of one answer. A thousand programs take one MiB.
MAX_BODY = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Address:
    """Where supervisord listens."""

    #: Without the password: for messages.
    label: str
    server: Server


def parse_url(url: str) -> Address:
    """Read `supervisord.url`.

    Raises
    ------
    SupervisordUnreachable : it is no address of a supervisord; never shows the password.
    """
    scheme, _, rest = url.partition("://")
    credentials, slash, path = rest.partition("/")
    if scheme == "unix" and slash and (not credentials or credentials.endswith("@")):
        return Address(f"unix:///{path}", unix_server("/" + path, _headers(credentials)))
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
    return Address(f"http://{host}:{port}", tcp_server(host, port, _headers(credentials + at)))


def _headers(credentials: str) -> dict[str, str]:
    headers = {"Content-Type": "text/xml"}
    if credentials:
        user, _, password = credentials.removesuffix("@").partition(":")
        headers |= basic(unquote(user), unquote(password))
    return headers


def post(address: Address, body: bytes, deadline: Deadline) -> bytes:
    """Send one request and return the body of the answer.

    Raises
    ------
    SupervisordUnreachable : no answer within the deadline, or none with status 200; says what to do.
    """
    try:
        with closing(Http(address.server, max_body=MAX_BODY, keep=False)) as server:
            answer = server.request("POST", "/RPC2", deadline, body)
    except OSError as error:
        raise SupervisordUnreachable(f"{address.label}: {_os_error_words(error, deadline)}") from error
    except TooLong as error:
        raise SupervisordUnreachable(f"{address.label}: {error}: is it supervisord?") from error
    except http.client.HTTPException as error:
        raise SupervisordUnreachable(
            f"{address.label}: broke off or does not speak HTTP ({type(error).__name__})"
        ) from error
    if answer.status != http.HTTPStatus.OK:
        raise SupervisordUnreachable(f"{address.label}: {_status_words(answer.status)}")
    return answer.body


def _status_words(status: int) -> str:
    if status == http.HTTPStatus.UNAUTHORIZED:
        return "wants another user name or password: set them in supervisord.url (http://user:password@...)"
    if status == http.HTTPStatus.NOT_FOUND:
        return "has no RPC interface: supervisord's config needs its [rpcinterface:supervisor] section"
    return f"answered with HTTP status {status}: see supervisord's own log"


def _os_error_words(error: OSError, deadline: Deadline) -> str:
    if isinstance(error, TimeoutError):
        return deadline.overrun() + (": supervisord hangs or is overloaded" if deadline.seconds else "")
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
