"""Queue counts from a real Redis, as kombu's producers fill it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import kombu
import pytest

from autoscaler.model import Known, QueueStats, Unknown
from autoscaler.net.deadline import Deadline
from autoscaler.observe.broker_queues import broker_queues
from autoscaler.observe.redis_queues import RedisQueues, is_redis
from autoscaler.operator.purge import Purged, purge_queues
from autoscaler.tools.demo.services import RedisServer

OPTIONS: list[dict[str, Any]] = [
    {},
    {"priority_steps": list(range(10)), "sep": ":", "queue_order_strategy": "priority"},
    {"global_keyprefix": "shop:"},
    {"global_keyprefix": "shop:", "priority_steps": [0, 5], "sep": "|"},
]


def publish(url: str, options: Mapping[str, Any], queue: str, priorities: list[int]) -> None:
    """Publish a message of each priority."""
    with kombu.Connection(url, transport_options=dict(options)) as connection:
        producer = connection.Producer()
        for priority in priorities:
            producer.publish("x", routing_key=queue, declare=[kombu.Queue(queue)], priority=priority)


def count(url: str, options: Mapping[str, Any], *names: str) -> Mapping[str, object]:
    source = broker_queues(url, options)
    try:
        readings = source.queues(names, Deadline.within(2))
    finally:
        source.close()
    return {
        name: each.value.ready if isinstance(each, Known) else each.error for name, each in readings.items()
    }


@pytest.mark.parametrize("options", OPTIONS)
def test_messages_of_all_priorities_count(redis_server: RedisServer, options: dict[str, Any]) -> None:
    publish(redis_server.url, options, "emails", [0, 3, 5, 9, 9])
    publish(redis_server.url, options, "images", [0])
    assert count(redis_server.url, options, "emails", "images") == {"emails": 5, "images": 1}


@pytest.mark.parametrize("options", OPTIONS)
def test_a_queue_without_messages_is_empty(redis_server: RedisServer, options: dict[str, Any]) -> None:
    assert count(redis_server.url, options, "emails") == {"emails": 0}
    publish(redis_server.url, options, "emails", [0, 9])
    assert count(redis_server.url, options, "emails") == {"emails": 2}
    assert purge_queues(redis_server.url, options, ["emails"], Deadline.within(2)) == {"emails": Purged(2)}
    assert count(redis_server.url, options, "emails") == {"emails": 0}


def test_a_reading_has_its_time_and_neither_consumers_nor_unacknowledged(redis_server: RedisServer) -> None:
    source = RedisQueues(redis_server.url, {}, clock=lambda: 9.0)
    assert source.queues(["emails"], Deadline.within(2)) == {"emails": Known(QueueStats("emails", 0), 9.0)}
    assert source.queues([], Deadline.within(2)) == {}
    source.close()


def test_a_key_that_is_no_list_is_unknown(redis_server: RedisServer) -> None:
    with kombu.Connection(redis_server.url) as connection:
        connection.default_channel.client.set("emails", "not a list")
    answer = count(redis_server.url, {}, "emails")["emails"]
    assert "llen" in str(answer)


def test_a_server_that_goes_away_and_comes_back_is_unknown_in_between(redis_server: RedisServer) -> None:
    source = RedisQueues(redis_server.url, {})
    assert isinstance(source.queues(["emails"], Deadline.within(2))["emails"], Known)
    redis_server.stop()
    away = source.queues(["emails"], Deadline.within(2))["emails"]
    assert isinstance(away, Unknown)
    assert redis_server.password not in away.error
    redis_server.start()
    assert isinstance(source.queues(["emails"], Deadline.within(2))["emails"], Known)
    source.close()


def test_a_wrong_password_is_unknown_and_named(redis_server: RedisServer) -> None:
    answer = count(redis_server.url.replace(redis_server.password, "wrong-one"), {}, "emails")["emails"]
    assert "password" in str(answer)
    assert "wrong-one" not in str(answer)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://h:6379/0", True),
        ("rediss://:p@h/1", True),
        ("redis+socket:///run/redis.sock", True),
        ("sentinel://a:26379;sentinel://b:26379", True),
        ("amqp://h//", False),
        ("filesystem://", False),
    ],
)
def test_redis_is_known_by_the_scheme(url: str, expected: bool) -> None:
    assert is_redis(url) is expected
