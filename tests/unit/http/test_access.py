"""Who may look and who may change something, by the way they come."""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler import config
from autoscaler.config import Console
from autoscaler.errors import CommandRefused, ConfigError, UnknownName
from autoscaler.http.access import Caller, Refused, Rules, host_of, judge
from autoscaler.http.api import make_app
from autoscaler.http.peers import Patience, PeerProtocol
from autoscaler.http.server import Server
from autoscaler.loop.snapshot import Snapshot
from autoscaler.model import Answer
from autoscaler.net.unix_http import UnixHTTPConnection
from autoscaler.operator.inbox import WAITING, Inbox

TOKEN = "0123456789abcdef"
LOCAL = Rules(listen="127.0.0.1:8085")
LOCAL_TOKEN = Rules({"ci": TOKEN}, "127.0.0.1:8085")
OPEN = Rules({"ci": TOKEN}, "0.0.0.0:8085")
BEARER = {"authorization": f"Bearer {TOKEN}"}
OURS = {"host": "localhost:8085"}


@pytest.mark.parametrize(
    ("rules", "uid", "method", "headers", "verdict"),
    [
        (LOCAL, 1000, "GET", {}, "uid"),
        (LOCAL, 1000, "POST", {"x-autoscaler": "1"}, "uid"),
        (LOCAL, 1000, "POST", {}, 403),
        (LOCAL, 1000, "POST", {"cookie": "token=0123456789abcdef"}, 403),
        (LOCAL, None, "GET", OURS, "anybody"),
        (LOCAL, None, "GET", {"host": "[::1]:8085"}, "anybody"),
        (LOCAL, None, "GET", {"host": "127.0.0.1"}, "anybody"),
        (LOCAL, None, "GET", {"host": "evil.example:8085"}, 403),
        (LOCAL, None, "GET", {"host": "localhost.evil.example"}, 403),
        (LOCAL, None, "GET", {"host": "localhost:80@evil.example"}, 403),
        (LOCAL, None, "GET", {"host": "[localhost]evil.example"}, 403),
        (LOCAL, None, "POST", OURS | {"x-autoscaler": "1"}, 403),
        (LOCAL, None, "GET", OURS | BEARER, 401),
        (LOCAL_TOKEN, None, "GET", OURS, "anybody"),
        (LOCAL_TOKEN, None, "POST", OURS | {"x-autoscaler": "1"}, 401),
        (LOCAL_TOKEN, None, "POST", OURS | {"cookie": TOKEN, "x-autoscaler": "1"}, 401),
        (LOCAL_TOKEN, None, "POST", OURS | BEARER, "token"),
        (LOCAL_TOKEN, None, "GET", {"host": "proxy.example"} | BEARER, "token"),
        (OPEN, None, "GET", OURS, 401),
        (OPEN, None, "GET", {"authorization": "Bearer 0123456789abcdeg"}, 401),
        (OPEN, None, "GET", {"authorization": f"Basic {TOKEN}"}, 401),
        (OPEN, None, "GET", BEARER, "token"),
        (OPEN, None, "DELETE", BEARER, "token"),
    ],
)
def test_who_is_let_in(rules, uid, method, headers, verdict):
    found = judge(rules, uid, method, headers)
    if isinstance(found, Refused):
        assert found.status == verdict
        assert TOKEN not in found.text
    else:
        told = "uid" if found.uid is not None else "token" if found.token is not None else "anybody"
        assert told == verdict


@pytest.mark.parametrize(
    ("authorization", "said"),
    [
        ({"authorization": "Bearer 0123456789abcdeg"}, "the token is wrong"),
        ({"authorization": f"Basic {TOKEN}"}, "needs the header Authorization: Bearer"),
        ({"authorization": "Bearer "}, "needs the header Authorization: Bearer"),
        ({}, "needs the header Authorization: Bearer"),
    ],
)
def test_a_wrong_token_is_told_from_a_missing_one(authorization, said):
    assert judge(OPEN, None, "POST", authorization).text.startswith(said)


@given(given=st.text(max_size=40), method=st.sampled_from(["GET", "POST", "PUT", "BREW"]))
def test_nothing_but_the_token_opens_what_needs_it(given, method):
    if given.strip() != TOKEN:
        assert isinstance(judge(OPEN, None, method, {"authorization": f"Bearer {given}"}), Refused)


@pytest.mark.parametrize(
    ("address", "host"),
    [("Localhost:80", "localhost"), ("[::1]:80", "::1"), ("[::1]", "::1"), ("::1", "::1"), ("a.b", "a.b")],
)
def test_hosts_of_addresses(address, host):
    assert host_of(address) == host


def test_a_hold_shows_who_ordered_it():
    assert Caller(uid=0).name == "root (uid 0)"
    assert Caller(uid=3_999_999).name == "uid 3999999"
    assert Caller(token="ci").name == "token ci"


def test_tokens_are_read_and_never_shown(tmp_path, monkeypatch):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    base = "broker: {url: 'amqp://localhost'}\nfleets: {}\n"
    for text, names in [
        ("console: {token_file: token}", ["console"]),
        ("console: {token: '${SECRET}', listen: '0.0.0.0:8085'}", ["console"]),
        ("console: {token: {ci: '${SECRET}', ops: fedcba9876543210}}", ["ci", "ops"]),
    ]:
        (tmp_path / "a.yaml").write_text(base + text)
        read = config.load(tmp_path / "a.yaml", {"SECRET": TOKEN})
        assert list(read.console.secrets) == names
        assert read.console.secrets[names[0]] == TOKEN
        assert TOKEN not in repr(read) + str(read.model_dump()) + read.console.model_dump_json()
    (tmp_path / "a.yaml").write_text(base + f"console: {{token: '{TOKEN}', token_file: token}}")
    with pytest.raises(ConfigError, match="both given") as caught:
        config.load(tmp_path / "a.yaml", {})
    assert TOKEN not in str(caught.value)
    assert Console().secrets == {}


# --- over real sockets ---


class Loop:
    def __init__(self):
        self.ordered = []
        self.pause = 0.0

    def ask(self, command):
        time.sleep(self.pause)
        self.ordered.append(command)
        if getattr(command, "fleets", None) == ("nobody",):
            raise UnknownName("there is no fleet 'nobody'")
        if getattr(command, "workers", None) == 99:
            raise CommandRefused("99 is more than max_workers")
        return Answer(5.0, ("done",))


@pytest.fixture
def serve(short_folder):
    """Serve a loop: it, its unix socket and its port, with a token."""
    with ExitStack() as stack:

        def _serve(patience=None):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            loop, listen = Loop(), f"127.0.0.1:{port}"
            seen = Snapshot(short_folder, 1.0, 1.0, 2.0, None)
            app = make_app(lambda: seen, lambda: 1.0, loop.ask, lambda: Rules({"ci": TOKEN}, listen))
            stack.enter_context(Server(app, short_folder / "a.sock", listen, patience))
            return loop, short_folder / "a.sock", port

        yield _serve


@pytest.fixture
def served(serve):
    return serve()


def ask(connection, method, path, body=None, **headers):
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_the_unix_socket_tells_who_orders(served):
    loop, path, _ = served
    unix = lambda: UnixHTTPConnection(path, 5)  # noqa: E731
    ours = {"X-Autoscaler": "1", "Content-Type": "application/json"}
    body = {"for": "10m", "reason": "sale"}
    assert ask(unix(), "POST", "/api/v1/fleets/emails/pause", body, **ours) == (
        200,
        {"at": 5.0, "said": ["done"]},
    )
    (pause,) = loop.ordered
    assert pause.who.endswith(f"uid {os.getuid()})")
    assert (pause.fleets, pause.terms.lasts, pause.terms.reason) == (("emails",), 600.0, "sale")
    forged = ours | {"X-Forwarded-For": "unix socket, uid"}
    assert ask(unix(), "POST", "/api/v1/all/stop", **forged)[0] == 200
    assert ask(unix(), "POST", "/api/v1/all/stop")[0] == 403
    assert ask(unix(), "POST", "/api/v1/fleets/nobody/stop", **ours)[0] == 404
    assert ask(unix(), "POST", "/api/v1/fleets/emails/scale", {"workers": 99}, **ours)[0] == 409


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", "application/json"]
)
def test_a_json_body_is_read_whatever_it_is_called(served, kind):
    loop, path, _ = served
    headers = {"X-Autoscaler": "1", "Content-Type": kind}
    body = {"workers": 3, "for": "10m", "reason": "sale"}
    unix = lambda: UnixHTTPConnection(path, 5)  # noqa: E731
    assert ask(unix(), "POST", "/api/v1/fleets/emails/scale", body, **headers)[0] == 200
    (scale,) = loop.ordered
    assert (scale.workers, scale.terms.lasts, scale.terms.reason) == (3, 600.0, "sale")
    assert ask(unix(), "POST", "/api/v1/fleets/emails/scale", body, **{"Content-Type": kind})[0] == 403


def test_a_json_body_is_read_without_a_type(served):
    loop, path, _ = served
    body = {"reason": "sale"}
    assert (
        ask(
            UnixHTTPConnection(path, 5), "POST", "/api/v1/fleets/emails/pause", body, **{"X-Autoscaler": "1"}
        )[0]
        == 200
    )
    assert loop.ordered[0].terms.reason == "sale"


@pytest.mark.parametrize(
    "body",
    [
        {"for": "10"},
        {"for": "0s"},
        {"for": -1},
        {"reason": "a\nb"},
        {"reason": "x" * 201},
        {"resaon": "x"},
        {"workers": 3},
        {"for": True},
        {"for": float("nan")},
        {"for": float("inf")},
        {"reason": "\ud800"},
        {"\ud800": 1},
    ],
)
def test_a_body_that_is_wrong_orders_nothing(served, body):
    loop, path, _ = served
    headers = {"X-Autoscaler": "1", "Content-Type": "application/json"}
    assert ask(UnixHTTPConnection(path, 5), "POST", "/api/v1/fleets/emails/pause", body, **headers)[0] == 422
    assert loop.ordered == []


def test_over_tcp_the_token_orders_and_nothing_else(served):
    loop, _, port = served
    tcp = lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=5)  # noqa: E731
    path = "/api/v1/workers/emails-01/drain"
    assert ask(tcp(), "GET", "/api/v1/fleets")[0] == 200
    assert ask(tcp(), "GET", "/api/v1/fleets", Host="evil.example")[0] == 403
    assert ask(tcp(), "POST", path, **{"X-Autoscaler": "1"})[0] == 401
    assert ask(tcp(), "POST", path, **{"X-Autoscaler": "1", "X-Forwarded-For": "unix socket, uid"})[0] == 401
    assert loop.ordered == []
    assert ask(tcp(), "POST", path, Authorization=f"Bearer {TOKEN}")[0] == 200
    assert loop.ordered[0].who == "token ci"
    assert ask(tcp(), "POST", path, "x" * 70_000, Authorization=f"Bearer {TOKEN}")[0] == 413


def is_closed(connection):
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "said",
    [b"", b"GET /health HTTP/1.1\r\nHost: ", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx"],
)
def test_who_does_not_say_what_they_want_is_not_waited_for(serve, said):
    _, _, port = serve(Patience(seconds=0.05))
    with socket.create_connection(("127.0.0.1", port), 5) as slow:
        slow.sendall(said)
        while slow.recv(4096):
            pass


def test_those_who_fill_the_port_do_not_keep_others_from_the_unix_socket(serve):
    _, path, port = serve(Patience(connections=3))
    many = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(5)]
    try:
        assert [is_closed(each) for each in many[3:]] == [True, True]
        assert ask(UnixHTTPConnection(path, 5), "GET", "/api/v1/fleets")[0] == 200
    finally:
        for each in many:
            each.close()


class Answering(PeerProtocol):
    """In the middle of an answer, so much of which the client has not taken."""

    def __init__(self):
        self.cycle = SimpleNamespace(response_complete=False, more_body=False)
        self.flow = SimpleNamespace(write_paused=True, resume_writing=lambda: None)
        self.transport = SimpleNamespace(get_write_buffer_size=lambda: self.untaken, abort=self.abort)
        self.loop = SimpleNamespace(call_later=lambda *_: None)
        self._patience, self._timer, self._untaken = Patience(), None, None
        self.untaken, self.aborted = 0, False

    def abort(self):
        self.aborted = True

    def look(self, untaken):
        self.untaken = untaken
        self._late()
        return self.aborted


def test_who_takes_an_answer_bit_by_bit_is_waited_for_and_who_takes_nothing_is_not():
    slow = Answering()
    assert [slow.look(untaken) for untaken in (900_000, 890_000, 889_999)] == [False] * 3
    slow.resume_writing()
    assert [slow.look(untaken) for untaken in (889_999, 889_999)] == [False, True]


def test_an_answer_that_takes_long_is_waited_for(serve):
    loop, path, _ = serve(Patience(seconds=0.02))
    loop.pause = 0.1
    headers = {"X-Autoscaler": "1"}
    assert ask(UnixHTTPConnection(path, 5), "POST", "/api/v1/all/stop", **headers)[0] == 200


def test_however_many_commands_wait_for_the_loop_looking_goes_on(short_folder, eventually):
    inbox, path = Inbox(), short_folder / "a.sock"
    seen = Snapshot(short_folder, 1.0, 1.0, 2.0, None)
    app = make_app(lambda: seen, lambda: 1.0, inbox.ask)

    def order():
        connection = UnixHTTPConnection(path, 30)
        try:
            connection.request("POST", "/api/v1/all/pause", headers={"X-Autoscaler": "1"})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Retry-After"), json.loads(answer.read())
        finally:
            connection.close()

    with Server(app, path), ThreadPoolExecutor(60) as pool:
        orders = [pool.submit(order) for _ in range(60)]
        eventually(lambda: sum(each.done() for each in orders) == 60 - WAITING, 20, "the others are refused")
        assert ask(UnixHTTPConnection(path, 5), "GET", "/health")[0] == 200
        for _ in range(WAITING):
            inbox.get(5.0).carry_out(7.0, lambda now, command: ("paused",))
        answers = Counter(each.result()[:2] for each in orders)
        assert answers == {(200, None): WAITING, (503, "5"): 60 - WAITING}
        refused = next(each.result()[2] for each in orders if each.result()[0] == 503)
        assert refused == {"detail": f"{WAITING} commands wait for the daemon's loop already: try again soon"}
        waited = pool.submit(order)
        inbox.get(5.0).carry_out(8.0, lambda now, command: ("paused",))
        assert waited.result()[0] == 200
