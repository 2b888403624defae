"""Whoever follows the stream is told each tick, and holds nobody up."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import socket
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from autoscaler.http.access import Rules
from autoscaler.http.api import make_app
from autoscaler.http.peers import Patience
from autoscaler.http.server import Server
from autoscaler.http.stream import Client, Limits, Stream
from autoscaler.loop.snapshot import Counts, Snapshot
from autoscaler.net.unix_http import UnixHTTPConnection
from autoscaler.tools.demo.services import free_port

TOKEN = "0123456789abcdef"


class Follower:
    """Reads events from an open answer."""

    def __init__(self, connection, **headers):
        self.connection = connection
        connection.request("GET", "/api/v1/stream", headers=headers)
        self.answer = connection.getresponse()

    def lines(self):
        """One event or comment; empty at the end."""
        found = []
        while (line := self.answer.readline().decode().rstrip("\n")) or not found:
            if not line:
                return found
            found.append(line)
        return found

    def event(self):
        """The next event's fields; comments and `retry` are passed over."""
        while lines := self.lines():
            fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
            if "data" in fields:
                return fields | {"data": json.loads(fields["data"])}
        return None


@pytest.fixture
def seen(world):
    """A busy fleet."""
    controller = world.controller()
    world.queue += [50.0] * 30
    tick = world.run(controller, 5)
    return Snapshot(Path("a.yaml"), 1.0, 2.0, 2.0, tick, counts=Counts(ticks=7))


class Daemon:
    """Stands for the loop: has a snapshot, and says when it is new."""

    def __init__(self, snapshot, limits, folder, listen=None, patience=None):
        self.snapshot = snapshot
        self.tokens = {"ci": TOKEN}
        self.path = folder / "a.sock"
        self.stream = Stream(lambda: self.snapshot, lambda: self.snapshot.tick.at, limits)
        rules = lambda: Rules(self.tokens, listen)  # noqa: E731
        app = make_app(lambda: self.snapshot, lambda: 1.0, rules=rules, stream=self.stream)
        self.server = Server(app, self.path, listen, patience, closing=self.stream.close)

    def tick(self, **changes):
        counts = Counts(ticks=self.snapshot.counts.ticks + 1)
        self.snapshot = replace(self.snapshot, counts=counts, **changes)
        self.stream.publish()

    def follow(self):
        return Follower(UnixHTTPConnection(self.path, 10))

    def get(self, path):
        connection = UnixHTTPConnection(self.path, 10)
        connection.request("GET", path)
        answer = connection.getresponse()
        status, body = answer.status, json.loads(answer.read())
        connection.close()
        return status, body


@pytest.fixture
def serve(short_folder, seen):
    """Serve a loop that stands still until it is told to tick."""
    with ExitStack() as stack:

        def _serve(limits=None, listen=None, patience=None):
            daemon = Daemon(seen, limits, short_folder, listen, patience)
            stack.enter_context(daemon.server)
            return daemon

        yield _serve


def test_the_last_tick_is_told_at_once_with_the_values_of_the_other_paths(serve):
    daemon = serve()
    follower = daemon.follow()
    assert follower.answer.getheader("content-type").startswith("text/event-stream")
    assert follower.answer.getheader("cache-control") == "no-store"
    assert follower.lines() == ["retry: 2000"]
    first = follower.event()
    assert (first["event"], first["id"]) == ("tick", "7")
    data = first["data"]
    for part in ("fleets", "workers", "singletons"):
        assert data[part] == daemon.get(f"/api/v1/{part}")[1]
    assert data["health"]["sources"][0] == {"name": "supervisord", "up": True, "error": ""}
    assert data["problems"] == []


def test_each_tick_is_told_to_everybody(serve):
    daemon = serve()
    followers = [daemon.follow() for _ in range(3)]
    assert [each.event()["id"] for each in followers] == ["7"] * 3
    for number in ("8", "9"):
        daemon.tick()
        assert [each.event()["id"] for each in followers] == [number] * 3


def test_a_tick_that_failed_is_told_with_the_lines_of_status(serve):
    daemon = serve()
    follower = daemon.follow()
    follower.event()
    daemon.tick(trouble="disk full", config_problems=("a.yaml:3: wrong",))
    wrong = "config not used, the last good one stays in use: a.yaml:3: wrong"
    assert follower.event()["data"]["problems"] == [wrong, "disk full"]


def test_before_the_first_tick_it_says_so(serve):
    daemon = serve()
    daemon.stream._clock = lambda: 1.0
    daemon.snapshot = replace(daemon.snapshot, tick=None, counts=Counts())
    first = daemon.follow().event()
    assert first["id"] == "0"
    assert first["data"]["fleets"]["at"] is None


def test_while_the_loop_does_not_tick_the_connection_shows_that_it_lives(serve):
    follower = serve(Limits(silence=0.05)).follow()
    follower.event()
    assert [follower.lines() for _ in range(2)] == [[": no tick"]] * 2


def test_there_are_only_so_many_and_the_next_one_is_told(serve, eventually):
    daemon = serve(Limits(clients=2))
    first, second = daemon.follow(), daemon.follow()
    assert [first.event()["id"], second.event()["id"]] == ["7", "7"]
    status, said = daemon.get("/api/v1/stream")
    assert status == 503
    assert said["detail"] == "2 clients follow already, no more may; GET /api/v1/fleets has the same"
    first.connection.close()
    first.answer.close()
    eventually(lambda: daemon.stream.clients == 1, what="the one that left is forgotten")
    assert daemon.follow().event()["id"] == "7"


def test_who_does_not_take_its_events_loses_the_older_ones():
    async def _left():
        client = Client(Limits(events=2), 0.0)
        for number in range(100):
            client.put(b"%d" % number)
        client.end()
        return [each async for each in client.events()]

    assert asyncio.run(_left()) == [b"retry: 2000\n\n", b"98", b"99"]


def test_a_client_that_takes_nothing_holds_nobody_and_is_let_go(serve, eventually):
    daemon = serve(patience=Patience(seconds=0.2))
    huge = "x" * 1_000_000
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.connect(str(daemon.path))
        deaf.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: a\r\n\r\n")
        other = daemon.follow()
        eventually(lambda: daemon.stream.clients == 2)
        for _ in range(20):
            daemon.tick(trouble=huge)
        numbers = {other.event()["id"]}
        while "27" not in numbers:
            numbers.add(other.event()["id"])
        eventually(lambda: daemon.stream.clients == 1, what="the one that takes nothing has been let go")


def test_all_of_them_end_as_soon_as_the_daemon_does(serve):
    daemon = serve()
    followers = [daemon.follow() for _ in range(3)]
    assert all(each.event() for each in followers)
    daemon.server.__exit__()
    assert not daemon.server._thread.is_alive(), "it did not have to be waited for in vain"
    assert [each.event() for each in followers] == [None] * 3
    daemon.tick()  # nobody is there any more


def test_another_config_has_everybody_come_again(serve):
    daemon = serve()
    follower = daemon.follow()
    follower.event()
    daemon.tick(config_read_at=99.0)
    assert follower.event()["id"] == "8"
    assert follower.event() is None
    assert daemon.follow().event()["id"] == "8"


def test_it_is_for_those_who_may_look(serve):
    port = free_port()
    serve(listen=f"127.0.0.1:{port}")

    def _status(**headers):
        follower = Follower(http.client.HTTPConnection("127.0.0.1", port, timeout=5), **headers)
        follower.connection.close()
        return follower.answer.status

    assert _status() == 200
    assert _status(Host="evil.example") == 403
    assert _status(Host="proxy.example", Authorization=f"Bearer {TOKEN}") == 200
    assert _status(Authorization="Bearer wrong") == 401


def test_a_client_that_breaks_off_leaves_no_line_in_the_log(serve, eventually, caplog):
    daemon = serve()
    with caplog.at_level(logging.WARNING):
        follower = daemon.follow()
        follower.event()
        follower.connection.close()
        follower.answer.close()
        daemon.tick()
        eventually(lambda: daemon.stream.clients == 0)
    assert caplog.records == []
