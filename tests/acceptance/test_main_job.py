"""A burst arrives, workers appear; the queue empties, workers leave; no task is lost."""

from __future__ import annotations


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


def test_a_busy_worker_outlives_a_scale_down(system, eventually):
    system.write_config(concurrency=1, min_workers=2, max_workers=2, scale={"backlog_per_worker": 1})
    system.start_daemon()
    eventually(lambda: system.settled_at(2), 30, "two workers run")
    system.publish(2, seconds=20)
    eventually(lambda: len(system.runs) == 2, 15, "both workers are busy")
    started = {entry.node: entry.pid for entry in system.runs}
    assert len(started) == 2

    system.write_config(concurrency=1, min_workers=1, max_workers=1, scale={"backlog_per_worker": 1})

    eventually(lambda: system.states().get("draining") == 1, 10, "one of them is drained")
    eventually(lambda: system.settled_at(1), 40, "one worker is left")
    assert system.tally.done == 2
    assert system.tally.run_twice == 0
    assert {entry.node: entry.pid for entry in system.runs if entry.event == "done"} == started


def test_a_daemon_that_is_stopped_leaves_the_workers_running(system, eventually):
    system.start_daemon()
    eventually(lambda: system.settled_at(1), 30, "the fleet starts with one worker")
    before = system.pids()

    system.daemon.stop(10)
    assert system.daemon.exit_code == 0
    assert system.pids() == before

    system.start_daemon()
    eventually(lambda: system.settled_at(1), 30, "the daemon is back")
    assert system.pids() == before


def test_a_second_daemon_on_the_same_state_is_refused(system, eventually):
    first = system.start_daemon()
    eventually(lambda: system.settled_at(1), 30, "the first daemon works")

    second = system.start_daemon()
    eventually(lambda: second.exit_code is not None, 10, "the second daemon ends")

    assert second.exit_code == 1
    assert f"another autoscaler (pid {first.pid})" in system.log
    assert system.settled_at(1)
    first.stop(10)
