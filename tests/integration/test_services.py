"""The private services that all other tests stand on."""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import requests
from kombu import Connection

from autoscaler.errors import ServiceUnavailable
from autoscaler.tools.demo.process import is_alive, marked_processes
from autoscaler.tools.demo.services import RabbitMQNode, SupervisordInstance, wait_until

SLEEPER = "[program:sleeper]\ncommand=/bin/sleep 1000\nstartsecs=0\n"
STUBBORN = "[program:stubborn]\ncommand=/bin/sh -c 'trap \"\" TERM; while :; do sleep 1; done'\nstartsecs=0\n"


def _run(instance: SupervisordInstance, section: str, name: str) -> psutil.Process:
    instance.programs_file.write_text(section)
    instance.call("supervisor.reloadConfig")
    instance.call("supervisor.addProcessGroup", name)
    process = psutil.Process(instance.call("supervisor.getProcessInfo", name)["pid"])
    # Until it has become the program, supervisord's own signal handlers would swallow a TERM.
    wait_until(lambda: "supervisor.supervisord" not in process.cmdline(), seconds=5, what=f"{name} runs")
    return process


def test_a_vhost_of_the_shared_node_serves_both_apis(rabbitmq: RabbitMQNode, vhost) -> None:
    with Connection(vhost.amqp_url) as connection:
        connection.SimpleQueue("letters").put("a")
    with Connection(vhost.amqp_url) as connection:
        assert connection.SimpleQueue("letters").get(timeout=5).payload == "a"
    assert requests.get(f"{vhost.management_url}/api/queues/{vhost.name}", timeout=5).ok
    assert vhost.name in rabbitmq.rabbitmqctl("list_vhosts")


def test_a_vhost_may_have_any_name(rabbitmq: RabbitMQNode) -> None:
    url = rabbitmq.add_vhost("a/b %c")
    try:
        with Connection(url) as connection:
            connection.connect()
    finally:
        rabbitmq.delete_vhost("a/b %c")


def test_a_node_loses_its_management_freezes_crashes_and_comes_back_with_its_data(
    private_rabbitmq: Callable[..., RabbitMQNode], eventually
) -> None:
    node = private_rabbitmq()
    with Connection(node.amqp_url) as connection:
        connection.SimpleQueue("letters").put("a")

    node.stop_management()
    assert not node.management_answers()
    assert node.broker_answers()
    node.start_management()
    assert node.management_answers()

    node.pause()
    assert not node.broker_answers()
    node.resume()
    eventually(node.broker_answers, what="the broker answers after it was resumed")

    urls = node.amqp_url, node.management_url
    node.kill()
    assert not node.broker_answers()
    node.start()
    assert (node.amqp_url, node.management_url) == urls
    with Connection(node.amqp_url) as connection:
        assert connection.SimpleQueue("letters").get(timeout=5).payload == "a"

    node.restart()
    assert node.broker_answers()
    assert node.management_answers()
    node.kill()
    assert marked_processes(node.folder) == []


def test_supervisord_answers_on_its_socket_and_on_its_port(supervisord: SupervisordInstance) -> None:
    over_http = xmlrpc.client.ServerProxy(f"{supervisord.http_url}/RPC2").supervisor.getState()
    assert over_http == supervisord.call("supervisor.getState")
    assert over_http["statename"] == "RUNNING"  # type: ignore[index,call-overload]


def test_supervisord_stops_with_all_its_programs(supervisord: SupervisordInstance) -> None:
    process = _run(supervisord, SLEEPER, "sleeper")
    supervisord.stop()
    assert not is_alive(process)


def test_a_program_that_ignores_term_is_killed_after_the_grace(supervisord: SupervisordInstance) -> None:
    process = _run(supervisord, STUBBORN, "stubborn")
    supervisord.stop(grace=0.5)
    assert not is_alive(process)


def test_orphans_of_a_killed_supervisord_live_on_until_it_is_stopped(
    supervisord: SupervisordInstance,
) -> None:
    orphan = _run(supervisord, SLEEPER, "sleeper")
    supervisord.kill()
    assert is_alive(orphan)
    supervisord.start()
    assert is_alive(orphan)
    assert supervisord.call("supervisor.getProcessInfo", "sleeper")["pid"] != orphan.pid
    supervisord.stop()
    assert not is_alive(orphan)


def test_a_frozen_supervisord_does_not_answer_and_still_stops(supervisord: SupervisordInstance) -> None:
    supervisord.pause()
    with pytest.raises(OSError, match="timed out"):
        supervisord.call("supervisor.getState")
    supervisord.resume()
    assert supervisord.call("supervisor.getState")["statename"] == "RUNNING"
    supervisord.pause()
    supervisord.stop()
    assert supervisord.processes() == []


def test_a_supervisord_that_cannot_start_says_why_and_leaves_nothing(short_folder: Path) -> None:
    instance = SupervisordInstance(short_folder)
    instance.conf_d.mkdir()
    instance.programs_file.write_text("[program:broken]\n")
    with pytest.raises(ServiceUnavailable, match="command"):
        instance.start()
    assert marked_processes(instance.folder) == []


def test_a_socket_path_that_is_too_long_is_refused(short_folder: Path) -> None:
    with pytest.raises(ServiceUnavailable, match="99 bytes"):
        SupervisordInstance(short_folder / ("a" * 100)).start()
