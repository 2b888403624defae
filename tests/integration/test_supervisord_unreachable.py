"""The RPC client when supervisord is away, frozen or somebody else: every way has words of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from autoscaler.errors import SupervisordUnreachable
from autoscaler.supervisord.client import Supervisord
from autoscaler.tools.demo.services import SupervisordInstance


def test_a_restarted_supervisord_is_reached_again(supervisord: SupervisordInstance) -> None:
    clients = [Supervisord(supervisord.url), Supervisord(supervisord.http_url)]
    first = [client.identity().pid for client in clients]
    supervisord.restart()
    again = [client.identity().pid for client in clients]
    assert again == [supervisord.pid] * 2 != first


def test_a_frozen_supervisord_costs_no_more_than_the_timeout(supervisord: SupervisordInstance) -> None:
    supervisord.pause()
    try:
        for url in (supervisord.url, supervisord.http_url):
            start = time.monotonic()
            with pytest.raises(SupervisordUnreachable, match=r"no answer within 0.3 s"):
                Supervisord(url, timeout=0.3).processes()
            assert time.monotonic() - start < 1.5
    finally:
        supervisord.resume()
    assert Supervisord(supervisord.url).processes() == {}


def test_a_dead_supervisord_is_told_from_a_missing_one(supervisord: SupervisordInstance) -> None:
    client, http = Supervisord(supervisord.url), Supervisord(supervisord.http_url)
    supervisord.kill()
    with pytest.raises(SupervisordUnreachable, match="nobody listens there: start supervisord"):
        client.processes()
    with pytest.raises(SupervisordUnreachable, match=r"http://127.0.0.1:\d+: nobody listens there"):
        http.processes()
    supervisord.socket.unlink()
    with pytest.raises(SupervisordUnreachable, match=r"s.sock: there is no such socket"):
        client.processes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_socket_that_is_not_for_us_is_named(supervisord: SupervisordInstance) -> None:
    code = (
        "import os, sys; from autoscaler.supervisord.client import Supervisord\n"
        "os.seteuid(65534)\n"
        "try: Supervisord(sys.argv[1]).processes()\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    for folder in (supervisord.folder, supervisord.folder.parent):
        folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", code, supervisord.url], capture_output=True, text=True, check=True, timeout=30
    )
    assert "SupervisordUnreachable" in done.stdout
    assert "permission denied: set chmod and chown" in done.stdout


def test_a_wrong_password_is_told_and_none_is_shown(supervisord: SupervisordInstance) -> None:
    wrong = supervisord.http_url.replace(supervisord.password, "s%40cret%2F")
    client = Supervisord(wrong)
    with pytest.raises(SupervisordUnreachable, match="wants another user name or password") as caught:
        client.processes()
    assert "cret" not in str(caught.value) + repr(client) + repr(caught.value.__cause__)


@pytest.mark.parametrize(
    "url",
    ["", "unix://relative", "/run/s.sock", "https://h:1", "http://", "http://u:se/cret@h:1", "http://h:port"],
)
def test_an_url_that_is_none_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(SupervisordUnreachable, match=r"supervisord\.url: ") as caught:
        Supervisord(url)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("host", ["a..b", "x" * 64])
def test_a_host_that_cannot_be_looked_up_is_an_error_of_ours(host: str) -> None:
    with pytest.raises(SupervisordUnreachable, match="is no host name: each part") as caught:
        Supervisord(f"http://u:s3cret@{host}:9001").processes()
    assert "s3cret" not in str(caught.value) + repr(caught.value.__cause__)


def test_user_and_password_may_hold_any_character(short_folder: Path) -> None:
    file = short_folder / "s"
    with answering(file, reply(b"<string>x</string>")) as seen, pytest.raises(SupervisordUnreachable):
        Supervisord(f"unix://us%C3%A9r:p%40%2F%3A%25@{file}").processes()
    assert b"Authorization: Basic dXPDqXI6cEAvOiU=" in seen[0]


def reply(value: bytes) -> bytes:
    body = b"<methodResponse><params><param><value>" + value + b"</value></param></params></methodResponse>"
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<html",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<methodResponse>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe\x00",
        reply(b""),
        reply(b"<int>x</int>"),
        reply(b"<int>1</int>"),
        reply(b"<boolean>7</boolean>"),
        reply(b"<struct><value>1</value></struct>"),
        reply(b"<array><data><value><int>1</int></value></data></array>"),
        reply(b"<array><data><value><array><data></data></array></value></data></array>"),
        reply(b"<array><data><value><struct></struct></value></data></array>"),
    ],
)
def test_nonsense_is_an_error_of_ours_whatever_was_asked(short_folder: Path, answer: bytes) -> None:
    with answering(short_folder / "s", answer):
        client = Supervisord(f"unix://{short_folder}/s", timeout=2.0)
        for ask in (client.processes, client.reload, client.identity, lambda: client.add("a")):
            with pytest.raises(SupervisordUnreachable):
                ask()


def test_an_answer_that_drips_for_ever_is_cut_at_the_deadline(short_folder: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"
    with answering(short_folder / "s", head + b"<" * 9000, pause=0.02):
        start = time.monotonic()
        with pytest.raises(SupervisordUnreachable, match=r"no answer within 0.4 s"):
            Supervisord(f"unix://{short_folder}/s", timeout=0.4).processes()
        assert time.monotonic() - start < 2


def test_a_full_backlog_is_told_as_a_hang(short_folder: Path) -> None:
    path = short_folder / "s"
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as waiting:
        server.bind(str(path))
        server.listen(0)
        waiting.connect(str(path))
        with pytest.raises(SupervisordUnreachable, match=r"takes no more connections|did not answer"):
            Supervisord(f"unix://{path}", timeout=0.3).processes()


@contextmanager
def answering(path: Path, answer: bytes, pause: float = 0.0) -> Iterator[list[bytes]]:
    """A server that gives each request this answer, byte by byte if there is a pause; yields the requests."""
    requests: list[bytes] = []
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                requests.append(_request(connection))
                _send(connection, answer, pause)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield requests
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


def _request(connection: socket.socket) -> bytes:
    """Read a whole request: one closed on unread bytes would look like a broken connection."""
    seen = b""
    while not seen.endswith(b"</methodCall>\n") and (more := connection.recv(65536)):
        seen += more
    return seen


def _send(connection: socket.socket, answer: bytes, pause: float) -> None:
    try:
        if not pause:
            connection.sendall(answer)
            return
        for byte in answer:
            connection.sendall(bytes([byte]))
            time.sleep(pause)
    except OSError:
        pass  # the client gave up, as it should
