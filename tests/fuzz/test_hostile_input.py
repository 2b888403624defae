"""Whatever others send: our errors or unknown, never a traceback, and nothing unknown is read as a number.

Each input is a valid one with some of its parts replaced, doubled, cut or buried, or made of nothing but
hostile values. `scripts/fuzz --runs 10000` runs many; the seed of a failing one is told.
"""

from __future__ import annotations

import json
import os
import random
import time
import xmlrpc.client
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from autoscaler import config
from autoscaler.errors import AutoscalerError, ConfigError, ProgramFileError, TargetError
from autoscaler.model import Known, ProgramSpec, Unknown
from autoscaler.net.celery_control import Command, Replies
from autoscaler.net.deadline import Deadline
from autoscaler.net.http import Answer
from autoscaler.net.management_api import Api, ManagementApi
from autoscaler.observe.celery_workers import STATS, CeleryWorkers
from autoscaler.observe.kombu_queues import _counted
from autoscaler.observe.rabbitmq import RabbitMQManagement
from autoscaler.supervisord import client as rpc_client
from autoscaler.supervisord.client import Supervisord
from autoscaler.supervisord.program_file import (
    ProgramFile,
    log_file,
    render,
    written_node,
    written_queues,
)

RUNS = int(os.environ.get("FUZZ_RUNS", "600"))
#: Inputs one test takes, so that a failure names a small range of seeds.
BATCH = 100
SEED = int(os.environ.get("FUZZ_SEED", "1"))
SOON = Deadline.within(3600.0)

HOSTILE: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**64, -(2**63), 10**400, 0.0, -0.5, 1e308),
    *(float("nan"), float("inf"), float("-inf"), "", " ", "0", "-1", "nan", "null", "\x00", "\ud800"),
    *(
        "\u2028",
        "%(here)s",
        "../../x",
        "a" * 10_000,
        [],
        {},
        [[]],
        [None],
        {"": None},
        {"error": "no"},
        b"\xff",
    ),
]


def deep(depth: int, inner: Any, kind: type) -> Any:
    for _ in range(depth):
        inner = [inner] if kind is list else {"a": inner}
    return inner


def hostile(rng: random.Random) -> Any:
    """A value that nobody should send."""
    if rng.random() < 0.1:
        return deep(rng.choice([2, 50, 300]), rng.choice(HOSTILE), rng.choice([list, dict]))
    return rng.choice(HOSTILE)


def mutated(rng: random.Random, value: Any, share: float = 0.15) -> Any:
    """The same value with some of its parts replaced, left out, doubled or renamed."""
    if rng.random() < share / 3:
        return hostile(rng)
    if isinstance(value, dict):
        kept = {key: mutated(rng, each, share) for key, each in value.items() if rng.random() > share / 4}
        if rng.random() < share / 4:
            kept[rng.choice(["", "name", "error", "a" * 300, "\x00"])] = hostile(rng)
        return kept
    if isinstance(value, list):
        kept = [mutated(rng, each, share) for each in value if rng.random() > share / 4]
        return kept * rng.choice([1, 1, 1, 1, 2]) + ([hostile(rng)] if rng.random() < share / 4 else [])
    return hostile(rng) if rng.random() < share else value


def scrambled(rng: random.Random, data: bytes) -> bytes:
    """Bytes with some of them changed, cut out or doubled."""
    result = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(result) + 1)
        match rng.randrange(4):
            case 0:
                result[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del result[at : at + rng.randint(1, 40)]
            case 2:
                result[at:at] = result[max(0, at - 30) : at] * rng.randint(1, 5)
            case 3:
                result[at:at] = rng.choice(
                    [b"\x00", b"\xff", b"[" * 500, b"{" * 500, b"&a *a", b"<!--", b"%%", b"\n"]
                )
    return bytes(result)


seeds = pytest.mark.parametrize("first", range(SEED, SEED + max(RUNS // 6, BATCH), BATCH))


def each(first: int, check: Callable[[random.Random], None]) -> None:
    for seed in range(first, first + BATCH):
        try:
            check(random.Random(seed))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


# --- the config -------------------------------------------------------------------------------------------

CONFIG = {
    "broker": {"url": "amqp://guest:sesame00@localhost:5672//", "transport_options": {"a": 1}},
    "supervisord": {"url": "unix:///run/s.sock", "programs_file": "/etc/s/a.conf"},
    "console": {"socket": "/run/a.sock", "listen": "127.0.0.1:8085"},
    "polling_interval": "2s",
    "host": {"reserve_memory": "1GiB"},
    "defaults": {"drain_timeout": "1h"},
    "fleets": {
        "emails": {
            "app": "shop",
            "queues": ["a", "b"],
            "concurrency": 4,
            "max_workers": 9,
            "scale": {"max_wait": "30s", "schedule": [{"cron": "0 8 * * *", "for": "1h", "min_workers": 2}]},
            "environment": {"TOKEN": "sesame00"},
            "options": ["-E"],
            "fallback": {"workers": 3, "after": "1m"},
        }
    },
}


@seeds
def test_any_config_is_used_or_refused_with_its_problems(first: int, tmp_path: Path) -> None:
    path = tmp_path / "autoscaler.yaml"

    def check(rng: random.Random) -> None:
        text = yaml.safe_dump(mutated(rng, CONFIG)).encode("utf-8", "surrogatepass")
        data = scrambled(rng, text) if rng.random() < 0.5 else text
        path.write_bytes(data)
        problems = refused(lambda: config.load(path, {}), ConfigError)
        # In a file that was scrambled the word may have got to where no secret is.
        assert "sesame00" not in problems or data != text

    each(first, check)


def refused(act: Callable[[], object], kind: type[AutoscalerError]) -> str:
    """Why something was refused; empty if it was not."""
    try:
        act()
    except kind as error:
        return str(error) or "for no reason"
    return ""


@pytest.mark.parametrize(
    "content",
    [
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        "fleets: &f {a: *f}\n",
        "a: " + "[" * 50_000,
        "a: " + "{a: " * 5_000,
        "- " * 20_000,
        "a: " + "9" * 100_000,
        "x" * 2_000_000,
    ],
    ids=["billion laughs", "itself", "lists", "mappings", "sequences", "digits", "too long"],
)
def test_a_config_that_explodes_is_refused_at_once(tmp_path: Path, content: str) -> None:
    path = tmp_path / "autoscaler.yaml"
    path.write_text(content)
    began = time.process_time()
    with pytest.raises(ConfigError):
        config.load(path, {})
    assert time.process_time() - began < 20


# --- the broker -------------------------------------------------------------------------------------------


def queue(name: str) -> dict[str, Any]:
    counts = {"messages_ready": 3, "messages_unacknowledged": 2, "messages": 5, "consumers": 1}
    return {"name": name, "vhost": "/", "type": "classic", "state": "running", "arguments": {}, **counts}


PAGE = {"filtered_count": 2, "page": 1, "items": [queue("a"), queue("b")]}


class FakeHttp:
    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def get(self, target: str, deadline: Deadline) -> Answer:
        return self.answer

    def close(self) -> None:
        pass


@seeds
def test_any_answer_of_the_management_api_is_a_count_that_it_gave_or_unknown(first: int) -> None:
    def check(rng: random.Random) -> None:
        page = mutated(rng, PAGE)
        body = json.dumps(page, default=str).encode("utf-8", "surrogatepass")
        if rng.random() < 0.4:
            body = scrambled(rng, body)
        status = rng.choice([200] * 8 + [204, 301, 401, 403, 404, 500, 503])
        api = Api.parse("http://u:sesame00@h:1", "/")
        source = RabbitMQManagement(ManagementApi(api, FakeHttp(Answer(status, body))))
        for name, reading in source.queues(["a", "b"], SOON).items():
            if isinstance(reading, Unknown):
                assert reading.error
                assert "sesame00" not in reading.error
                continue
            assert status == 200
            (item,) = (each for each in json.loads(body)["items"] if each["name"] == name)
            assert reading.value.ready == item["messages_ready"]
            assert type(item["messages_ready"]) is int
            assert reading.value.unacknowledged == item["messages_unacknowledged"]

    each(first, check)


@seeds
def test_any_answer_to_a_passive_declare_is_a_count_that_it_gave_or_unknown(first: int) -> None:
    def check(rng: random.Random) -> None:
        ready = rng.choice([3, hostile(rng)])
        declared = SimpleNamespace(message_count=ready, consumer_count=rng.choice([1, hostile(rng)]))
        reading = _counted("a", declared, 1.0, native=rng.random() < 0.5)
        if isinstance(reading, Known):
            assert type(ready) is int
            assert reading.value.ready == ready >= 0

    each(first, check)


# --- the workers ------------------------------------------------------------------------------------------


def task(number: int) -> dict[str, Any]:
    return {"id": f"t{number}", "name": "shop.send", "time_start": 1.5, "acknowledged": True, "args": []}


REPLIES: dict[str, Any] = {
    "active_queues": [{"name": "emails"}],
    "scheduled": [{"eta": "x", "request": task(9)}],
    "reserved": [task(3), task(4)],
    "active": [task(1), task(2)],
    "stats": {"pid": 4711, "pool": {"max-concurrency": 4}, "total": {"shop.send": 10}, "prefetch_count": 4},
}


class FakeRemote:
    """Workers that answer whatever they like, each in a message of its own."""

    def __init__(self, rng: random.Random, told: Mapping[str, Any]) -> None:
        self.rng, self.told = rng, told

    def ask(
        self, commands: Sequence[Command], nodes: Collection[str], deadline: Deadline, **_: object
    ) -> Replies:
        replies = Replies(commands, nodes)
        for ticket, method in replies.tickets.items():
            if method in self.told:
                body = {"emails-01@h": self.told[method]}
                replies.take(ticket, body if self.rng.random() > 0.05 else hostile(self.rng))
            replies.take(hostile(self.rng), hostile(self.rng))
            replies.undecodable(ticket, hostile(self.rng), ValueError())
        return replies


@seeds
def test_any_reply_of_a_worker_is_what_it_said_or_unknown(first: int) -> None:
    def check(rng: random.Random) -> None:
        told = mutated(rng, REPLIES)
        told = told if isinstance(told, dict) else {}
        reading = CeleryWorkers(FakeRemote(rng, told)).inspect(["emails-01@h"], SOON)["emails-01@h"]
        if isinstance(reading, Unknown):
            assert reading.error
            assert len(reading.error) < 2000
            return
        stats = reading.value
        assert {command.method for command in STATS} <= told.keys()
        assert len(stats.active) == len(told["active"])
        assert all(f"{each.id}{each.name}".isprintable() for each in stats.active)
        assert (not told["reserved"]) or stats.reserved or stats.active
        assert stats.queues == frozenset(entry["name"] for entry in told["active_queues"])
        assert stats.slots >= 1
        assert stats.accepted >= 0

    each(first, check)


# --- supervisord ------------------------------------------------------------------------------------------

INFO = {
    **{"name": "emails-01", "group": "emails-01", "state": 20, "pid": 4711, "start": 100, "stop": 0},
    **{
        "now": 200,
        "exitstatus": 0,
        "spawnerr": "",
        "statename": "RUNNING",
        "description": "",
        "logfile": "/x",
    },
}
LOG = """\
2025-05-17 10:00:01,512 INFO exited: emails-01 (exit status 0; expected)
2025-05-17 10:00:02,518 INFO spawned: 'emails-01' with pid 4802
"""
ANSWERS: list[tuple[str, Any, Callable[[Supervisord], object]]] = [
    ("getAllProcessInfo", [INFO, {**INFO, "name": "b"}], lambda client: client.processes()),
    ("reloadConfig", [[["a"], ["b"], []]], lambda client: client.reload()),
    ("identity", [12, "4.3.0", {"statecode": 1, "statename": "RUNNING"}], lambda client: client.identity()),
    ("readLog", [LOG], lambda client: client.ended_well()),
    ("add", [True], lambda client: client.add("a")),
    ("stop", [{"faultCode": 10, "faultString": "BAD_NAME: a"}], lambda client: client.stop_all(["a"])),
]


def as_xml(value: Any) -> bytes:
    try:
        return xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True).encode("utf-8", "replace")
    except (TypeError, OverflowError, RecursionError):
        return b"<methodResponse><params><param><value><int>x</int></value></param></params></methodResponse>"


@seeds
def test_any_answer_of_supervisord_is_understood_or_told(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(rng: random.Random) -> None:
        _, answer, call = rng.choice(ANSWERS)
        body = as_xml(mutated(rng, answer))
        body = scrambled(rng, body) if rng.random() < 0.4 else body
        monkeypatch.setattr(rpc_client, "post", lambda *_: body)
        assert len(refused(lambda: call(Supervisord("unix:///nowhere")), TargetError)) < 20_000

    each(first, check)


def test_an_xml_bomb_costs_no_more_than_its_own_size(monkeypatch: pytest.MonkeyPatch) -> None:
    entities = "".join(
        f'<!ENTITY {c} "{f"&{p};" * 10}">' for p, c in zip("abcdefghi", "bcdefghij", strict=True)
    )
    body = (
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a '
        f'"aaaaaaaaaa">{entities}]><methodResponse><params><param>'
        "<value><string>&j;</string></value></param></params></methodResponse>"
    ).encode()
    monkeypatch.setattr(rpc_client, "post", lambda *_: body)
    began = time.process_time()
    with pytest.raises(TargetError):
        Supervisord("unix:///nowhere").processes()
    assert time.process_time() - began < 20


# --- our own file -----------------------------------------------------------------------------------------


@seeds
def test_any_programs_file_is_ours_or_refused(first: int, tmp_path: Path) -> None:
    path = tmp_path / "a.conf"
    command = ("celery", "-A", "shop", "worker", "-n", "emails-01@h", "-Q", "a,b", "--x=' %(here)s ; ")
    program = ProgramSpec("emails-01", command, "/srv", "shop", {"A": "b"}, 60.0, "/var/log/x.log")
    file = ProgramFile(path)
    file.write({"emails-01": render(program)})
    whole = path.read_bytes()

    def check(rng: random.Random) -> None:
        path.write_bytes(scrambled(rng, whole))
        try:
            sections = file.read()
        except ProgramFileError:
            return
        for section in sections.values():
            written_node(section), written_queues(section), log_file(section)
        file.write(sections)
        assert file.read() == sections

    each(first, check)
