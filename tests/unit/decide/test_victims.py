"""Who goes first, and who comes back first."""

import itertools

import pytest

from autoscaler.decide.victims import number, order, restore_order
from autoscaler.model import ActiveTask, Known, Unknown, Worker, WorkerState, WorkerStats

NOW = 100.0


def worker(
    name, *, state=WorkerState.RUNNING, started=(), reserved=0, silent=False, since=0.0, outdated=False
):
    tasks = tuple(ActiveTask(f"{name}-{at}", "send", at) for at in started)
    stats = (
        Unknown("silent", NOW) if silent else Known(WorkerStats(f"{name}@h", 1, 4, 0, tasks, reserved), NOW)
    )
    return Worker(name, "emails", f"{name}@h", state, since, 1, stats, outdated)


def starting(name, **more):
    return worker(name, state=WorkerState.STARTING, silent=True, **more)


def draining(name, **more):
    return worker(name, state=WorkerState.DRAINING, **more)


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param(
            [
                starting("e-01"),
                worker("e-02"),
                worker("e-03", started=(1.0,)),
                worker("e-04", started=(1.0,), reserved=1),
                worker("e-05", silent=True),
            ],
            id="starting, idle, least left to do, silent",
        ),
        pytest.param(
            [starting("e-01", since=9.0), starting("e-03", since=5.0), starting("e-02", since=5.0)],
            id="youngest of the starting ones",
        ),
        pytest.param([worker("e-10"), worker("e-09"), worker("e-2")], id="highest number"),
        pytest.param([worker("e-01", outdated=True), worker("e-02")], id="outdated before current"),
        pytest.param(
            [worker("e-01", started=(90.0,)), worker("e-02", started=(10.0,))], id="longest task goes last"
        ),
        pytest.param(
            [worker("e-01", started=(90.0,)), worker("e-02", started=(None,))], id="unknown start goes last"
        ),
        pytest.param(
            [worker("e-01", reserved=1), worker("e-02", started=(90.0,))], id="only reserved before running"
        ),
        pytest.param(
            [worker("e-02"), worker("e-01", outdated=True, started=(1.0,))],
            id="idle before outdated and busy",
        ),
        pytest.param(
            [
                worker("e-01", started=(1.0,)),
                worker("e-02", state=WorkerState.RESTORING, silent=True),
            ],
            id="a silent restoring worker goes last",
        ),
    ],
)
def test_the_order_of_victims_does_not_depend_on_how_they_were_given(expected):
    for given_order in itertools.permutations(expected):
        assert [each.name for each in order(given_order)] == [each.name for each in expected]


def test_eta_tasks_do_not_make_a_worker_busy():
    hoarder = worker("e-02")
    stats = WorkerStats("e-02@h", 1, 4, 0, (), 0, 7)
    hoarder = Worker("e-02", "emails", "e-02@h", WorkerState.RUNNING, 0.0, 1, Known(stats, NOW))
    assert order([worker("e-01", reserved=1), hoarder])[0].name == "e-02"


@pytest.mark.parametrize(("name", "expected"), [("emails-01", 1), ("emails-10", 10), ("a-1-b", -1), ("", -1)])
def test_the_number_of_a_worker_is_what_its_name_ends_with(name, expected):
    assert number(name) == expected


def test_the_busiest_draining_worker_comes_back_first_and_an_outdated_one_never():
    workers = [
        worker("e-01"),
        draining("e-02"),
        draining("e-03", started=(1.0,), reserved=2),
        draining("e-04", started=(1.0,)),
        draining("e-05", silent=True),
        draining("e-06", started=(1.0,), reserved=9, outdated=True),
        draining("e-07"),
        worker("e-08", state=WorkerState.STOPPING),
    ]
    assert [each.name for each in restore_order(workers)] == ["e-03", "e-04", "e-02", "e-07", "e-05"]
