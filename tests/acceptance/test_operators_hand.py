"""What an operator does to workers beside the autoscaler has one defined outcome: docs/operators-hand.md."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from autoscaler.http.tables import workers_table

COMMANDS = Path(sys.executable).parent


def supervisorctl(system, *words):
    command = [COMMANDS / "supervisorctl", "-s", system.supervisord.url, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout


def node(system, name):
    return system.workers()[name].node


def control(system, nodes, *words):
    """Tell workers something, as `celery control` does."""
    command = [COMMANDS / "celery", "-b", system.amqp_url, "control", "-d", ",".join(nodes), *words]
    subprocess.run(command, capture_output=True, timeout=60, check=False)


def notes(system):
    note = list(workers_table(system.client.workers()).columns)[-1]
    return " ".join(map(str, note.cells))


def two_run(system, eventually):
    system.write_config(min_workers=2, max_workers=2)
    system.start_daemon()
    eventually(lambda: system.settled_at(2), 30, "two workers run")
    return system.pids()


def test_each_thing_that_an_operator_does_to_a_worker_has_one_outcome(system, eventually):
    first = two_run(system, eventually)["emails-01"]

    supervisorctl(system, "stop", "emails-02")
    eventually(lambda: system.states() == {"running": 1, "held": 1}, 10, "it is held")
    assert "stopped by hand since" in notes(system)
    system.publish(30, seconds=0.1)
    eventually(lambda: system.tally.done == 30, 30, "the other one works")
    assert list(system.pids()) == ["emails-01"]

    supervisorctl(system, "start", "emails-02")
    eventually(lambda: system.settled_at(2), 20, "it is back")
    assert supervisorctl(system, "reread") == "No config updates to processes\n"
    assert supervisorctl(system, "update") == ""

    system.publish(20, seconds=0.2)
    second = system.pids()["emails-02"]
    control(system, [node(system, "emails-02")], "shutdown")
    eventually(lambda: system.pids().get("emails-02", second) != second, 20, "supervisord starts it again")
    eventually(lambda: system.workers()["emails-02"].pid == system.pids()["emails-02"], 20, "it is seen")
    eventually(lambda: system.settled_at(2), 20, "both serve")

    control(system, [node(system, "emails-02")], "pool_grow", "2")
    eventually(lambda: "resized to 4 by hand" in notes(system), 10, "it is shown")

    file = system.supervisord.programs_file
    one, header, two = file.read_text().partition("[program:emails-02]")
    file.write_text(one + header + two.replace(" -c 2 ", " -c 7 "))
    eventually(lambda: file.read_text().count(" -c 2 ") == 2, 40, "the section is as the config says again")
    eventually(lambda: system.settled_at(2), 30, "both serve")

    assert "resized" not in notes(system)
    assert system.pids()["emails-01"] == first
    assert system.fleet().trouble == ""
    assert (system.tally.done, system.tally.run_twice) == (50, 0)


def test_workers_that_are_restarted_or_shut_down_while_nobody_looks_have_not_crashed(system, eventually):
    system.write_config(min_workers=3, max_workers=4)
    system.start_daemon()
    eventually(lambda: system.settled_at(3), 30, "three workers run")
    eventually(lambda: supervisorctl(system, "status").count("RUNNING") == 3, 20, "for startsecs already")
    first, two = {*system.pids().values()}, [node(system, name) for name in ("emails-02", "emails-03")]

    os.kill(system.daemon.pid, signal.SIGSTOP)
    try:
        supervisorctl(system, "restart", "emails-01")
        control(system, two, "shutdown")
        eventually(lambda: len({*system.pids().values()} - first) == 3, 30, "all are new")
    finally:
        os.kill(system.daemon.pid, signal.SIGCONT)

    new = {*system.pids().values()}
    eventually(lambda: {each.pid for each in system.workers().values()} == new, 30, "they are seen")
    assert system.fleet().trouble == ""
    eventually(lambda: system.settled_at(3), 30, "all serve again")
    assert {*system.pids().values()} == new
