"""Measures of the largest and the smallest numbers that can be seen: finite and within bounds."""

from __future__ import annotations

import dataclasses
import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.measure import expected, learn, published, service, track_not_after, update, workers
from autoscaler.model import (
    ActiveTask,
    Demand,
    Estimate,
    Known,
    Measures,
    Minute,
    MinuteSoFar,
    Moment,
    Past,
    Track,
    Unknown,
    Worker,
    WorkerState,
    WorkerStats,
    count_at,
)

#: Denormals, equal values, thirds that no float has, and more than any fleet will ever count.
EDGES = (0.0, 5e-324, 1e-300, 1e-17, 1 / 3, 0.1, 1.0, 1.0 + 2**-52, 1e15, 2.0**53, 1e300)
numbers = st.sampled_from(EDGES) | st.floats(0.0, 1e300)
#: What one look may find: both queue counts and workers' counts are refused beyond this.
counts = st.sampled_from([0, 1, 3, 2**31, 2**53]) | st.integers(0, 2**53)


def is_real(value):
    return isinstance(value, int | float) and math.isfinite(value)


def assert_sound(measures):
    for estimate in (measures.service, measures.arrival, measures.start_seconds):
        if estimate is not None:
            assert_estimate(estimate)
    if measures.variation is not None:
        assert 0 <= measures.variation <= service.MOST_VARIATION
    assert_shares(measures.young)
    for points in (measures.published, measures.peaks, measures.uses):
        assert all(is_real(at) and is_real(value) for at, value in points)
    assert measures.interval is None or is_real(measures.interval)


def assert_estimate(estimate):
    assert is_real(estimate.value)
    assert is_real(estimate.low)
    assert 0 <= estimate.low <= estimate.value
    assert estimate.high is None or estimate.value <= estimate.high < math.inf


def assert_shares(young):
    shares = [0.0, *(share for _, share in young)]
    assert all(isinstance(share, float) for share in shares)
    assert all(0 <= before <= after <= 1 for before, after in pairwise(shares))


def looked(track, running=()):
    """One look two seconds after the last."""
    before = Moment(100.0, 0.0, 0)
    return service.look(
        dataclasses.replace(track, moments=(before,)), Moment(102.0, 0.0, 0), running
    ).measures


#: How many tasks were met at each age, without the oldest age; counts that have faded are no round numbers.
met = st.lists(numbers | st.floats(0.0, 100.0), min_size=len(service.AGES), max_size=len(service.AGES))


@given(met, st.sampled_from([0.0, 5e-324, 1e-17, 1.0]))
def test_a_share_of_the_running_time_is_a_real_number_between_0_and_1(by_age, oldest):
    assert_shares(looked(Track(by_age=(*by_age, oldest))).young)


@pytest.mark.parametrize("seed", range(8))
def test_an_hour_of_looks_at_short_tasks_gives_shares_at_every_look(seed):
    rng, track, at = random.Random(seed), Track(), 1000.0
    for tick in range(1800):
        at += 2.0 + rng.uniform(0, 0.05)
        begun = [at - rng.expovariate(1 / 0.8) for _ in range(rng.randint(0, 4))]
        tasks = [ActiveTask(str(n), "send", each) for n, each in enumerate(begun)]
        track = service.look(track, Moment(at, 2.0 * tick, len(tasks)), tasks)
        assert_shares(track.measures.young)


@given(numbers, numbers, numbers, numbers, st.none() | numbers)
def test_a_service_time_is_finite_however_little_or_much_was_seen(worked, ended, sum_of_ages, aged, interval):
    track = Track(
        measures=Measures(interval=interval), worked=worked, ended=ended, ages=sum_of_ages, aged=aged
    )
    assert_sound(looked(track))


@given(st.lists(numbers, min_size=1, max_size=workers.REMEMBERED))
def test_a_start_time_is_finite_and_within_its_spread(samples):
    assert_estimate(workers.start_seconds(samples, [], 0.0))


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=12), st.lists(numbers, max_size=6))
def test_a_count_between_two_points_lies_between_their_counts(points, times):
    history = tuple(zip(*(sorted(column) for column in zip(*points, strict=True)), strict=True))
    for at in [*times, *(at for at, _ in history)]:
        assert history[0][1] <= count_at(history, at) <= history[-1][1]


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=12), numbers)
def test_an_arrival_rate_is_never_negative_nor_complex(points, later):
    history = tuple(zip(*(sorted(column) for column in zip(*points, strict=True)), strict=True))
    found = published.rate(history, history[-1][0] + later)
    if found is not None:
        assert_estimate(found)


@st.composite
def looks(draw):
    """Ticks of a fleet of one or two workers, at any distance from each other."""
    at, made = 1.7e9, []
    for _ in range(draw(st.integers(1, 6))):
        at += draw(st.sampled_from([2.0**-22, 0.5, 2.0, 2.05, 59.0, 3600.0, 1e9]))
        fleet = tuple(draw(a_worker(number, at)) for number in range(1, draw(st.integers(1, 2)) + 1))
        running = sum(len(each.stats.value.active) for each in fleet if isinstance(each.stats, Known))
        made.append((at, Demand(float(draw(counts)), draw(counts), running), fleet))
    return made


@st.composite
def a_worker(draw, number, now):
    name = f"emails-{number:02}"
    if draw(st.integers(0, 4)) == 0:
        since = draw(st.sampled_from([now, now - 1e9, now + 5.0]))
        return Worker(name, "emails", name, WorkerState.STARTING, since, None, Unknown("starts", now))
    begun = draw(st.lists(st.none() | st.sampled_from([0.0, 5e-324, now, now + 100.0, 2.0**52]), max_size=3))
    tasks = tuple(ActiveTask(str(n), "send", at) for n, at in enumerate(begun))
    stats = WorkerStats(
        name, draw(st.integers(1, 3)), draw(st.integers(1, 2**31)), draw(counts), tasks, draw(counts)
    )
    return Worker(name, "emails", name, WorkerState.RUNNING, now, 1, Known(stats, now))


@given(looks())
def test_whatever_is_looked_at_gives_finite_measures(ticks):
    track, past = Track(), Past()
    for now, demand, fleet in ticks:
        before, track = track, update(track, now, demand, fleet)
        past, _ = learn(past, before, track)
        assert_sound(track.measures)
        assert all(is_real(each.slots) for each in expected(past))
    assert_sound(track_not_after(ticks[0][0], track).measures)


@given(looks(), numbers, numbers, numbers, numbers, st.lists(numbers, min_size=12, max_size=12), numbers)
def test_measuring_goes_on_from_whatever_was_remembered(ticks, worked, ended, old, aged, by_age, offset):
    track = Track(
        at=1.7e9,
        worked=worked,
        ended=ended,
        ages=old,
        aged=aged,
        by_age=tuple(by_age),
        offset=offset,
        moments=(Moment(1.7e9, worked, 3),),
        start_samples=(old, aged),
        minute=MinuteSoFar(1.7e9 // 60 * 60, 1.7e9, worked, old),
        closed=Minute(1.7e9, worked, 3),
        measures=Measures(service=Estimate(old, old, None), interval=2.0),
    )
    for now, demand, fleet in ticks:
        track = update(track, now, demand, fleet)
        assert_sound(track.measures)
