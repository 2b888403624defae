"""Workers start ahead of what the past lets expect, and for nothing else."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.decide import decide
from autoscaler.decide.explain import explain
from autoscaler.model import (
    BacklogPerWorker,
    Demand,
    Estimate,
    Expectation,
    FleetState,
    HostBudget,
    Known,
    MaxWait,
    Measures,
    Rate,
    Scaling,
    Situation,
    Worker,
    WorkerState,
    WorkerStats,
)

#: 09:00 UTC; a start takes 8 s, a tick 2 s.
NINE = 9 * 3600.0
SHORT = MaxWait(5.0)
RISE = Expectation(NINE, 20, 4, 5, "day", right=8, judged=10)


def situation(now, policy=SHORT, expected=(RISE,), peaks=(), **scaling):
    settings = {"min_workers": 1, "max_workers": 30, "concurrency": 2, "stabilization": 0.0, **scaling}
    stats = Known(WorkerStats("w-01@h", 1, 2, 0), now)
    worker = Worker("w-01", "w", "w-01@h", WorkerState.RUNNING, 0.0, 1, stats)
    return Situation(
        now=now,
        fleet="w",
        scaling=Scaling(policies=(policy,), **settings),
        demand=Demand(0, 0, 0),
        workers=(worker,),
        host=HostBudget(None, None),
        measures=Measures(
            published=((now - 600, 0.0), (now, 0.0)),
            start_seconds=Estimate(8.0, 8.0, 8.0),
            interval=2.0,
            expected=expected,
            peaks=peaks or ((now, 0.0),),
        ),
    )


def wanted(*args, **kwargs):
    return decide(situation(*args, **kwargs), FleetState())[0].desired


@pytest.mark.parametrize(
    ("now", "workers"),
    [(NINE - 11, 1), (NINE - 10, 10), (NINE, 10), (NINE + 59, 10), (NINE + 60, 1)],
)
def test_they_are_wanted_a_start_and_a_tick_ahead_and_not_after_their_minute(now, workers):
    assert wanted(now) == workers


def test_once_the_rise_has_come_the_other_policies_decide():
    assert wanted(NINE + 5, peaks=((NINE + 5, 14.0),)) < 10
    assert wanted(NINE + 5, peaks=((NINE + 5, 13.0),)) == 10
    assert wanted(NINE + 5, peaks=((NINE - 1, 20.0), (NINE + 5, 0.0))) == 10, "not one from before"


def test_what_was_wrong_more_often_than_not_starts_nothing():
    assert wanted(NINE - 5, expected=(dataclasses.replace(RISE, right=5),)) == 1
    assert wanted(NINE - 5, expected=(dataclasses.replace(RISE, right=0, judged=0),)) == 1


def test_one_key_switches_it_off():
    assert wanted(NINE - 5, learn=False) == 1


def test_where_a_start_is_soon_enough_nothing_starts_ahead():
    assert wanted(NINE - 5, policy=MaxWait(20.0)) == 1
    assert wanted(NINE - 5, policy=MaxWait(19.9)) == 10
    assert wanted(NINE - 5, policy=BacklogPerWorker(5)) == 10, "nobody said that its tasks may wait"


def test_where_starts_are_paced_they_begin_earlier():
    paced = {"max_scale_up": Rate(3, 15.0), "policy": MaxWait(60.0)}
    assert wanted(NINE - 41, **paced) == 1
    assert wanted(NINE - 40, **paced) == 4, "9 more, 3 every 15 s: the last of them 30 s after the first"


def test_max_workers_bounds_it():
    assert wanted(NINE - 5, max_workers=6) == 6


@given(st.floats(NINE - 100, NINE + 100), st.integers(0, 400), st.integers(1, 40))
def test_it_never_shrinks_a_fleet(now, slots, size):
    rise = dataclasses.replace(RISE, slots=slots)
    memory = FleetState(size=size)
    with_it, _ = decide(situation(now, expected=(rise,)), memory)
    without, _ = decide(situation(now, expected=()), memory)
    assert with_it.desired >= without.desired


@pytest.mark.parametrize(
    ("changes", "standing"),
    [
        ({}, "starts them 10 s ahead: right 8 of 10 times"),
        ({"learn": False}, "not acted on: learn is false"),
        (
            {"policy": MaxWait(30.0)},
            "not acted on: they are there 10 s after they are needed, which is soon enough",
        ),
        (
            {"expected": (dataclasses.replace(RISE, right=3),)},
            "not acted on: right 3 of 10 times",
        ),
        (
            {"expected": (dataclasses.replace(RISE, right=0, judged=0),)},
            "not acted on: not tried yet",
        ),
    ],
)
def test_explain_tells_what_is_expected_and_whether_it_is_acted_on(changes, standing):
    seen = explain(situation(NINE - 600, **changes), FleetState()).seen
    assert seen[-1] == f"Expects 10 workers at 09:00 UTC, it was so on 4 of 5 days; {standing}."
