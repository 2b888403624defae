"""Exchanges of HTTP with servers that do as they like; each ends at its deadline."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from autoscaler.net.deadline import Deadline
from autoscaler.net.http import Http, TooLong, basic, tcp_server, tls_context, unix_server

FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: today\r\n\r\nhi"
CLOSING = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"


@dataclass
class Script:
    """What a server answers, one request after another; the last answer comes again and again."""

    answers: list[bytes] = field(default_factory=lambda: [FINE])
    #: Seconds between two bytes; 0: all at once.
    drip: float = 0.0
    #: Closes the connection after so many requests, without a word.
    closes_after: int = 1000
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def talk(self, connection: socket.socket) -> None:
        self.connections += 1
        served = 0
        while served < self.closes_after and (request := connection.recv(65536)):
            self.requests.append(request)
            answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
            served += 1
            if not self.drip:
                connection.sendall(answer)
                continue
            for byte in answer:
                connection.sendall(bytes([byte]))
                if self.ended.wait(self.drip):
                    return


Serve = Callable[..., tuple[socket.socket, Script]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve a script on a listening socket, from a thread."""
    with ExitStack() as stack:

        def _serve(
            listener: socket.socket, script: Script, tls: ssl.SSLContext | None = None
        ) -> tuple[socket.socket, Script]:
            def run() -> None:
                while True:
                    try:
                        connection, _ = listener.accept()
                    except OSError:
                        return
                    connection.settimeout(5)
                    try:
                        with tls.wrap_socket(connection, server_side=True) if tls else connection as talking:
                            script.talk(talking)
                    except OSError:
                        continue

            thread = threading.Thread(target=run, daemon=True)
            thread.start()

            def end() -> None:
                script.ended.set()
                with suppress(OSError):  # the test may have closed it
                    listener.shutdown(socket.SHUT_RDWR)
                listener.close()
                thread.join(5)

            stack.callback(end)
            return listener, script

        yield _serve


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def on_loopback() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def soon() -> Deadline:
    return Deadline.within(5.0)


def test_one_connection_serves_many_requests(serve: Serve) -> None:
    listener, script = serve(on_loopback(), Script())
    client = Http(tcp_server("127.0.0.1", port_of(listener), basic("u", "p")), max_body=10)
    answers = [client.get("/a?b=c", soon()) for _ in range(3)]
    client.close()
    assert {(each.status, each.body, each.date) for each in answers} == {(200, b"hi", "today")}
    assert (script.connections, len(script.requests)) == (1, 3)
    head = script.requests[0].splitlines()
    assert head[0] == b"GET /a?b=c HTTP/1.1"
    assert f"Host: 127.0.0.1:{port_of(listener)}".encode() in head
    assert b"Authorization: Basic dTpw" in head


def test_a_connection_that_is_not_kept_ends_with_its_answer(serve: Serve) -> None:
    listener, script = serve(on_loopback(), Script([CLOSING]))
    client = Http(tcp_server("127.0.0.1", port_of(listener)), max_body=10, keep=False)
    assert [client.request("POST", "/", soon(), b"x").body for _ in range(2)] == [b"hi", b"hi"]
    assert script.connections == 2
    assert b"Connection: close" in script.requests[0]


def test_a_kept_connection_that_the_server_has_closed_is_replaced_for_a_get(serve: Serve) -> None:
    listener, script = serve(on_loopback(), Script(closes_after=1))
    client = Http(tcp_server("127.0.0.1", port_of(listener)), max_body=10)
    assert [client.get("/", soon()).body for _ in range(3)] == [b"hi"] * 3
    assert (script.connections, len(script.requests)) == (3, 3)
    client.close()


def test_what_changes_something_is_never_sent_twice(serve: Serve) -> None:
    listener, script = serve(on_loopback(), Script(closes_after=1))
    client = Http(tcp_server("127.0.0.1", port_of(listener)), max_body=10)
    client.get("/", soon())
    with pytest.raises(ConnectionError):
        client.request("POST", "/", soon(), b"x")
    assert len(script.requests) == 1


def test_a_socket_file_is_a_server_too(serve: Serve, short_folder: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(short_folder / "s"))
    listener.listen()
    serve(listener, Script())
    client = Http(unix_server(short_folder / "s"), max_body=10)
    assert client.get("/", soon()).body == b"hi"
    client.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhi", http.client.IncompleteRead),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b"x" * 11, TooLong),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n" + b"x" * 11 + b"\r\n0\r\n\r\n",
            TooLong,
        ),
        (b"SSH-2.0\r\n\r\n", http.client.BadStatusLine),
        (b"", http.client.RemoteDisconnected),
    ],
)
def test_an_answer_that_is_none_is_an_error(serve: Serve, answer: bytes, error: type[Exception]) -> None:
    listener, script = serve(on_loopback(), Script([answer], closes_after=1))
    client = Http(tcp_server("127.0.0.1", port_of(listener)), max_body=10)
    with pytest.raises(error):
        client.get("/", soon())
    assert script.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + b"x" * 500,
        b"HTTP/1.1 200 OK\r\n" + b"X-Slow: 1\r\n" * 50,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 99,
    ],
    ids=["body", "headers", "chunks"],
)
def test_a_server_that_drips_does_not_pass_the_deadline(serve: Serve, answer: bytes) -> None:
    listener, _ = serve(on_loopback(), Script([answer], drip=0.02))
    client = Http(tcp_server("127.0.0.1", port_of(listener)), max_body=1000)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        client.get("/", Deadline.within(0.3))
    assert time.monotonic() - began < 1.0


def test_a_server_that_accepts_and_is_silent_does_not_pass_the_deadline() -> None:
    with on_loopback() as listener:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            Http(tcp_server("127.0.0.1", port_of(listener)), max_body=10).get("/", Deadline.within(0.2))
        assert time.monotonic() - began < 0.8


def test_without_time_left_nothing_is_sent(serve: Serve) -> None:
    listener, script = serve(on_loopback(), Script())
    client = Http(tcp_server("127.0.0.1", port_of(listener)), max_body=10)
    with pytest.raises(TimeoutError):
        client.get("/", Deadline.within(0.0))
    assert script.connections == 0


def test_a_name_that_is_none_is_an_error_of_the_connection() -> None:
    with pytest.raises(OSError, match="no host name"):
        Http(tcp_server("a..b", 1), max_body=10).get("/", soon())


# --- TLS --------------------------------------------------------------------------------------------------


@dataclass
class Certificate:
    #: PEM files: one that clients trust, one that the server has.
    authority: Path
    key: Path

    @property
    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.authority, self.key)
        return context


@pytest.fixture
def certificate(need: Callable[[str], None], tmp_path: Path) -> Certificate:
    """A certificate of localhost that only its own file vouches for."""
    need("openssl")
    made = Certificate(tmp_path / "cert.pem", tmp_path / "key.pem")
    request = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"]
    curve = ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(made.key), "-out", str(made.authority)]
    subprocess.run([*request, *curve, *name, *files], check=True, capture_output=True)
    return made


def test_a_private_certificate_is_trusted_by_its_file_only(serve: Serve, certificate: Certificate) -> None:
    listener, script = serve(on_loopback(), Script(), certificate.context)
    trusting = tcp_server("localhost", port_of(listener), tls=tls_context(certificate.authority))
    client = Http(trusting, max_body=10)
    assert [client.get("/", soon()).body for _ in range(2)] == [b"hi"] * 2
    assert script.connections == 1
    client.close()
    with pytest.raises(ssl.SSLCertVerificationError):
        Http(tcp_server("localhost", port_of(listener), tls=tls_context()), max_body=10).get("/", soon())


@pytest.mark.parametrize("answers", [True, False], ids=["drips", "no handshake"])
def test_tls_does_not_pass_the_deadline(serve: Serve, certificate: Certificate, answers: bool) -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + b"x" * 500
    listener = on_loopback()
    if answers:
        serve(listener, Script([long], drip=0.02), certificate.context)
    client = Http(
        tcp_server("localhost", port_of(listener), tls=tls_context(certificate.authority)), max_body=1000
    )
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        client.get("/", Deadline.within(0.4))
    assert time.monotonic() - began < 1.2
    listener.close()
