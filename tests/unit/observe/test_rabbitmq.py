"""The management API's requests and answers, without a network except a hostile server on loopback."""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.errors import SourceError
from autoscaler.model import Known, QueueStats, Unknown
from autoscaler.net.deadline import Deadline
from autoscaler.net.management_api import Api, ManagementApi
from autoscaler.observe import rabbitmq
from autoscaler.observe.queues import NoSuchQueue
from autoscaler.observe.rabbitmq import QUORUM_LAG, RabbitMQManagement

SOON = Deadline.within(3600.0)
QUEUE = {"name": "q", "vhost": "/", "messages_ready": 3, "messages_unacknowledged": 2, "type": "classic"}


def page(*items: Any, **changes: Any) -> bytes:
    return json.dumps({"items": list(items), "filtered_count": len(items), **changes}).encode()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


# --- addresses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "vhost", "expected"),
    [
        ("http://u:p@h:15672", "/", ("http://h:15672/api", "queues/%2F", "u", "p")),
        ("https://u:p@h/rabbit/", "a b/c", ("https://h/rabbit/api", "queues/a%20b%2Fc", "u", "p")),
        ("http://u:p@h/ä b%20", "/", ("http://h/%C3%A4%20b%20/api", "queues/%2F", "u", "p")),
        ("http://%40u:p%2F%3A%40%C3%A4@[::1]:1", "é", ("http://[::1]:1/api", "queues/%C3%A9", "@u", "p/:@ä")),
        ("http://h:15672", "/", ("http://h:15672/api", "queues/%2F", "guest", "guest")),
    ],
)
def test_a_management_url_is_taken_apart(url: str, vhost: str, expected: tuple[str, str, str, str]) -> None:
    api = Api.parse(url, vhost)
    assert (api.root, api.queues, api.user, api.password) == expected
    assert "password" not in repr(api)


@pytest.mark.parametrize(
    "url",
    ["", "h:15672", "ftp://u:s3cret@h", "http://u:s3cret#x@h", "http://u:s3cret/x@h", "http://u:s3cret@h:no"],
)
def test_a_url_that_is_none_is_refused_without_repeating_its_password(url: str) -> None:
    with pytest.raises(SourceError) as refused:
        Api.parse(url, "/")
    assert "s3cret" not in str(refused.value)
    assert "percent-encoded" in str(refused.value)


# --- requests -------------------------------------------------------------------------------------------


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8), min_size=1), st.data())
def test_the_filter_matches_the_asked_names_and_nothing_else(names: list[str], data: st.DataObject) -> None:
    compiled = re.compile(rabbitmq.pattern(names).replace(r"\z", r"\Z"))
    other = data.draw(st.sampled_from(names)) + data.draw(st.text(max_size=2))
    assert all(compiled.match(name) for name in names)
    assert bool(compiled.match(other)) == (other in names)


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=60), unique=True))
def test_chunks_hold_every_name_once_within_the_bounds(names: list[str]) -> None:
    runs = [list(run) for run in rabbitmq.chunks(names, size=4, length=200)]
    assert [name for run in runs for name in run] == names
    assert all(0 < len(run) <= 4 for run in runs)
    assert all(len(run) == 1 or len(rabbitmq.query(run)) < 400 for run in runs)


def test_short_names_make_few_requests() -> None:
    runs = list(rabbitmq.chunks([f"q{n:03}" for n in range(1000)]))
    assert len(runs) == 6
    assert all(len(rabbitmq.pattern(run)) <= 1000 for run in runs), "RabbitMQ 4.3 refuses longer patterns"


@given(st.lists(st.text(min_size=1, max_size=255), max_size=40))
def test_no_filter_of_several_names_is_longer_than_rabbitmq_takes(names: list[str]) -> None:
    for run in rabbitmq.chunks(names):
        assert len(run) == 1 or len(rabbitmq.pattern(run).encode()) <= rabbitmq.MAX_PATTERN


# --- answers ----------------------------------------------------------------------------------------------


def test_an_entry_becomes_a_reading() -> None:
    assert rabbitmq.reading([QUEUE], "q", "/", 9.0) == Known(QueueStats("q", 3, 2, None), 9.0)


def test_a_quorum_queues_reading_is_as_old_as_its_totals_may_be() -> None:
    reading = rabbitmq.reading([QUEUE | {"type": "quorum"}], "q", "/", 9.0)
    assert reading.at == 9.0 - QUORUM_LAG


def test_a_missing_queue_is_unknown_not_zero() -> None:
    reading = rabbitmq.reading([], "q", "/", 9.0)
    assert isinstance(reading, NoSuchQueue)
    assert "'q' does not exist in vhost '/'" in reading.error


@pytest.mark.parametrize(
    "changes",
    [
        {"messages_ready": None},
        {"messages_ready": -1},
        {"messages_ready": True},
        {"messages_ready": 1.0},
        {"messages_ready": "1"},
        {"messages_ready": []},
        {"messages_unacknowledged": {}},
        {"consumers": -1},
        {"state": "down"},
        {"state": "minority"},
        {"vhost": "other"},
    ],
)
def test_an_entry_that_cannot_be_right_is_unknown(changes: dict[str, Any]) -> None:
    reading = rabbitmq.reading([QUEUE | changes], "q", "/", 9.0)
    assert isinstance(reading, Unknown)
    assert "'q'" in reading.error


@pytest.mark.parametrize("key", ["messages_ready", "messages_unacknowledged"])
def test_a_missing_count_is_unknown_not_zero(key: str) -> None:
    reading = rabbitmq.reading([{k: v for k, v in QUEUE.items() if k != key}], "q", "/", 9.0)
    assert isinstance(reading, Unknown)
    assert f"no {key}" in reading.error


def test_two_entries_of_one_name_are_unknown() -> None:
    assert isinstance(rabbitmq.reading([QUEUE, QUEUE], "q", "/", 9.0), Unknown)


@given(st.dictionaries(st.sampled_from([*QUEUE, "consumers", "state"]), json_values))
def test_whatever_an_entry_holds_it_is_known_or_unknown(changes: dict[str, Any]) -> None:
    reading = rabbitmq.reading([QUEUE | changes], "q", "/", 9.0)
    if isinstance(reading, Known):
        assert reading.value.ready >= 0


@given(json_values)
def test_whatever_the_answer_is_it_is_a_page_or_refused(value: Any) -> None:
    try:
        rabbitmq.by_name(value)
    except SourceError as refused:
        assert "\n" not in str(refused)  # noqa: PT017


# --- a server that does as it likes --------------------------------------------------------------------


class Server:
    """Answers each connection with the same bytes, slowly if told to; keeps what it was asked."""

    def __init__(self, answer: bytes, drip: float = 0.0) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._port = self._socket.getsockname()[1]
        self._answer = answer
        self._drip = drip
        self.requests: list[bytes] = []
        self.connections = 0
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://us%C3%A4r:s3%2Fcret%F0%9F%98%80@127.0.0.1:{self._port}"

    def _serve(self) -> None:
        while not self.ended.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        try:
            while request := connection.recv(65536):
                self.requests.append(request)
                for piece in (
                    [self._answer[i : i + 1] for i in range(len(self._answer))] if self._drip else []
                ):
                    connection.sendall(piece)
                    if self.ended.wait(self._drip):
                        return
                if not self._drip:
                    connection.sendall(self._answer)
                    if b"Connection: close" in self._answer:
                        return
        except OSError:
            return

    def close(self) -> None:
        self.ended.set()
        self._socket.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def _serve(answer: bytes, drip: float = 0.0) -> Server:
        servers.append(Server(answer, drip))
        return servers[-1]

    yield _serve
    for server in servers:
        server.close()


def http(status: str, body: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


def source(url: str) -> RabbitMQManagement:
    return RabbitMQManagement(ManagementApi(Api.parse(url, "/")), clock=lambda: 9.0)


def ask(server: Server, seconds: float = 2.0) -> Any:
    management = source(server.url)
    try:
        readings = management.queues(["q"], Deadline.within(seconds))
    finally:
        management.close()
    assert list(readings) == ["q"]
    assert "cret" not in str(readings)
    return readings["q"]


def test_user_and_password_are_sent_as_utf8_and_only_in_the_header(serve: Callable[..., Server]) -> None:
    server = serve(http("200 OK", page(QUEUE)))
    assert ask(server) == Known(QueueStats("q", 3, 2), 9.0)
    assert base64.b64encode("usär:s3/cret😀".encode()) in server.requests[0]
    assert b"s3" not in server.requests[0].splitlines()[0]


def test_one_connection_serves_many_ticks(serve: Callable[..., Server]) -> None:
    server = serve(http("200 OK", page(QUEUE)))
    management = source(server.url)
    assert all(isinstance(management.queues(["q"], SOON)["q"], Known) for _ in range(3))
    management.close()
    assert (server.connections, len(server.requests)) == (1, 3)


def test_nothing_is_asked_when_no_queue_is_watched(serve: Callable[..., Server]) -> None:
    server = serve(b"")
    assert source(server.url).queues([], SOON) == {}
    assert server.connections == 0


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http("401 Unauthorized", b'{"error":"not_authorised"}'), "monitoring or management tag"),
        (http("403 Forbidden", b""), "monitoring"),
        (http("404 Not Found", b'{"error":"Object Not Found"}'), "vhost '/' does not exist"),
        (http("500 Internal Server Error", b"oh\x1b[31m no\r\n"), "500: oh"),
        (http("302 Found", b"", "Location: http://127.0.0.1:1/"), "redirect"),
        (http("200 OK", b"<html>"), "not JSON"),
        (http("200 OK", b""), "not JSON"),
        (http("200 OK", b"[" * 100_000), "not JSON"),
        (http("200 OK", b"[1, 2]"), "not a page"),
        (http("200 OK", b'{"items": {}}'), "not a page"),
        (http("200 OK", page(QUEUE, filtered_count=600)), "not whole"),
        (http("200 OK", page([])), "without a name"),
        (http("200 OK", page({"name": 3})), "without a name"),
        (http("200 OK", b'{"items": [', "Connection: close", length=100), "connection broke"),
        (b"SSH-2.0-OpenSSH\r\n", "connection broke"),
        (http("200 OK", b"x" * 17_000_000), "longer than"),
    ],
)
def test_a_bad_answer_is_unknown_and_says_where_and_why(
    serve: Callable[..., Server], answer: bytes, said: str
) -> None:
    reading = ask(serve(answer))
    assert isinstance(reading, Unknown)
    assert reading.error.startswith("GET http://127.0.0.1:")
    assert said in reading.error
    assert reading.error.isprintable()


@pytest.mark.parametrize(
    "answer",
    [http("200 OK", b" " * 1000), b"HTTP/1.1 200 OK\r\n" + b"X-Slow: 1\r\n" * 1000, b""],
    ids=["body", "headers", "nothing"],
)
def test_a_dripping_or_silent_server_does_not_pass_the_deadline(
    serve: Callable[..., Server], answer: bytes
) -> None:
    server = serve(answer, drip=0.02)
    began = time.monotonic()
    reading = ask(server, 0.3)
    assert isinstance(reading, Unknown)
    assert "no answer within 0.3 s" in reading.error
    assert time.monotonic() - began < 1.0


def test_the_next_try_after_a_cut_uses_a_new_connection(serve: Callable[..., Server]) -> None:
    server = serve(http("200 OK", b" " * 1000), drip=0.02)
    management = source(server.url)
    assert all(isinstance(management.queues(["q"], Deadline.within(0.2))["q"], Unknown) for _ in range(2))
    management.close()
    assert server.connections == 2


def test_nobody_listening_is_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    reading = source(f"http://u:p@127.0.0.1:{port}").queues(["q"], SOON)["q"]
    assert isinstance(reading, Unknown)
    assert "Connection refused" in reading.error


def test_proxies_of_the_environment_are_not_used(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert isinstance(ask(serve(http("200 OK", page(QUEUE)))), Known)
