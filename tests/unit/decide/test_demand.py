"""Demand of fleets, from queue counts and worker replies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.decide import Reader, fleet_demands
from autoscaler.model import ActiveTask, Known, QueueStats, Unknown, Worker, WorkerState, WorkerStats

NOW = 100.0
SILENT = Unknown("no answer within 1 s", NOW)


def queues(**ready):
    return {name: Known(QueueStats(name, count), NOW) for name, count in ready.items()}


def worker(
    number,
    *,
    fleet="emails",
    state=WorkerState.RUNNING,
    active=0,
    reserved=0,
    scheduled=0,
    stats=None,
    since=NOW,
):
    name = f"{fleet}-{number:02}"
    tasks = tuple(ActiveTask(f"{name}-{each}", "send") for each in range(active))
    said = WorkerStats(f"{name}@h", 1, 4, 0, tasks, reserved, scheduled)
    return Worker(name, fleet, f"{name}@h", state, since, 1, stats or Known(said, NOW))


def emails(slots=8, names=("emails",)):
    return Reader("emails", names, slots)


def test_a_fleet_sums_its_queues():
    demands = fleet_demands(NOW, [emails(names=("emails", "news"))], queues(emails=3, news=4, other=9), [])
    assert demands["emails"].ready == 7
    assert demands["emails"].complete


def test_a_shared_queue_is_split_by_the_slots_that_each_fleet_may_have():
    readers = [emails(slots=30), Reader("bulk", ("emails", "bulk"), 10)]
    demands = fleet_demands(NOW, readers, queues(emails=40, bulk=5), [])
    assert demands["emails"].ready == 30
    assert demands["bulk"].ready == 15


def test_a_queue_that_is_named_twice_counts_once():
    assert fleet_demands(NOW, [emails(names=("emails", "emails"))], queues(emails=4), [])["emails"].ready == 4


def test_a_fleet_without_slots_has_no_demand():
    assert fleet_demands(NOW, [emails(slots=0)], queues(emails=4), [])["emails"].ready == 0


def test_eta_tasks_never_count_and_running_ones_do_not_wait():
    demand = fleet_demands(NOW, [emails()], queues(emails=1), [worker(1, active=2, reserved=3, scheduled=50)])
    assert (demand["emails"].waiting, demand["emails"].running) == (4, 2)


@pytest.mark.parametrize("state", [WorkerState.DRAINING, WorkerState.STOPPING, WorkerState.FAILED])
def test_what_a_worker_holds_that_is_not_serving_is_nobody_elses_work(state):
    demand = fleet_demands(NOW, [emails()], queues(emails=0), [worker(1, state=state, active=2, reserved=3)])
    assert (demand["emails"].waiting, demand["emails"].running) == (0, 0)


def test_workers_count_for_their_own_fleet_only():
    readers = [emails(), Reader("bulk", ("bulk",), 4)]
    workers = [
        worker(1, reserved=1),
        worker(1, fleet="bulk", reserved=2),
        worker(1, fleet="gone", reserved=4),
    ]
    demands = fleet_demands(NOW, readers, queues(emails=0, bulk=0), workers)
    assert {name: each.reserved for name, each in demands.items()} == {"emails": 1, "bulk": 2}


def test_an_unknown_queue_is_unknown_and_not_zero():
    both = {**queues(emails=3), "news": Unknown("HTTP 401", NOW)}
    demand = fleet_demands(NOW, [emails(names=("emails", "news"))], both, [])["emails"]
    assert demand.ready == 3
    assert demand.unknown == ("queue news: HTTP 401",)


def test_a_queue_that_nobody_looked_at_is_unknown():
    assert fleet_demands(NOW, [emails()], {}, [])["emails"].unknown == ("queue emails: was not looked at",)


@pytest.mark.parametrize(
    ("state", "complete"),
    [
        (WorkerState.STARTING, True),
        (WorkerState.RUNNING, False),
        (WorkerState.RESTORING, False),
        (WorkerState.DRAINING, True),
        (WorkerState.STOPPING, True),
        (WorkerState.HELD, True),
        (WorkerState.FAILED, True),
    ],
)
def test_silence_makes_demand_unknown_only_of_a_worker_that_serves_and_has_answered_before(state, complete):
    demand = fleet_demands(NOW, [emails()], queues(emails=0), [worker(1, state=state, stats=SILENT)])[
        "emails"
    ]
    assert demand.complete is complete
    if not complete:
        assert demand.unknown == ("worker emails-01: no answer within 1 s",)


def test_a_worker_that_has_not_answered_for_long_after_its_start_may_hold_anything():
    silent = worker(1, state=WorkerState.STARTING, stats=SILENT, since=NOW - 31)
    assert not fleet_demands(NOW, [emails()], queues(emails=0), [silent])["emails"].complete


@given(slots=st.lists(st.integers(1, 500), min_size=1, max_size=6), ready=st.integers(0, 10**7))
def test_the_shares_of_a_queue_add_up_to_it(slots, ready):
    readers = [Reader(f"fleet{n}", ("q",), each) for n, each in enumerate(slots)]
    demands = fleet_demands(NOW, readers, queues(q=ready), [])
    assert sum(each.ready for each in demands.values()) == pytest.approx(ready)
