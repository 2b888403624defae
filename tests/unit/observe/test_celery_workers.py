"""Workers' replies become values, or are unknown with words."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.errors import SourceError
from autoscaler.model import ActiveTask, Known, Unknown, WorkerStats
from autoscaler.net.celery_control import Command, Replies
from autoscaler.net.deadline import Deadline
from autoscaler.observe.celery_workers import CeleryWorkers, worker_stats

NODE = "emails-01@host"
SOON = Deadline.within(10.0)


def task(task_id: str, **changes: Any) -> dict[str, Any]:
    return {"id": task_id, "name": "shop.send", "time_start": 5.0, "acknowledged": False, **changes}


def replies(**changes: Any) -> dict[str, Any]:
    return {
        "active_queues": [{"name": "emails"}, {"name": "news"}],
        "scheduled": [],
        "reserved": [],
        "active": [],
        "stats": {"pid": 7, "pool": {"max-concurrency": 4}, "total": {"shop.send": 3, "shop.bill": 2}},
        **changes,
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


class FakeRemote:
    """Answers with what it was given; raises it if it is an error."""

    def __init__(
        self, answers: Mapping[str, Mapping[str, Any]] | SourceError, errors: Sequence[str] = ()
    ) -> None:
        self.answers = answers
        self.errors = errors
        self.asked: list[tuple[str, frozenset[str]]] = []
        self.waits: list[tuple[Deadline, float, Collection[str] | None]] = []

    def ask(
        self,
        commands: Sequence[Command],
        nodes: Collection[str],
        deadline: Deadline,
        *,
        patience: float,
        awaited: Collection[str] | None,
    ) -> Replies:
        self.waits.append((deadline, patience, awaited))
        if isinstance(self.answers, SourceError):
            raise self.answers
        told = Replies(commands, nodes)
        tickets = {method: ticket for ticket, method in told.tickets.items()}
        for command in commands:
            asked = frozenset(nodes) & (command.nodes if command.nodes is not None else frozenset(nodes))
            self.asked.append((command.method, asked))
            for node in asked & self.answers.keys():
                if command.method in self.answers[node]:
                    told.take(tickets[command.method], {node: self.answers[node][command.method]})
        told.errors.extend(self.errors)
        return told


def inspect(remote: FakeRemote, nodes: Collection[str] = (NODE,), **options: Any) -> dict[str, Any]:
    return CeleryWorkers(remote, clock=lambda: 9.0).inspect(nodes, SOON, **options)


# --- values -----------------------------------------------------------------------------------------------


def test_replies_become_stats() -> None:
    told = replies(
        active=[task("a"), task("b", time_start=None, acknowledged=True)],
        reserved=[task("c")],
        scheduled=[{"eta": "2026", "priority": 6, "request": task("d")}],
    )
    assert worker_stats(NODE, told) == WorkerStats(
        node=NODE,
        pid=7,
        slots=4,
        accepted=5,
        active=(
            ActiveTask("a", "shop.send", 5.0, acknowledged=False),
            ActiveTask("b", "shop.send", None, acknowledged=True),
        ),
        reserved=1,
        scheduled=1,
        queues=frozenset({"emails", "news"}),
    )


def test_a_task_that_moved_between_two_questions_is_counted_once_where_it_was_seen_last() -> None:
    moved = [task("a"), task("b")]
    told = replies(
        active=moved[:1], reserved=moved, scheduled=[{"request": one} for one in [*moved, task("c")]]
    )
    stats = worker_stats(NODE, told)
    assert (len(stats.active), stats.reserved, stats.scheduled) == (1, 1, 1)


def test_queues_are_none_if_not_asked_and_empty_if_there_are_none() -> None:
    told = replies()
    assert worker_stats(NODE, replies(active_queues=[])).queues == frozenset()
    del told["active_queues"]
    assert worker_stats(NODE, told).queues is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"active": {"error": "KeyError('x')"}}, "the worker says"),
        ({"reserved": {"error": "TypeError()"}}, "the worker says"),
        ({"stats": {"error": "boom"}}, "pid"),
        ({"active": None}, "not a list"),
        ({"active": ["x"]}, "not a mapping"),
        ({"active": [task("")]}, "not a name"),
        ({"active": [task("a", name=3)]}, "not a name"),
        ({"active": [task("a", time_start="now")]}, "not a time"),
        ({"active": [task("a", time_start=float("nan"))]}, "not a time"),
        ({"active": [task("a", time_start=10**400)]}, "not a time"),
        ({"active": [task("a", time_start=True)]}, "not a time"),
        ({"active": [task("a", acknowledged=None)]}, "not true or false"),
        ({"reserved": [{"name": "x"}]}, "not a name"),
        ({"scheduled": [{"request": None}]}, "not a mapping"),
        ({"active_queues": [{"name": None}]}, "not a name"),
        ({"stats": []}, "not a mapping"),
        ({"stats": {"pid": 0, "pool": {"max-concurrency": 1}, "total": {}}}, "pid is 0"),
        ({"stats": {"pid": 2**40, "pool": {"max-concurrency": 1}, "total": {}}}, "pid"),
        ({"stats": {"pid": 1, "pool": {}, "total": {}}}, "max-concurrency is None"),
        ({"stats": {"pid": 1, "pool": {"max-concurrency": True}, "total": {}}}, "max-concurrency is True"),
        ({"stats": {"pid": 1, "pool": {"max-concurrency": 0}, "total": {}}}, "max-concurrency is 0"),
        ({"stats": {"pid": 1, "pool": {"max-concurrency": 1}}}, "stats.total"),
        ({"stats": {"pid": 1, "pool": {"max-concurrency": 1}, "total": {"t": -1}}}, "t is -1"),
        ({"stats": {"pid": 1, "pool": {"max-concurrency": 1}, "total": {"t\n\x1b[2J": 1.5}}}, "is 1.5"),
    ],
)
def test_a_reply_that_cannot_be_right_is_unknown_in_one_printable_line(
    changes: dict[str, Any], said: str
) -> None:
    reading = inspect(FakeRemote({NODE: replies(**changes)}))[NODE]
    assert isinstance(reading, Unknown)
    assert reading.error.startswith(f"{NODE}: ")
    assert said in reading.error
    assert reading.error.isprintable()


def test_a_huge_or_deep_reply_makes_a_short_error() -> None:
    deep: Any = "x"
    for _ in range(500):
        deep = [deep]
    for value in (["x" * 1000] * 100_000, deep):
        reading = inspect(FakeRemote({NODE: replies(active={"error": value})}))[NODE]
        assert isinstance(reading, Unknown)
        assert len(reading.error) < 200


@given(st.dictionaries(st.sampled_from(sorted(replies())), json_values))
def test_whatever_a_worker_replies_it_is_known_or_unknown(changes: dict[str, Any]) -> None:
    reading = inspect(FakeRemote({NODE: replies(**changes)}))[NODE]
    if isinstance(reading, Known):
        assert reading.value.slots >= 1


@given(st.dictionaries(st.sampled_from(["id", "name", "time_start", "acknowledged", "request"]), json_values))
def test_whatever_a_task_looks_like_it_is_known_or_unknown(entry: dict[str, Any]) -> None:
    for method in ("active", "reserved", "scheduled"):
        inspect(FakeRemote({NODE: replies(**{method: [entry]})}))


# --- asking -----------------------------------------------------------------------------------------------


def test_questions_follow_the_way_of_a_task_and_start_with_the_queues() -> None:
    remote = FakeRemote({NODE: replies()})
    inspect(remote)
    assert [method for method, _ in remote.asked] == [
        "active_queues",
        "scheduled",
        "reserved",
        "active",
        "stats",
    ]


def test_queues_can_be_asked_of_some_nodes_only() -> None:
    remote = FakeRemote({"a@h": replies(), "b@h": replies()})
    readings = inspect(remote, ["a@h", "b@h"], queues_of=["b@h"])
    assert readings["a@h"].value.queues is None
    assert readings["b@h"].value.queues == {"emails", "news"}
    assert dict(remote.asked)["active_queues"] == {"b@h"}


def test_the_deadline_the_patience_and_the_awaited_are_handed_on() -> None:
    remote = FakeRemote({"a@h": replies()})
    inspect(remote, ["a@h", "new@h"], awaited=["a@h"], patience=1.0)
    inspect(remote, ["a@h"])
    assert remote.waits == [(SOON, 1.0, ["a@h"]), (SOON, math.inf, None)]


def test_a_silent_worker_is_unknown_and_the_others_are_known() -> None:
    readings = inspect(FakeRemote({"a@h": replies()}), ["a@h", "b@h"])
    assert isinstance(readings["a@h"], Known)
    assert isinstance(readings["b@h"], Unknown)
    assert "b@h: no reply in time" in readings["b@h"].error


@pytest.mark.parametrize("method", sorted(replies()))
def test_one_missing_reply_makes_a_worker_unknown(method: str) -> None:
    told = replies()
    del told[method]
    reading = inspect(FakeRemote({NODE: told}))[NODE]
    assert isinstance(reading, Unknown)
    assert f"no reply to {method}" in reading.error


def test_what_was_dropped_is_told_where_a_reply_is_missing() -> None:
    reading = inspect(FakeRemote({}, errors=["a reply to stats was not read"]))[NODE]
    assert "a reply to stats was not read" in reading.error


def test_a_failing_broker_makes_every_worker_unknown() -> None:
    readings = inspect(FakeRemote(SourceError("broker away")), ["a@h", "b@h"])
    assert readings == dict.fromkeys(["a@h", "b@h"], Unknown("broker away", 9.0))


def test_a_worker_that_answered_and_falls_silent_is_told_after_a_minute_with_what_to_do():
    now = [1000.0]
    remote = FakeRemote({NODE: replies()})
    workers = CeleryWorkers(remote, clock=lambda: now[0])

    def error(at):
        now[0] = at
        reading = workers.inspect([NODE], SOON)[NODE]
        return reading.error if isinstance(reading, Unknown) else ""

    assert error(1000.0) == ""
    remote.answers = {}
    assert "restart" not in error(1060.0)
    assert "silent since" in error(1061.0)
    assert "`supervisorctl restart emails-01`" in error(1062.0)
    remote.answers = SourceError("no broker")
    assert error(1070.0) == "no broker"
    remote.answers = {}
    assert "restart" not in error(1130.0)
    assert "restart" in error(1131.0)


def test_a_worker_that_never_answered_is_not_told_to_be_stuck():
    now = iter([1.0, 1000.0])
    workers = CeleryWorkers(FakeRemote({}), clock=lambda: next(now))
    workers.inspect([NODE], SOON)
    assert "restart" not in workers.inspect([NODE], SOON)[NODE].error


def test_names_that_others_made_up_can_be_shown():
    stats = worker_stats(NODE, replies(active=[task("\ud800a\n", name="shop.\x1b[31msend\ud800")]))
    assert [(each.id, each.name) for each in stats.active] == [("a", "shop. [31msend")]
