"""How long a task that is published now is told to wait."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.decide import expected_wait
from autoscaler.decide.expected_wait import LONGEST
from autoscaler.model import (
    ActiveTask,
    Demand,
    Estimate,
    FleetState,
    HostBudget,
    Known,
    Measures,
    Scaling,
    Situation,
    Unknown,
    Worker,
    WorkerState,
    WorkerStats,
)

NOW = 10_000.0


def known(value):
    return Estimate(value, value, value)


#: A task runs 2 s, a worker takes 8 s to start.
MEASURES = Measures(service=known(2.0), start_seconds=known(8.0))


def worker(number, state=WorkerState.RUNNING, active=1, age=0.0):
    tasks = tuple(ActiveTask(str(each), "send") for each in range(active))
    answers = Known(WorkerStats(f"e-{number}@h", number, 1, 0, tasks), NOW)
    stats = Unknown("starting", NOW) if state is WorkerState.STARTING else answers
    return Worker(f"e-{number}", "emails", f"e-{number}@h", state, NOW - age, number, stats)


def situation(waiting=0.0, workers=(), measures=MEASURES, unknown=(), concurrency=1, retired=False):
    return Situation(
        now=NOW,
        fleet="emails",
        scaling=Scaling(0, 100, concurrency, retired=retired),
        demand=Demand(waiting, 0, 0, unknown),
        workers=workers,
        host=HostBudget(None, None),
        measures=measures,
    )


def wait(*args, **kwargs):
    return expected_wait(situation(*args, **kwargs), FleetState())


@pytest.mark.parametrize(
    ("waiting", "workers", "seconds"),
    [
        (0, [worker(1, active=0)], 0.0),
        (0, [worker(1)], 2.0),  # behind the task that runs
        (9, [worker(1)], 20.0),
        (9, [worker(1), worker(2)], 10.0),
        (2, [worker(1, active=0)], 4.0),  # the first of the three before it starts at once
        (9, [worker(1), worker(2, WorkerState.DRAINING)], 20.0),  # one that leaves starts nothing
        (9, [worker(1), worker(2, WorkerState.HELD)], 20.0),
        (0, [worker(1, WorkerState.STARTING)], 8.0),
        (0, [worker(1, WorkerState.STARTING, age=6.0)], 2.0),
    ],
)
def test_it_starts_when_those_before_it_have_and_a_slot_is_free(waiting, workers, seconds):
    assert wait(waiting, workers) == pytest.approx(seconds, rel=0.01)


def test_every_slot_of_a_worker_counts():
    assert wait(7, [worker(1, active=4)], concurrency=4) == pytest.approx(4.0, rel=0.01)
    assert wait(0, [worker(1, active=3)], concurrency=4) == 0.0


@pytest.mark.parametrize(
    "changes",
    [
        {"unknown": ("queue emails: timed out",)},
        {"workers": ()},
        {"workers": (worker(1, WorkerState.HELD), worker(2, WorkerState.FAILED))},
        {"measures": replace(MEASURES, service=None)},
        {"retired": True},
    ],
)
def test_what_cannot_be_told_is_unknown_and_not_zero(changes):
    assert wait(**{"waiting": 5, "workers": (worker(1),), **changes}) is None


def test_a_free_slot_needs_no_measure():
    assert wait(0, [worker(1, active=0)], measures=Measures()) == 0.0


def test_a_wait_without_end_has_a_bound():
    assert wait(1e9, [worker(1)]) == LONGEST


@given(st.floats(0, 1e4), st.floats(0, 1e3), st.integers(1, 9), st.integers(0, 3), st.integers(0, 4))
def test_more_tasks_never_wait_shorter_and_more_workers_never_longer(tasks, more, up, coming, active):
    def among(waiting, count):
        fleet = [worker(each, active=active) for each in range(count)]
        fleet += [worker(100 + each, WorkerState.STARTING, age=each) for each in range(coming)]
        return wait(waiting, fleet, concurrency=4)

    slack = 1.01  # it is told to a thousandth
    assert among(tasks, up) <= among(tasks + more, up) * slack
    assert among(tasks, up + 1) <= among(tasks, up) * slack
