"""The main job on Redis: a burst grows the fleet, the empty queue shrinks it, no task is lost."""

from __future__ import annotations

import pytest


@pytest.fixture
def system(redis_server, make_system):
    """A system on a Redis of its own."""
    return make_system(redis_server.url, None)


def test_a_burst_grows_the_fleet_and_the_empty_queue_shrinks_it(system, eventually):
    system.start_daemon()
    eventually(lambda: system.settled_at(1), 30, "the fleet starts with one worker")
    first = system.pids()["emails-01"]

    system.publish(500, seconds=0.2)

    eventually(lambda: system.settled_at(6), 40, "the fleet grows to six workers")
    eventually(lambda: system.tally.done == 500, 60, "all tasks are done")
    eventually(lambda: system.settled_at(1), 40, "the fleet shrinks to one worker")
    assert system.tally.run_twice == 0
    assert system.pids() == {"emails-01": first}
    assert "does not exist" not in system.log


def test_a_busy_worker_outlives_a_scale_down(system, eventually):
    system.write_config(concurrency=1, min_workers=2, max_workers=2, scale={"backlog_per_worker": 1})
    system.start_daemon()
    eventually(lambda: system.settled_at(2), 30, "two workers run")
    system.publish(4, seconds=10)
    eventually(lambda: len(system.runs) >= 2, 15, "both workers are busy")

    system.write_config(concurrency=1, min_workers=1, max_workers=1, scale={"backlog_per_worker": 1})

    eventually(lambda: system.states().get("draining") == 1, 10, "one of them is drained")
    eventually(lambda: system.tally.done == 4, 60, "all tasks are done, those that it had reserved too")
    eventually(lambda: system.settled_at(1), 40, "one worker is left")
    assert system.tally.run_twice == 0


def test_an_outage_shrinks_nothing(system, redis_server, eventually):
    system.write_config(min_workers=2, max_workers=2)
    system.start_daemon()
    eventually(lambda: system.settled_at(2), 30, "two workers run")
    before = system.pids()
    system.write_config(min_workers=1, max_workers=2, scale={"backlog_per_worker": 1000})
    redis_server.stop()
    eventually(lambda: any("queue emails" in part for part in system.look().unknown), 20, "it is unknown")
    assert system.pids() == before
    redis_server.start()
    eventually(lambda: system.settled_at(1), 60, "it shrinks when it can see again")
