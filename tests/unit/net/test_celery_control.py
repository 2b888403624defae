"""The remote control's bookkeeping of replies, and words without passwords."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.errors import SourceError
from autoscaler.net.broker import in_words
from autoscaler.net.celery_control import Command, RemoteControl, Replies, await_replies
from autoscaler.net.deadline import Deadline
from autoscaler.text import secrets_of


def asked(*nodes: str) -> tuple[Replies, str]:
    replies = Replies([Command("stats")], nodes)
    [ticket] = replies.tickets
    return replies, ticket


def test_replies_are_complete_with_the_last_awaited_one() -> None:
    replies, ticket = asked("a@h", "b@h")
    replies.take(ticket, {"a@h": 1})
    assert not replies.complete
    replies.take(ticket, {"b@h": None})
    assert replies.complete
    assert replies == {"stats": {"a@h": 1, "b@h": None}}


def test_replies_to_other_questions_and_of_other_nodes_are_nothing_to_us() -> None:
    replies, ticket = asked("a@h")
    for other, body in [("old", {"a@h": 1}), (None, {"a@h": 1}), (ticket, {"x@h": 1}), (3, {"a@h": 1})]:
        replies.take(other, body)
    assert replies == {"stats": {}}
    assert replies.errors == []


@pytest.mark.parametrize("body", [None, [], {}, {"a@h": 1, "b@h": 2}, "a@h", 7])
def test_a_reply_that_is_not_one_nodes_is_dropped_and_told(body: Any) -> None:
    replies, ticket = asked("a@h")
    replies.take(ticket, body)
    assert replies == {"stats": {}}
    assert "not one node's" in replies.errors[0]


def test_a_second_reply_of_a_node_is_dropped_and_told() -> None:
    replies, ticket = asked("a@h", "b@h")
    replies.take(ticket, {"a@h": 1})
    replies.take(ticket, {"a@h": 2})
    assert replies["stats"] == {"a@h": 1}
    assert "twice" in replies.errors[0]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["a@h", "b@h"]), inner),
        max_leaves=8,
    )
)
def test_no_body_is_too_odd(body: Any) -> None:
    replies, ticket = asked("a@h")
    replies.take(ticket, body)


def test_a_command_of_its_own_nodes_awaits_only_those() -> None:
    commands = [
        Command("active_queues", nodes=frozenset({"b@h", "x@h"})),
        Command("stats", nodes=frozenset()),
    ]
    replies = Replies(commands, ["a@h", "b@h"])
    [ticket, _] = replies.tickets
    replies.take(ticket, {"b@h": []})
    assert replies.complete


class Wire:
    """Replies to `stats` that come at their seconds, on fake time."""

    def __init__(self, replies: Replies, arrivals: dict[str, float]) -> None:
        self.now = 0.0
        self._replies = replies
        [self._ticket] = replies.tickets
        self._coming = sorted((at, node) for node, at in arrivals.items())

    def drain(self, timeout: float) -> None:
        if not self._coming or self._coming[0][0] > self.now + timeout:
            self.now += timeout
            raise TimeoutError
        at, node = self._coming.pop(0)
        self.now = max(self.now, at)
        self._replies.take(self._ticket, {node: {}})


@pytest.mark.parametrize(
    ("arrivals", "awaited", "ends", "answered"),
    [
        ({"a@h": 0.05, "b@h": 0.1}, None, 0.1, "ab"),
        ({"a@h": 0.05}, None, 1.0, "a"),
        ({"a@h": 0.05}, ["a@h"], 0.25, "a"),
        ({"a@h": 0.05, "b@h": 0.2}, ["a@h"], 0.2, "ab"),
        ({"a@h": 0.05, "b@h": 0.3}, ["a@h"], 0.25, "a"),
        ({"b@h": 0.05}, ["a@h"], 1.0, "b"),
        ({"a@h": 0.9, "b@h": 0.5}, ["a@h"], 0.9, "ab"),
        ({"a@h": 0.9}, ["a@h"], 1.0, "a"),
        ({}, [], 0.2, ""),
        ({}, ["x@h"], 0.2, ""),
        ({"b@h": 0.1}, [], 0.2, "b"),
    ],
)
def test_the_wait_is_for_the_awaited_and_a_moment_for_the_others(
    arrivals: dict[str, float], awaited: list[str] | None, ends: float, answered: str
) -> None:
    replies = Replies([Command("stats")], ["a@h", "b@h"], awaited)
    wire = Wire(replies, arrivals)
    await_replies(replies, wire.drain, Deadline.within(1.0, lambda: wire.now), 0.2)
    assert wire.now == pytest.approx(ends)
    assert sorted(replies["stats"]) == [f"{name}@h" for name in answered]


def test_who_is_heard_at_all_gets_all_the_time_for_the_rest() -> None:
    replies = Replies([Command("scheduled"), Command("stats")], ["a@h", "b@h"], [])
    (early, late), now = replies.tickets, 0.0
    coming = [
        (0.1, "from another round", "b@h"),
        (0.15, early, "a@h"),
        (0.6, late, "a@h"),
        (0.7, early, "b@h"),
    ]

    def drain(timeout: float) -> None:
        nonlocal now
        if not coming or coming[0][0] > now + timeout:
            now += timeout
            raise TimeoutError
        now, ticket, node = coming.pop(0)
        replies.take(ticket, {node: {}})

    await_replies(replies, drain, Deadline.within(1.0, lambda: now), 0.2)
    assert now == pytest.approx(1.0)
    assert replies == {"scheduled": {"a@h": {}, "b@h": {}}, "stats": {"a@h": {}}}
    assert not replies.suspicious


@pytest.mark.parametrize(
    ("awaited", "answering", "suspicious"),
    [
        (None, [], True),
        (None, ["a@h"], False),
        (["a@h"], [], True),
        (["a@h"], ["b@h"], False),
        ([], [], False),
        (["x@h"], [], False),
    ],
)
def test_the_broker_is_suspected_when_awaited_nodes_and_all_others_are_silent(
    awaited: list[str] | None, answering: list[str], suspicious: bool
) -> None:
    replies = Replies([Command("stats")], ["a@h", "b@h"], awaited)
    [ticket] = replies.tickets
    for node in answering:
        replies.take(ticket, {node: {}})
    assert replies.suspicious is suspicious


def test_asking_nobody_needs_no_broker() -> None:
    remote = RemoteControl("amqp://guest:guest@127.0.0.1:1//", {})
    assert remote.ask([Command("stats")], [], Deadline.within(1.0)) == {"stats": {}}


def test_a_method_cannot_be_asked_twice_at_once() -> None:
    remote = RemoteControl("memory://", {})
    with pytest.raises(ValueError, match="once"):
        remote.ask([Command("stats"), Command("stats")], ["a@h"], Deadline.within(0.1))


def test_every_spelling_of_a_password_is_masked() -> None:
    secrets = secrets_of("amqp://u:a%2Fb@h", {"sentinel_kwargs": 1, "password": "qqq"})
    words = in_words(ValueError("a/b a%2Fb qqq a%2Fb\n\x1b[31mred"), secrets)
    assert words == "ValueError: *** *** *** ***  [31mred"


@pytest.mark.parametrize(
    "url",
    [
        "nonsense://u:s3cret@h",
        "amqp://u:s3cret@127.0.0.1:1//",
        "amqp://u:s3cret@h:port//",
        "redis://:s3cret@h",
    ],
)
def test_a_broker_that_cannot_be_reached_is_a_source_error_without_password(url: str) -> None:
    remote = RemoteControl(url, {})
    with pytest.raises(SourceError) as failed:
        remote.ask([Command("stats")], ["a@h"], Deadline.within(0.1))
    assert "s3cret" not in str(failed.value)
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__
    remote.close()
