"""Queue counts from a real management API."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import kombu
import pytest

from autoscaler.model import Known, QueueStats, Unknown
from autoscaler.net.deadline import Deadline
from autoscaler.net.management_api import Api, ManagementApi
from autoscaler.observe.kombu_queues import KombuQueues
from autoscaler.observe.queues import FallingBack, NoSuchQueue, QueueSource
from autoscaler.observe.rabbitmq import RabbitMQManagement
from autoscaler.tools.demo.services import RabbitMQNode

ODD_NAMES = [
    "a.b",
    "a/b",
    "a b+c",
    "ünï😀",
    "q\"uo'te",
    "back\\slash",
    "(x)[y]{1}",
    "a|b*?",
    "$end^",
    "#%2F&=",
    "x" * 255,
    "q",
    "qq",
]


@contextmanager
def channel(url: str) -> Iterator[Any]:
    with kombu.Connection(url) as connection, connection.channel() as opened:
        yield opened


def fill(opened: Any, name: str, messages: int, **arguments: str) -> None:
    opened.queue_declare(queue=name, durable=True, auto_delete=False, arguments=arguments)
    producer = kombu.Producer(opened)
    for _ in range(messages):
        producer.publish("x", routing_key=name, delivery_mode=1)


class Within:
    """A source that is asked with so many seconds each time."""

    def __init__(self, source: QueueSource, seconds: float = 2.0) -> None:
        self.source, self.seconds = source, seconds

    def queues(self, names: list[str]) -> dict[str, Any]:
        return dict(self.source.queues(names, Deadline.within(self.seconds)))


def api(url: str, vhost: str, **options: Any) -> RabbitMQManagement:
    return RabbitMQManagement(ManagementApi(Api.parse(url, vhost)), **options)


def management(vhost: Any, **options: Any) -> Within:
    return Within(api(vhost.management_url, vhost.name, **options))


def counts(source: Any, names: list[str]) -> dict[str, int]:
    """The ready messages of those queues that are known: RabbitMQ 4 lists a new queue a moment later."""
    readings = source.queues(names).items()
    return {name: reading.value.ready for name, reading in readings if isinstance(reading, Known)}


def test_counts_are_fresh_also_of_a_new_queue(vhost: Any, eventually: Callable[..., Any]) -> None:
    with channel(vhost.amqp_url) as opened:
        fill(opened, "emails", 3)
        source = management(vhost)
        began = time.monotonic()
        eventually(lambda: counts(source, ["emails"]) == {"emails": 3}, 2)
        opened.basic_get("emails")
        eventually(
            lambda: (
                (stats := source.queues(["emails"])["emails"].value)
                and (stats.ready, stats.unacknowledged) == (2, 1)
            ),
            2,
        )
        assert time.monotonic() - began < 2.5


def test_names_of_any_characters_are_counted_and_no_others(
    vhost: Any, eventually: Callable[..., Any]
) -> None:
    with channel(vhost.amqp_url) as opened:
        for number, name in enumerate(ODD_NAMES):
            fill(opened, name, number)
        fill(opened, "axb", 9)
    expected = {name: number for number, name in enumerate(ODD_NAMES)}
    source = management(vhost)
    eventually(lambda: counts(source, ODD_NAMES) == expected, 2)


def test_few_requests_serve_however_many_queues_there_are(vhost: Any, eventually: Callable[..., Any]) -> None:
    with channel(vhost.amqp_url) as opened:
        for number in range(700):
            opened.queue_declare(queue=f"q{number:03}", durable=False, auto_delete=False)
    source = management(vhost)
    eventually(lambda: all(isinstance(r, Known) for r in source.queues(["q001", "q699"]).values()), 5)
    readings = source.queues([f"q{number:03}" for number in range(701)])
    assert sum(isinstance(reading, Known) for reading in readings.values()) == 700
    assert isinstance(readings["q700"], NoSuchQueue)


def test_a_missing_queue_is_unknown_not_zero(vhost: Any) -> None:
    reading = management(vhost).queues(["nope"])["nope"]
    assert isinstance(reading, NoSuchQueue)
    assert "does not exist" in reading.error


def test_a_missing_vhost_is_unknown_and_named(vhost: Any) -> None:
    reading = Within(api(vhost.management_url, "no/such")).queues(["q"])["q"]
    assert isinstance(reading, Unknown)
    assert "vhost 'no/such' does not exist" in reading.error


def test_vhosts_users_and_passwords_may_hold_any_character(rabbitmq: RabbitMQNode) -> None:
    vhost, user, password = "a/b %2F ü", "us er@/", "p:a@s/s%2F ü😀"
    url = rabbitmq.add_vhost(vhost)
    rabbitmq.manage("PUT", f"users/{quote(user, safe='')}", {"password": password, "tags": "monitoring"})
    grants = {"configure": "", "write": "", "read": ".*"}
    rabbitmq.manage("PUT", f"permissions/{quote(vhost, safe='')}/{quote(user, safe='')}", grants)
    with channel(url) as opened:
        fill(opened, "q", 0)
    host = f"127.0.0.1:{rabbitmq.management_port}"
    url = f"http://{quote(user, safe='')}:{quote(password, safe='')}@{host}"
    source = Within(api(url, vhost, clock=lambda: 9.0))
    assert source.queues(["q"]) == {"q": Known(QueueStats("q", 0, 0), 9.0)}
    rabbitmq.delete_vhost(vhost)


@pytest.mark.parametrize("tags", ["", None], ids=["no tag", "wrong password"])
def test_a_refused_user_is_told_what_it_needs(vhost: Any, rabbitmq: RabbitMQNode, tags: str | None) -> None:
    rabbitmq.manage("PUT", "users/plain", {"password": "s3cret", "tags": tags or ""})
    password = "s3cret" if tags is not None else "wr0ng-s3cret"
    source = Within(api(f"http://plain:{password}@127.0.0.1:{rabbitmq.management_port}", vhost.name))
    reading = source.queues(["q"])["q"]
    assert isinstance(reading, Unknown)
    assert "monitoring or management tag" in reading.error
    assert "s3cret" not in reading.error


def test_quorum_queues_are_counted_and_said_to_be_older(vhost: Any, eventually: Callable[..., Any]) -> None:
    with channel(vhost.amqp_url) as opened:
        fill(opened, "safe", 2, **{"x-queue-type": "quorum"})
    source = management(vhost, clock=lambda: 100.0)
    eventually(lambda: source.queues(["safe"])["safe"] == Known(QueueStats("safe", 2, 0), 95.0), 15)


def test_queues_are_known_by_passive_declare_while_the_api_is_away(
    private_rabbitmq: Callable[..., RabbitMQNode], eventually: Callable[..., Any]
) -> None:
    node = private_rabbitmq()
    both = FallingBack(api(node.management_url, "/"), KombuQueues(node.amqp_url, {}))
    source = Within(both, 4.0)
    with channel(node.amqp_url) as opened:
        fill(opened, "emails", 3)
    eventually(lambda: counts(source, ["emails"]) == {"emails": 3}, 5)
    assert source.queues(["emails"])["emails"].value.unacknowledged == 0
    node.stop_management()
    assert source.queues(["emails"])["emails"].value == QueueStats("emails", 3, None, 0)
    node.pause()
    began = time.monotonic()
    reading = source.queues(["emails"])["emails"]
    assert isinstance(reading, Unknown)
    assert "management" in reading.error or "GET http" in reading.error
    assert "passive declare" in reading.error
    assert time.monotonic() - began < 5
    node.resume()
    node.start_management()
    eventually(lambda: source.queues(["emails"])["emails"].value.unacknowledged == 0, 10)
    both.close()
