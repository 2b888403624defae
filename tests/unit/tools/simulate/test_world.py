"""A queue and its workers on fake time."""

from __future__ import annotations

from math import inf

import pytest

from autoscaler.tools.simulate.load import Load
from autoscaler.tools.simulate.setting import Setting
from autoscaler.tools.simulate.world import Phase, World


def world(
    arrivals: list[float], services: list[float], setting: Setting | None = None, until: float = 0.0
) -> World:
    load = Load("test", tuple(arrivals), tuple(services), 100.0)
    made = World(load, setting or Setting(wait=30.0))
    made.advance(until)
    return made


def test_tasks_run_in_the_order_of_their_arrival() -> None:
    here = world([0.0, 1.0, 2.0], [5.0, 5.0, 5.0], until=100.0)
    assert here.waits() == [0.0, 4.0, 8.0]
    assert here.finished


def test_a_worker_takes_tasks_only_after_its_start_time() -> None:
    here = world([0.0, 0.0], [50.0, 1.0], Setting(wait=30.0, start_time=8.0))
    here.start()
    here.advance(7.9)
    assert here.started_at[1] == inf
    here.advance(8.0)
    assert here.started_at[1] == 8.0


def test_a_draining_worker_finishes_what_it_runs_and_takes_nothing_new() -> None:
    here = world([0.0, 1.0], [10.0, 1.0], until=2.0)
    node = here.nodes[0]
    here.drain(node)
    here.advance(9.0)
    assert node.phase is Phase.DRAINING
    here.advance(50.0)
    assert node.phase is Phase.GONE
    assert here.started_at[1] == inf
    assert here.total_worker_seconds() == 10.0


def test_an_idle_worker_is_gone_as_soon_as_it_drains() -> None:
    here = world([], [], until=5.0)
    here.drain(here.nodes[0])
    assert here.nodes == []


def test_the_stop_time_is_paid_after_the_last_task() -> None:
    here = world([0.0], [10.0], Setting(wait=30.0, stop_time=2.0), until=1.0)
    here.drain(here.nodes[0])
    here.advance(50.0)
    assert here.total_worker_seconds() == 12.0


def test_a_draining_worker_taken_back_takes_tasks_again() -> None:
    here = world([0.0, 5.0], [20.0, 1.0], until=1.0)
    node = here.nodes[0]
    here.drain(node)
    here.advance(10.0)
    here.restore(node)
    here.advance(50.0)
    assert here.waits() == [0.0, 15.0]


def test_prefetched_tasks_wait_for_the_worker_that_holds_them() -> None:
    setting = Setting(wait=30.0, initial=2, prefetch=1)
    here = world([0.0, 0.0, 1.0, 1.0], [20.0, 2.0, 1.0, 1.0], setting, until=100.0)
    assert here.waits() == [0.0, 0.0, 19.0, 1.0]


def test_a_task_counts_as_accepted_when_it_begins_and_not_when_it_is_held() -> None:
    here = world([0.0, 1.0], [10.0, 10.0], Setting(wait=30.0, prefetch=1), until=5.0)
    (node,) = here.nodes
    assert (node.accepted, len(node.held)) == (1, 1)
    here.advance(15.0)
    assert (node.accepted, len(node.held)) == (2, 0)


def test_a_killed_worker_s_tasks_run_again_and_keep_their_first_wait() -> None:
    here = world([0.0, 1.0], [10.0, 1.0], Setting(wait=30.0, initial=2), until=2.0)
    here.kill(here.nodes[0])
    here.advance(100.0)
    assert (here.killed, here.finished) == (1, True)
    assert here.waits() == [0.0, 0.0]
    assert here.total_worker_seconds() == 2.0 + 100.0


def test_what_happens_in_the_warm_up_is_not_counted() -> None:
    here = world([0.0, 60.0], [1.0, 1.0], Setting(wait=30.0, warmup=50.0), until=10.0)
    here.start()
    here.advance(100.0)
    assert (here.starts, here.waits()) == (0, [0.0])
    assert here.total_worker_seconds() == 2 * 50.0


@pytest.mark.parametrize("slots", [1, 3])
def test_never_more_tasks_run_than_there_are_slots(slots: int) -> None:
    here = world([0.0] * 10, [5.0] * 10, Setting(wait=30.0, concurrency=slots, initial=2))
    here.advance(1.0)
    assert sum(len(node.running) for node in here.nodes) == 2 * slots
    assert here.sample().ready == 10 - 2 * slots


def test_workers_are_numbered_by_the_lowest_free_number() -> None:
    here = world([], [], Setting(wait=30.0, initial=3))
    here.drain(here.nodes[1])
    assert here.start().number == 2
    assert here.start().number == 4


# --- what happens beside the tasks ---


def test_while_the_broker_is_away_nothing_begins_and_nothing_is_seen() -> None:
    load = Load("x", (0.0, 5.0, 30.0), (1.0, 1.0, 1.0), 40.0, outages=((4.0, 20.0),))
    world = World(load, Setting(wait=30.0, min_workers=2))
    world.advance(10.0)
    assert not world.sample().known
    world.advance(40.0)
    assert world.sample().known
    assert world.waits() == [0.0, 15.0, 0.0]


def test_a_crashed_worker_is_started_again_and_its_task_runs_again() -> None:
    load = Load("x", (0.0,), (10.0,), 60.0, crashes=(4.0,))
    world = World(load, Setting(wait=30.0, min_workers=1, start_time=8.0))
    (first,) = world.nodes
    world.advance(5.0)
    (again,) = world.nodes
    assert (again.number, again.pid != first.pid) == (first.number, True)
    world.advance(21.9)
    assert not world.finished
    world.advance(22.0)
    assert world.finished
    assert (world.killed, world.starts, world.waits()) == (1, 0, [0.0])


def test_a_crash_of_nobody_is_nothing() -> None:
    world = World(Load("x", (), (), 10.0, crashes=(4.0,)), Setting(wait=30.0, min_workers=0))
    world.advance(10.0)
    assert world.nodes == []
