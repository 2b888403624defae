"""Queue counts by passive declare: on RabbitMQ, and on kombu's own transports."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import kombu
import pytest

from autoscaler.model import Known, QueueStats, Unknown
from autoscaler.net.deadline import Deadline
from autoscaler.observe.kombu_queues import KombuQueues
from autoscaler.observe.queues import NoSuchQueue
from autoscaler.operator.purge import Purged, purge_queues
from autoscaler.tools.demo.services import RabbitMQNode


def fill(url: str, name: str, messages: int, options: Mapping[str, Any] | None = None) -> None:
    with kombu.Connection(url, transport_options=dict(options or {})) as connection:
        queue = kombu.Queue(name, channel=connection.channel())
        queue.declare()
        producer = kombu.Producer(queue.channel)
        for _ in range(messages):
            producer.publish("x", routing_key=name, exchange=queue.exchange)


def test_ready_and_consumers_are_known_and_unacknowledged_is_not(vhost: Any) -> None:
    fill(vhost.amqp_url, "a/b ü", 0)
    source = KombuQueues(vhost.amqp_url, {}, clock=lambda: 9.0)
    assert source.queues(["a/b ü"], Deadline.within(2)) == {
        "a/b ü": Known(QueueStats("a/b ü", 0, None, 0), 9.0)
    }
    source.close()


def test_missing_queues_do_not_hide_the_others(vhost: Any) -> None:
    fill(vhost.amqp_url, "m", 0)
    source = KombuQueues(vhost.amqp_url, {})
    readings = source.queues(["a", "m", "z", "m"], Deadline.within(2))
    assert isinstance(readings["m"], Known)
    assert isinstance(readings["a"], NoSuchQueue)
    assert isinstance(readings["z"], NoSuchQueue)
    assert "does not exist" in readings["a"].error
    source.close()


def test_one_connection_and_one_channel_at_a_time_serve_many_ticks(
    vhost: Any, rabbitmq: RabbitMQNode
) -> None:
    source = KombuQueues(vhost.amqp_url, {})
    for _ in range(30):
        source.queues(["a", "b"], Deadline.within(2))
    name = quote(vhost.name, safe="")
    channels = rabbitmq.rabbitmqctl("list_channels", "-p", vhost.name, "--formatter", "csv")
    assert len(channels.splitlines()) <= 1  # the heading
    connections = rabbitmq.rabbitmqctl("list_connections", "vhost", "--formatter", "csv")
    assert connections.count(name) == 1
    source.close()


def test_a_queue_that_is_not_ours_to_read_is_unknown_and_says_so(vhost: Any) -> None:
    with kombu.Connection(vhost.amqp_url) as other:
        other.channel().queue_declare(queue="private", exclusive=True)
        reading = KombuQueues(vhost.amqp_url, {}).queues(["private"], Deadline.within(2))["private"]
    assert isinstance(reading, Unknown)
    assert not isinstance(reading, NoSuchQueue)
    assert "RESOURCE_LOCKED" in reading.error


@pytest.mark.parametrize("password", ["wr0ng-s3cret", "s3cret@/: ü"])
def test_a_wrong_password_is_unknown_and_not_shown(vhost: Any, rabbitmq: RabbitMQNode, password: str) -> None:
    url = f"amqp://demo:{quote(password, safe='')}@127.0.0.1:{rabbitmq.port}/{vhost.name}"
    reading = KombuQueues(url, {}).queues(["a"], Deadline.within(2))["a"]
    assert isinstance(reading, Unknown)
    assert "ACCESS_REFUSED" in reading.error
    assert "s3cret" not in reading.error


def test_a_stopped_and_restarted_broker_is_read_again_by_the_same_object(
    private_rabbitmq: Callable[..., RabbitMQNode],
) -> None:
    node = private_rabbitmq()
    fill(node.amqp_url, "emails", 2)  # durable
    source = KombuQueues(node.amqp_url, {})
    assert isinstance(source.queues(["emails"], Deadline.within(1))["emails"], Known)
    node.kill()
    reading = source.queues(["emails"], Deadline.within(1))["emails"]
    assert isinstance(reading, Unknown)
    assert node.password not in reading.error
    node.start()
    assert isinstance(source.queues(["emails"], Deadline.within(1))["emails"], Known)
    # The connection that was kept over a restart is made anew within the same call.
    node.kill()
    node.start()
    assert isinstance(source.queues(["emails"], Deadline.within(1))["emails"], Known)

    node.pause()
    for _ in range(2):  # on the kept connection, then on a new one
        began = time.monotonic()
        reading = source.queues(["emails"], Deadline.within(1))["emails"]
        assert isinstance(reading, Unknown)
        assert "no answer within 1 s" in reading.error
        assert time.monotonic() - began < 2.5
    node.resume()
    assert isinstance(source.queues(["emails"], Deadline.within(1))["emails"], Known)
    source.close()


def test_files_count_their_messages_and_a_missing_queue_is_empty(tmp_path: Path) -> None:
    folder = str(tmp_path)
    options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": str(tmp_path / "c")}
    fill("filesystem://", "emails", 3, options)
    source = KombuQueues("filesystem://", options, clock=lambda: 9.0)
    assert source.queues(["emails", "email", "nope"], Deadline.within(2)) == {
        "emails": Known(QueueStats("emails", 3), 9.0),
        "email": Known(QueueStats("email", 0), 9.0),
        "nope": Known(QueueStats("nope", 0), 9.0),
    }
    source.close()


def test_files_in_a_folder_that_is_gone_are_unknown(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    source = KombuQueues("filesystem://", {"data_folder_in": gone, "data_folder_out": gone})
    assert isinstance(source.queues(["emails"], Deadline.within(1))["emails"], Unknown)


def test_a_missing_queue_in_memory_is_unknown_not_zero() -> None:
    reading = KombuQueues("memory://", {}).queues(["nope"], Deadline.within(2))["nope"]
    assert isinstance(reading, NoSuchQueue)


def test_queues_are_emptied_and_a_missing_one_does_not_keep_the_others(vhost: Any) -> None:
    fill(vhost.amqp_url, "full", 3)
    done = purge_queues(vhost.amqp_url, {}, ["absent", "full"], Deadline.within(5))
    assert done["full"] == Purged(3)
    assert done["absent"].messages is None
    assert "no queue 'absent'" in done["absent"].error
