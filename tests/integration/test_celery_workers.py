"""Real Celery workers, asked and told over a real broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import kombu
import pytest

from autoscaler.errors import SourceError
from autoscaler.model import Known, Unknown
from autoscaler.net.celery_control import Command, RemoteControl
from autoscaler.net.deadline import Deadline
from autoscaler.observe.celery_workers import CeleryWorkers
from autoscaler.tools.demo.services import RabbitMQNode

APP = """
import time
from celery import Celery
app = Celery("tiny", broker={url!r})
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=4, broker_transport_options={options!r},
    broker_connection_retry_on_startup=True, task_ignore_result=True, {extra})
@app.task(name="nap")
def nap(seconds):
    time.sleep(seconds)
"""


class Workers:
    """Starts workers of a tiny app on one broker, and ends each by its pid."""

    def __init__(self, folder: Path, url: str, options: dict[str, Any], extra: str = "") -> None:
        self.folder = folder
        self.url = url
        self.options = options
        folder.mkdir(exist_ok=True)
        (folder / "tiny.py").write_text(APP.format(url=url, options=options, extra=extra))
        self._stack = ExitStack()

    def start(self, node: str, queues: str, *, pool: str = "prefork", concurrency: int = 1) -> int:
        """Start a worker and return its pid."""
        command = [sys.executable, "-m", "celery", "-A", "tiny", "worker", "-n", node, "-Q", queues]
        command += ["-P", pool, "-c", str(concurrency), "--without-mingle", "--without-gossip"]
        with (self.folder / f"{node}.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        self._stack.callback(self._end, process)
        return process.pid

    def send(self, queue: str, seconds: float, count: int = 1, **options: Any) -> None:
        """Publish naps."""
        from celery import Celery  # noqa: PLC0415 - the import takes a while

        with Celery(broker=self.url) as app:
            app.conf.broker_transport_options = self.options
            for _ in range(count):
                app.send_task("nap", (seconds,), queue=queue, **options)

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def workers(vhost: Any, tmp_path: Path) -> Iterator[Workers]:
    started = Workers(tmp_path / "app", vhost.amqp_url, {})
    yield started
    started.close()


class Inspector:
    """Inspects with so many seconds each time, and so many of patience."""

    def __init__(self, remote: RemoteControl, seconds: float = 3.0, patience: float = 1.0) -> None:
        self.workers, self.seconds, self.patience = CeleryWorkers(remote), seconds, patience

    def inspect(self, nodes: list[str], **options: Any) -> dict[str, Any]:
        deadline = Deadline.within(self.seconds)
        return self.workers.inspect(nodes, deadline, patience=self.patience, **options)


@pytest.fixture
def inspector(vhost: Any) -> Iterator[Inspector]:
    remote = RemoteControl(vhost.amqp_url, {})
    yield Inspector(remote)
    remote.close()


def all_known(readings: dict[str, Any]) -> bool:
    return all(isinstance(reading, Known) for reading in readings.values())


def test_six_workers_answer_at_once_and_a_busy_solo_one_hides_only_itself(
    workers: Workers, inspector: Inspector, eventually: Callable[..., Any]
) -> None:
    nodes = [f"w{number}@test" for number in range(6)]
    pids = {node: workers.start(node, "emails", concurrency=2) for node in nodes[:5]}
    pids[nodes[5]] = workers.start(nodes[5], "solo,news", pool="solo")
    eventually(lambda: all_known(inspector.inspect(nodes)), 30, "six workers answer")

    times = []
    for _ in range(5):
        began = time.monotonic()
        readings = inspector.inspect(nodes)
        times.append(time.monotonic() - began)
    assert all_known(readings)
    assert min(times) < 0.2
    assert {node: reading.value.pid for node, reading in readings.items()} == pids
    assert [readings[node].value.slots for node in nodes] == [2, 2, 2, 2, 2, 1]
    assert readings[nodes[5]].value.queues == {"solo", "news"}
    assert all_known(inspector.inspect([nodes[0], nodes[0]]))

    workers.send("solo", 3)
    eventually(lambda: not all_known(inspector.inspect([nodes[5]])), 5, "the solo worker is busy")
    began = time.monotonic()
    readings = inspector.inspect([*nodes, "nobody@test"])
    assert time.monotonic() - began < 1.5
    assert isinstance(readings[nodes[5]], Unknown)
    assert "no reply in time" in readings[nodes[5]].error
    assert isinstance(readings["nobody@test"], Unknown)
    assert all_known({node: readings[node] for node in nodes[:5]})
    eventually(lambda: all_known(inspector.inspect(nodes)), 10, "the solo worker answers again")


def test_a_cancelled_worker_finishes_what_it_holds_and_can_be_taken_back(
    workers: Workers, inspector: Inspector, vhost: Any, eventually: Callable[..., Any]
) -> None:
    node = "emails-01@test"
    workers.start(node, "emails,news", concurrency=2)
    eventually(lambda: all_known(inspector.inspect([node])), 30)
    workers.send("emails", 0.6, 20)
    workers.send("news", 0, 1, countdown=300)

    def seen() -> Any:
        return inspector.inspect([node])[node].value

    stats = eventually(lambda: (s := seen()).reserved == 6 and s.scheduled == 1 and s, 5)
    assert len(stats.active) == 2
    assert all(task.name == "nap" and not task.acknowledged for task in stats.active)
    assert all(abs(time.time() - task.started_at) < 5 for task in stats.active)
    assert stats.accepted >= 2
    assert inspector.inspect([node], queues_of=[])[node].value.queues is None

    remote = RemoteControl(vhost.amqp_url, {})
    remote.cancel_consumers(node, ["emails", "news"], Deadline.within(2))
    held = eventually(lambda: not (s := seen()).queues and s, 2)
    assert held.busy
    # What it holds only ever shrinks from here, and nothing is lost sight of on the way to done.
    left = [held.accepted + held.reserved]
    drained = eventually(lambda: left.append((s := seen()).accepted + s.reserved) or (not s.busy and s), 10)
    assert set(left) == {drained.accepted}
    assert drained.scheduled == 1
    assert drained.accepted < 20

    remote.add_consumers(node, ["emails", "news"], Deadline.within(2))
    eventually(lambda: seen().queues == {"emails", "news"} and seen().busy, 2, "it takes tasks again")
    remote.close()


def test_of_two_processes_with_one_name_the_one_that_is_meant_is_shut_down(
    vhost: Any, tmp_path: Path, request: pytest.FixtureRequest, eventually: Callable[..., Any]
) -> None:
    node, remote = "emails-01@test", RemoteControl(vhost.amqp_url, {})
    request.addfinalizer(remote.close)
    # They share a mailbox; since Celery 5.7 only where the app says so.
    workers = Workers(tmp_path / "app", vhost.amqp_url, {}, extra="control_queue_exclusive=False")
    request.addfinalizer(workers.close)
    pids = [workers.start(node, "emails") for _ in range(2)]

    def answering() -> set[object]:
        asked = [remote.ask([Command("stats")], [node], Deadline.within(1))["stats"] for _ in range(2)]
        return {stats.get(node, {}).get("pid") for stats in asked}

    def shut_down(pids: dict[str, int]) -> frozenset[str]:
        return remote.shut_down(pids, Deadline.within(4))

    eventually(lambda: answering() == set(pids), 30, "both answer in turn")
    assert shut_down({node: 1, "nobody@test": 2}) == set(), "who does not answer is not meant"
    assert shut_down({node: pids[0]}) == {node}
    eventually(lambda: answering() == {pids[1]}, 10, "the first has ended")
    assert shut_down({node: pids[1]}) == {node}, "it is alone by now"
    eventually(lambda: answering() == {None}, 10, "the second has ended")


def test_the_same_object_works_again_after_a_broker_restart_and_never_hangs_on_a_frozen_one(
    private_rabbitmq: Callable[..., RabbitMQNode], tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    node = private_rabbitmq()
    workers = Workers(tmp_path / "app", node.amqp_url, {})
    remote = RemoteControl(node.amqp_url, {})
    inspector = Inspector(remote, seconds=1.0, patience=0.5)
    try:
        workers.start("w@test", "emails")
        eventually(lambda: all_known(inspector.inspect(["w@test"])), 30)

        node.pause()
        # Silence on the kept connection, perhaps after a last reply, then a new one that is not answered.
        for _ in range(3):
            began = time.monotonic()
            reading = inspector.inspect(["w@test"])["w@test"]
            assert isinstance(reading, Unknown)
            assert time.monotonic() - began < 1.4
        assert "no answer within 1 s" in reading.error
        node.resume()
        eventually(lambda: all_known(inspector.inspect(["w@test"])), 10, "known after a freeze")

        node.kill()
        reading = inspector.inspect(["w@test"])["w@test"]
        assert isinstance(reading, Unknown)
        assert f"amqp://demo@127.0.0.1:{node.port}" in reading.error
        assert node.password not in reading.error
        with pytest.raises(SourceError):
            remote.cancel_consumers("w@test", ["emails"], Deadline.within(1))
        node.start()
        eventually(lambda: all_known(inspector.inspect(["w@test"])), 20, "known after a restart")
    finally:
        workers.close()
        remote.close()


def test_a_wrong_password_is_unknown_and_not_shown(vhost: Any, rabbitmq: RabbitMQNode) -> None:
    url = f"amqp://demo:wr0ng-s3cret@127.0.0.1:{rabbitmq.port}/{vhost.name}"
    reading = Inspector(RemoteControl(url, {})).inspect(["w@test"])["w@test"]
    assert isinstance(reading, Unknown)
    assert "ACCESS_REFUSED" in reading.error
    assert "check user, password" in reading.error
    assert "s3cret" not in reading.error


def test_one_connection_with_one_exclusive_queue_which_goes_with_it(
    vhost: Any, rabbitmq: RabbitMQNode
) -> None:
    def queues() -> list[str]:
        listed = rabbitmq.rabbitmqctl("list_queues", "-p", vhost.name, "exclusive", "--formatter", "csv")
        return listed.replace('"', "").splitlines()[1:]

    remote = RemoteControl(vhost.amqp_url, {})
    for _ in range(3):
        assert remote.ask([Command("stats")], ["nobody@test"], Deadline.within(2), patience=0.05) == {
            "stats": {}
        }
        remote.cancel_consumers("nobody@test", ["a"], Deadline.within(2))
    assert queues() == ["true"]
    remote.close()
    assert queues() == []


def test_one_question_serves_who_answers_and_who_is_starting(
    workers: Workers, inspector: Inspector, rabbitmq: RabbitMQNode, vhost: Any, eventually: Any
) -> None:
    workers.start("old@test", "emails")
    eventually(lambda: all_known(inspector.inspect(["old@test"])), 30)

    def reply_queues() -> list[str]:
        listed = rabbitmq.rabbitmqctl("list_queues", "-p", vhost.name, "name", "--formatter", "csv")
        return [line for line in listed.splitlines() if "reply.celery.pidbox" in line]

    before = reply_queues()
    for awaited in (["old@test"], []):
        began = time.monotonic()
        readings = inspector.inspect(["old@test", "new@test"], awaited=awaited)
        assert 0.2 <= time.monotonic() - began < 0.6
        assert isinstance(readings["old@test"], Known)
        assert isinstance(readings["new@test"], Unknown)
    assert isinstance(inspector.inspect(["new@test"], awaited=[])["new@test"], Unknown)
    assert reply_queues() == before, "the connection is kept"


def test_forged_and_unreadable_replies_are_dropped_and_told(vhost: Any) -> None:
    """A stand-in for a worker that answers in pickle, in the name of others, and twice."""
    remote = RemoteControl(vhost.amqp_url, {})
    with kombu.Connection(vhost.amqp_url) as connection, connection.channel() as channel:
        exchange = kombu.Exchange("celery.pidbox", type="fanout", durable=False, delivery_mode="transient")
        inbox = kombu.Queue("forger", exchange, exclusive=True, auto_delete=True)(channel)
        inbox.declare()
        producer = kombu.Producer(channel)

        def answer(body: dict[str, Any], message: Any) -> None:
            for reply, serializer in [
                ({"w@test": {"pid": 1}}, "pickle"),
                ({"other@test": 1}, "json"),
                ({"w@test": 1, "x@test": 2}, "json"),
                ({"w@test": {"pid": 7}}, "json"),
            ]:
                headers = {"ticket": body["ticket"], "clock": 1}
                producer.publish(
                    reply, serializer=serializer, headers=headers, retry=False, **body["reply_to"]
                )

        import threading  # noqa: PLC0415

        with kombu.Consumer(channel, [inbox], callbacks=[answer], no_ack=True, accept=["json"]):
            serving = threading.Thread(target=lambda: connection.drain_events(timeout=5))
            serving.start()
            replies = remote.ask([Command("stats")], ["w@test"], Deadline.within(3))
            serving.join()
    assert replies == {"stats": {"w@test": {"pid": 7}}}
    assert any("only JSON" in error for error in replies.errors)
    assert any("not one node's" in error for error in replies.errors)
    remote.close()


def test_workers_on_files_answer_and_obey(tmp_path: Path, eventually: Callable[..., Any]) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    options = {
        "data_folder_in": str(folder),
        "data_folder_out": str(folder),
        "control_folder": str(tmp_path / "control"),
        "polling_interval": 0.05,
    }
    workers = Workers(tmp_path / "app", "filesystem://", options)
    remote = RemoteControl("filesystem://", options)
    inspector = Inspector(remote, seconds=4.0, patience=2.0)
    try:
        workers.start("w@test", "emails")
        eventually(lambda: all_known(inspector.inspect(["w@test"])), 30)
        began = time.monotonic()
        assert inspector.inspect(["w@test"])["w@test"].value.queues == {"emails"}
        assert time.monotonic() - began < 0.8
        remote.cancel_consumers("w@test", ["emails"], Deadline.within(2))
        eventually(lambda: inspector.inspect(["w@test"])["w@test"].value.queues == set(), 5)
    finally:
        workers.close()
        remote.close()
    assert [path.name for path in folder.iterdir() if "reply.celery.pidbox" in path.name] == []


def test_a_node_may_listen_once_its_mailbox_exists(vhost: Any) -> None:
    remote = RemoteControl(vhost.amqp_url, {})
    assert not remote.may_listen("emails-01@host", Deadline.within(5))
    with kombu.Connection(vhost.amqp_url) as connection:
        queue = kombu.Queue("emails-01@host.celery.pidbox", exclusive=True, channel=connection.channel())
        queue.declare()
        assert remote.may_listen("emails-01@host", Deadline.within(5)), "also where it is another's alone"
    remote.close()
