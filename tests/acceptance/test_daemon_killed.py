"""The daemon killed between any two steps of adding and of removing comes back to the same end."""

from __future__ import annotations

import sqlite3

import pytest

#: Every step of `act`, in the order in which they are taken; `told` comes once a worker.
ADDING = ("written", "reloaded", "added")
REMOVING = (
    "journalled",
    "told",
    "told:2",
    "stopped",
    "written",
    "reloaded",
    "removed",
    "forgotten",
)


def die(system, eventually, step):
    daemon = system.start_daemon(die_at=step)
    eventually(lambda: daemon.exit_code is not None, 40, f"the daemon dies at {step}")
    assert daemon.exit_code == -9
    return system.pids()


def assert_at_rest(system, expected):
    """Nothing is doubled, nothing is left over, nobody was restarted."""
    assert system.pids() == expected
    assert system.nodes() == sorted(f"{name}@{node_host(system)}" for name in expected)
    text = system.supervisord.programs_file.read_text()
    assert [name for name in expected if f"[program:{name}]" not in text] == []
    assert text.count("[program:") == len(expected)
    with sqlite3.connect(system.folder / "state" / "autoscaler.db") as database:
        assert database.execute("SELECT * FROM drains").fetchall() == []


def node_host(system):
    return next(iter(system.workers().values())).node.partition("@")[2]


@pytest.mark.parametrize("step", ADDING)
def test_killed_while_adding(system, eventually, step):
    system.write_config(min_workers=1)
    system.start_daemon()
    eventually(lambda: system.settled_at(1), 30, "one worker runs")
    system.daemon.stop(10)
    first = system.pids()

    system.write_config(min_workers=3)
    at_death = die(system, eventually, step)

    system.start_daemon()
    eventually(lambda: system.settled_at(3), 30, "three workers run")
    after = system.pids()
    assert first.items() <= after.items()
    assert at_death.items() <= after.items()
    assert_at_rest(system, after)


@pytest.mark.parametrize("step", REMOVING)
def test_killed_while_removing(system, eventually, step):
    system.write_config(min_workers=3, max_workers=3)
    system.start_daemon()
    eventually(lambda: system.settled_at(3), 30, "three workers run")
    system.daemon.stop(10)
    first = {"emails-01": system.pids()["emails-01"]}

    system.write_config(min_workers=1, max_workers=1)
    die(system, eventually, step)

    system.start_daemon()
    eventually(lambda: system.settled_at(1), 40, "one worker is left")
    assert_at_rest(system, first)


def test_killed_while_a_busy_worker_drains(system, eventually):
    system.write_config(concurrency=1, min_workers=2, max_workers=2)
    system.start_daemon()
    eventually(lambda: system.settled_at(2), 30, "two workers run")
    system.publish(2, seconds=8)
    eventually(lambda: len(system.runs) == 2, 15, "both are busy")
    system.write_config(concurrency=1, min_workers=1, max_workers=1)
    eventually(lambda: system.states().get("draining") == 1, 10, "one drains")

    system.daemon.kill()
    system.start_daemon()

    eventually(lambda: system.settled_at(1), 40, "one worker is left")
    assert system.tally.done == 2
    assert system.tally.run_twice == 0
