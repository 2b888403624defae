"""One HTTP exchange within one deadline: over a unix socket, TCP or TLS.

`http.client` times every read on its own, so a server that drips keeps its client waiting for ever. Here all
that is sent and received in an exchange, the connection and the TLS handshake included, shares one deadline.

Only the lookup of a host name is not bounded: the system's resolver has timeouts of its own.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from autoscaler.net.deadline import Deadline

#: Methods that a kept connection may send a second time, when it turns out to be closed.
_REPEATABLE = frozenset({"GET"})


class TooLong(http.client.HTTPException):
    """The answer has more bytes than its reader takes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    body: bytes
    #: The ``Date`` header as it came; empty if there was none.
    date: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server listens, and the headers of every request to it."""

    #: Host name or address, as the ``Host`` header has it.
    host: str
    #: Connects within a deadline; raises OSError.
    connect: Callable[[Deadline], _Socket]
    #: May hold a password.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def unix_server(path: str | Path, headers: Mapping[str, str] | None = None) -> Server:
    """A server behind a socket file.

    Its `connect` raises BlockingIOError when the server's backlog is full.
    """
    return Server("localhost", lambda deadline: _connected_unix(str(path), deadline), headers or {})


def tcp_server(
    host: str, port: int, headers: Mapping[str, str] | None = None, *, tls: ssl.SSLContext | None = None
) -> Server:
    """A server at a TCP port.

    Parameters
    ----------
    tls : of `tls_context`; None: nothing is encrypted.
    """

    def connect(deadline: Deadline) -> _Socket:
        plain = _connected_tcp(host, port, deadline)
        return plain if tls is None else _encrypted(plain, tls, host, deadline)

    return Server(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", connect, headers or {})


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """How a server's certificate is checked.

    Parameters
    ----------
    ca_file : the certificates that are trusted, PEM; None: those that this machine trusts (SSL_CERT_FILE and
        SSL_CERT_DIR name others).
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.sslsocket_class = _EncryptedSocket
    return context


def basic(user: str, password: str) -> dict[str, str]:
    """The header of basic authentication; user and password of any characters, sent as UTF-8."""
    pair = f"{user}:{password}".encode()
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


class Http:
    """Requests to one server, one after another: no redirects, no proxies, nothing from the environment.

    Parameters
    ----------
    max_body : bytes; a longer answer is a failure.
    keep : whether the connection is kept for the next request.

    Not thread-safe: one a thread.
    """

    def __init__(self, server: Server, *, max_body: int, keep: bool = True) -> None:
        self._connection = _Connection(server)
        # Nothing packed: the bound on the body is to be a bound on memory.
        self._headers = {"Accept-Encoding": "identity", "Host": server.host, **server.headers}
        if not keep:
            self._headers["Connection"] = "close"
        self._max_body = max_body
        self._keep = keep

    def request(self, method: str, target: str, deadline: Deadline, body: bytes | None = None) -> Answer:
        """Send a request and read the whole answer.

        Parameters
        ----------
        target : path and query, percent-encoded.

        Raises
        ------
        TimeoutError : the answer was not whole when the time was over.
        OSError : no connection, or it was lost.
        http.client.HTTPException : the answer is cut short, `TooLong`, or not HTTP.
        """
        kept = self._connection.sock is not None
        try:
            return self._once(method, target, deadline, body)
        except (ConnectionError, ssl.SSLEOFError):
            # The server has closed the kept connection meanwhile.
            if not kept or method not in _REPEATABLE:
                raise
        return self._once(method, target, deadline, body)

    def get(self, target: str, deadline: Deadline) -> Answer:
        """GET; see `request`."""
        return self.request("GET", target, deadline)

    def close(self) -> None:
        """Close the connection; the next request makes another."""
        with suppress(OSError):
            self._connection.close()

    def _once(self, method: str, target: str, deadline: Deadline, body: bytes | None) -> Answer:
        whole = False
        try:
            self._connection.begin(deadline)
            self._connection.request(method, target, body, self._headers)
            with self._connection.getresponse() as response:
                answer = Answer(response.status, self._body(response), response.headers.get("Date", ""))
            whole = True
        finally:
            if not (whole and self._keep):
                self.close()
        return answer

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        body = response.read(self._max_body + 1)
        if len(body) > self._max_body:
            raise TooLong(f"the answer is longer than {self._max_body} bytes")
        if response.length:
            raise http.client.IncompleteRead(body, response.length)
        return body


class _Connection(http.client.HTTPConnection):
    """A connection whose exchange under way has a deadline."""

    sock: _Socket | None

    def __init__(self, server: Server) -> None:
        super().__init__(server.host)
        self._open = server.connect
        self._deadline = Deadline.within(0.0)

    def begin(self, deadline: Deadline) -> None:
        """Begin an exchange."""
        self._deadline = deadline
        deadline.remaining()
        if self.sock is not None:
            self.sock.deadline = deadline

    def connect(self) -> None:
        """Connect within the deadline of the exchange; `http.client` calls this."""
        self.sock = self._open(self._deadline)


class _Socket(socket.socket):
    """A socket all of whose sending and receiving has one deadline, however slowly the other end drips."""

    deadline: Deadline

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        """Send within what is left."""
        self.settimeout(self.deadline.remaining())
        super().sendall(*args, **kwargs)

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Receive within what is left."""
        self.settimeout(self.deadline.remaining())
        return super().recv_into(*args, **kwargs)


class _EncryptedSocket(_Socket, ssl.SSLSocket):
    """The same with TLS."""


def _connected_unix(path: str, deadline: Deadline) -> _Socket:
    return _connected(_Socket(socket.AF_UNIX, socket.SOCK_STREAM), path, deadline)


def _connected_tcp(host: str, port: int, deadline: Deadline) -> _Socket:
    """Connect to the first address that takes it; the addresses share the time."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # raised before anything is looked up
        raise OSError("is no host name: each part between dots must have 1 to 63 characters") from None
    for tried, (family, kind, protocol, _, address) in enumerate(found, start=1):
        try:
            part = deadline.share(1 / (len(found) - tried + 1))
            sock = _connected(_Socket(family, kind, protocol), address, part)
        except OSError:
            if tried == len(found):
                raise
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.deadline = deadline
            return sock
    raise OSError("the host name has no address")


def _connected(sock: _Socket, address: object, deadline: Deadline) -> _Socket:
    try:
        sock.deadline = deadline
        sock.settimeout(deadline.remaining())
        sock.connect(address)  # type: ignore[arg-type]  # of the socket's own family
    except BaseException:
        sock.close()
        raise
    return sock


def _encrypted(plain: _Socket, tls: ssl.SSLContext, host: str, deadline: Deadline) -> _Socket:
    plain.settimeout(deadline.remaining())
    # Closes the socket where the handshake fails.
    sock = cast("_EncryptedSocket", tls.wrap_socket(plain, server_hostname=host))
    sock.deadline = deadline
    return sock
