"""What slots will start within a time, by the ages of the tasks that they run."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.decide.capacity import Capacity, Service, capacity, service
from autoscaler.decide.case import case_of
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

NOW = 1000.0
AGES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)


def known(mean, share_before):
    """Measures of tasks of which such a share of all running time is before an age."""
    young = tuple((age, share_before(age)) for age in AGES)
    return Measures(service=Estimate(mean, mean, mean), young=young)


#: Random tasks (exponential) of 4 s.
RANDOM = service(known(4.0, lambda age: 1 - math.exp(-age / 4.0)))
#: 97 of 100 tasks take half a second, three a minute.
MEAN = 0.97 * 0.5 + 0.03 * 64.0
MIXED = service(known(MEAN, lambda age: (0.97 * min(age, 0.5) + 0.03 * min(age, 64.0)) / MEAN))


def run(draw, age, within):
    """Tasks that a slot starts whose task has run for so long, in one run of chance."""
    while (length := draw()) <= age:
        pass
    starts, at = 0, length - age
    while at <= within:
        starts, at = starts + 1, at + draw()
    return starts


@pytest.mark.parametrize("age", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("within", [8.0, 16.0, 64.0])
def test_random_tasks_have_no_memory(age, within):
    assert RANDOM.started_after(age, within) == pytest.approx(within / 4.0, rel=0.25, abs=0.6)


@pytest.mark.parametrize(
    ("age", "within"), [(0.1, 10.0), (0.1, 27.0), (3.0, 10.0), (20.0, 27.0), (50.0, 27.0)]
)
def test_a_long_task_is_told_by_its_age(age, within):
    rng = random.Random(1)
    runs = [run(lambda: 0.5 if rng.random() < 0.97 else 64.0, age, within) for _ in range(4000)]
    assert MIXED.started_after(age, within) == pytest.approx(sum(runs) / len(runs), rel=0.35, abs=0.5)


@given(
    st.lists(st.floats(0.01, 1.0), min_size=3, max_size=9),
    st.floats(0.0, 500.0),
    st.lists(st.floats(0.0, 500.0), min_size=2, max_size=9),
)
def test_a_busy_slot_never_starts_more_than_an_idle_one(weights, age, times):
    lengths = [after - before for before, after in pairwise((0.0, *AGES))]
    falling = [weight * length for weight, length in zip(sorted(weights)[::-1], lengths, strict=False)]
    total, ages = sum(falling), (0.0, *AGES[: len(falling)])
    shares = tuple(sum(falling[:n]) / total for n in range(len(falling) + 1))
    tasks = Service(3.0, ages, shares)
    for within in times:
        assert 0 <= tasks.started_after(age, within) <= tasks.started(within) + 1e-9


def test_a_task_older_than_all_that_were_seen_is_taken_to_run_for_as_long_again():
    short = service(known(0.5, lambda age: 1.0))
    assert short.started_after(100.0, 1.0) < 1
    assert short.outlasts(100.0, 50.0)
    assert not short.outlasts(100.0, 150.0)


def test_where_nothing_is_known_of_ages_the_mean_is_believed():
    tasks = service(Measures(service=Estimate(2.0, 2.0, 2.0)))
    assert tasks.held(1.0) == 2.0
    assert tasks.started(10.0) == 6.0
    assert tasks.started_after(0.0, 2000.0) == pytest.approx(1000.0, rel=0.05)


def worker(number, *started_at, state=WorkerState.RUNNING, said=True):
    tasks = tuple(ActiveTask(str(at), "send", at) for at in started_at)
    stats = Known(WorkerStats("node", number, 2, 0, tasks), NOW) if said else Unknown("silent", NOW)
    return Worker(f"emails-{number:02}", "emails", "node", state, NOW - 3.0, number, stats)


def capacity_of(*workers):
    situation = Situation(
        now=NOW,
        fleet="emails",
        scaling=Scaling(0, 9, 2),
        demand=Demand(5, 0, 0, ()),
        workers=workers,
        host=HostBudget(None, None),
        measures=known(4.0, lambda age: 1 - math.exp(-age / 4.0)),
    )
    return capacity(case_of(situation, FleetState()))


def test_slots_are_idle_running_unseen_or_coming():
    have = capacity_of(
        worker(1, NOW - 5.0),
        worker(2, NOW - 5.1, None),
        worker(3, said=False),
        worker(4, state=WorkerState.STARTING, said=False),
        worker(5, NOW - 1.0, state=WorkerState.DRAINING),
    )
    assert (have.idle, have.unseen, have.slots) == (1, 3, 6)
    assert have.running == ((pytest.approx(5.0, rel=0.05), 2),), "ages that are close are one"
    assert have.coming == ((2.0, 2),)


def test_a_slot_that_is_idle_starts_a_task_at_once():
    tasks = Service(4.0)
    assert Capacity(8.0, tasks, idle=3).started_by(0.0) == 3.0
    assert Capacity(8.0, tasks, unseen=3).started_by(0.0) == 0.0
    assert Capacity(8.0, tasks, unseen=3).started_by(8.0) == 6.0
    assert Capacity(8.0, tasks, coming=((2.0, 3),)).started_by(1.0) == 0.0
    assert Capacity(8.0, tasks, coming=((2.0, 3),)).started_by(6.0) == 6.0
