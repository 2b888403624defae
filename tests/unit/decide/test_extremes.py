"""Decisions on the largest and the smallest numbers that may be measured: whole, finite, within bounds."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.decide import decide, expected_wait
from autoscaler.decide.capacity import Service
from autoscaler.decide.erlang import Traffic, least_slots
from autoscaler.decide.expected_wait import LONGEST
from autoscaler.decide.explain import explain
from autoscaler.decide.max_wait import spread_since
from autoscaler.model import (
    ActiveTask,
    BacklogPerWorker,
    Demand,
    Estimate,
    FleetState,
    HostBudget,
    Known,
    MaxWait,
    Measures,
    Scaling,
    Situation,
    Threshold,
    Unknown,
    Worker,
    WorkerState,
    WorkerStats,
)
from autoscaler.model.numbers import MOST

NOW = 1.7e9
#: Denormals, thirds that no float has, an ulp above 1, and more than any fleet will ever count.
EDGES = (0.0, 5e-324, 1e-300, 1e-9, 1 / 3, 1.0, 1.0 + 2**-52, 1e9, 1e15, 2.0**53, 1e300)
numbers = st.sampled_from(EDGES) | st.floats(0.0, 1e300)
more_than_zero = numbers.filter(bool)


@st.composite
def estimates(draw):
    low, value, high = sorted(draw(st.tuples(numbers, numbers, numbers)))
    return Estimate(value, low, draw(st.sampled_from([high, None])))


def points(values):
    """As (time, value): times end now and never fall; values are made by the strategy."""
    ages = st.sampled_from([0.0, 2.0**-22, 1.0, 8.0, 60.0, 3600.0, 1e9])
    return st.lists(st.tuples(ages, values), min_size=1, max_size=6).map(
        lambda found: tuple(sorted((NOW - age, value) for age, value in found))
    )


@st.composite
def counts(draw):
    found = draw(points(numbers))
    return tuple(zip((at for at, _ in found), sorted(count for _, count in found), strict=True))


@st.composite
def young(draw):
    shares = sorted(draw(st.lists(st.floats(0.0, 1.0) | st.sampled_from([0.0, 5e-324, 1.0]), max_size=6)))
    return tuple((2.0**number, share) for number, share in enumerate(shares))


measures = st.builds(
    Measures,
    published=counts() | st.just(()),
    service=st.none() | estimates(),
    variation=st.none() | st.floats(0.0, 100.0),
    young=young(),
    arrival=st.none() | estimates(),
    start_seconds=st.none() | estimates(),
    peaks=points(numbers) | st.just(()),
    uses=points(numbers) | st.just(()),
    interval=st.none() | numbers,
)


@st.composite
def fleets(draw):
    made = []
    for number in range(1, draw(st.integers(0, 3)) + 1):
        name = f"emails-{number:02}"
        since = NOW - draw(numbers)
        if draw(st.booleans()):
            silent = Unknown("starts", NOW)
            made.append(Worker(name, "emails", name, WorkerState.STARTING, since, None, silent))
            continue
        begun = draw(st.lists(st.none() | numbers | numbers.map(lambda age: NOW - age), max_size=3))
        tasks = tuple(ActiveTask(str(n), "send", at) for n, at in enumerate(begun))
        stats = Known(WorkerStats(name, 1, 2, 0, tasks, draw(st.integers(0, 2**53))), NOW)
        made.append(Worker(name, "emails", name, WorkerState.RUNNING, since, 1, stats))
    return tuple(made)


policies = st.one_of(
    more_than_zero.map(MaxWait),
    more_than_zero.map(BacklogPerWorker),
    st.just(Threshold(up=5, down=1, step=999, up_after=0.0, down_after=0.0)),
)
situations = st.builds(
    Situation,
    now=st.just(NOW),
    fleet=st.just("emails"),
    scaling=st.builds(
        Scaling,
        min_workers=st.just(0),
        max_workers=st.sampled_from([0, 1, 9, 999]),
        concurrency=st.sampled_from([1, 3]),
        policies=st.lists(policies, min_size=1, max_size=3).map(tuple),
    ),
    demand=st.builds(Demand, numbers, st.sampled_from([0, 1, 2**53]), st.sampled_from([0, 1, 2**53])),
    workers=fleets(),
    host=st.just(HostBudget(None, None)),
    measures=measures,
)


@given(situations)
def test_a_decision_is_a_whole_number_within_its_bounds(situation):
    decision, state = decide(situation, FleetState())
    scaling = situation.scaling
    assert scaling.min_workers <= decision.desired <= scaling.max_workers
    assert all(isinstance(each.workers, int) for each in decision.recommendations)
    assert -MOST <= decision.recommended <= 2 * MOST, "more does not fit into the database"
    assert not any(word in {"nan", "inf"} for reason in decision.reasons for word in reason.text.split())
    again, _ = decide(dataclasses.replace(situation, now=NOW + 2.0), state)
    assert scaling.min_workers <= again.desired <= scaling.max_workers


@given(situations)
def test_an_expected_wait_is_finite(situation):
    wait = expected_wait(situation, FleetState())
    assert wait is None or 0 <= wait <= LONGEST


@given(situations.filter(lambda each: each.scaling.max_workers < 99))
def test_whatever_is_decided_can_be_explained(situation):
    explained = explain(situation, FleetState())
    assert explained.next_worker.text


@given(more_than_zero.filter(lambda mean: 1e-9 <= mean <= MOST), young(), numbers, numbers)
def test_what_a_slot_starts_is_finite_and_never_negative(mean, known, age, within):
    ages = (0.0, *(at for at, _ in known), 1e3)
    tasks = Service(mean, ages, (0.0, *(share for _, share in known), 1.0))
    for found in (tasks.started(within), tasks.started_after(age, within), tasks.held(within)):
        assert 0 <= found < math.inf
    assert 0 <= tasks.share_before(age) <= 1
    assert tasks.outlasts(age, within) in (True, False)


@given(numbers, more_than_zero, numbers, numbers, st.floats(0.0, 1.0))
def test_the_slots_for_any_traffic_are_as_many_as_there_may_be_at_most(
    arrival, service, variation, wait, share
):
    assert 0 <= least_slots(Traffic(arrival, service, variation), wait, share, 500) <= 500


@given(points(numbers), numbers)
def test_a_mean_lies_within_its_values_and_a_deviation_is_real(values, age):
    mean, deviation = spread_since(values, NOW - age)
    assert 0 <= mean <= max(value for _, value in values) * (1 + 1e-12)
    assert 0 <= deviation < math.inf


@pytest.mark.parametrize("target", [5e-324, 1e-300])
def test_a_target_near_nothing_wants_as_many_workers_as_there_may_be(target):
    scaling = Scaling(0, 7, 1, policies=(BacklogPerWorker(target),))
    situation = Situation(NOW, "emails", scaling, Demand(3.0, 0, 0), (), HostBudget(None, None))
    decision, _ = decide(situation, FleetState())
    assert decision.desired == 7
