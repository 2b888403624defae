"""What is measured of a fleet from one tick to the next."""

from __future__ import annotations

import dataclasses
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaler.decide import Reader, fleet_demands
from autoscaler.measure import update
from autoscaler.measure.published import HORIZON, RESOLUTION, thinned
from autoscaler.model import (
    ActiveTask,
    Known,
    QueueStats,
    Track,
    Unknown,
    Worker,
    WorkerState,
    WorkerStats,
    count_at,
)

SILENT = Unknown("no reply in time", 0.0)


def worker(
    number=1, accepted=0, active=0, reserved=0, pid=None, state=WorkerState.RUNNING, since=0.0, age=0.0
):
    name = f"emails-{number:02}"
    tasks = tuple(ActiveTask(f"{number}-{each}", "send", since - age) for each in range(active))
    stats = WorkerStats(f"{name}@h", pid or number, 4, accepted, tasks, reserved)
    return Worker(name, "emails", f"{name}@h", state, since, pid or number, Known(stats, 0.0))


def silent(number=1, state=WorkerState.RUNNING, since=0.0):
    return dataclasses.replace(worker(number, state=state, since=since), stats=SILENT)


def look(track, now, ready=0, workers=(), queue_error=""):
    reading = Unknown(queue_error, now) if queue_error else Known(QueueStats("emails", ready), now)
    demand = fleet_demands(now, [Reader("emails", ("emails",), 40)], {"emails": reading}, workers)["emails"]
    return update(track, now, demand, workers)


def follow(*looks, track=None):
    """Look at (time, ready, workers) one after another."""
    track = track or Track()
    for now, ready, workers in looks:
        track = look(track, now, ready, workers)
    return track


def published(track):
    return track.measures.published[-1][1] - track.measures.published[0][1]


# --- the publish counter


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([(0, 0, [worker()]), (2, 5, [worker()])], 5),
        ([(0, 5, [worker()]), (2, 0, [worker(accepted=5, active=4)])], 0),
        ([(0, 5, [worker()]), (2, 3, [worker(accepted=2, reserved=4)])], 4),
        ([(0, 0, [worker(accepted=900)]), (2, 0, [worker(accepted=907)])], 7),
        # A worker that was restarted counts from 0.
        ([(0, 0, [worker(accepted=900)]), (2, 0, [worker(accepted=3, pid=77)])], 3),
        # A worker that is new.
        ([(0, 9, [worker()]), (2, 0, [worker(), worker(2, accepted=9)])], 0),
        # A worker that was removed, and one of its name that comes later.
        ([(0, 0, [worker(accepted=9)]), (2, 4, []), (4, 0, [worker(accepted=4, pid=8)])], 4),
        # What a draining worker still holds has been published.
        ([(0, 9, [worker()]), (2, 0, [worker(reserved=9, state=WorkerState.DRAINING)])], 0),
        # One that was there before the first look and answers only now says nothing about what came since.
        ([(0, 0, [silent()]), (2, 0, [worker(accepted=1000)]), (4, 0, [worker(accepted=1003)])], 3),
    ],
)
def test_tasks_are_counted_once_wherever_they_are(looks, expected):
    assert published(follow(*looks)) == expected


def test_a_task_between_two_looks_does_not_count_twice():
    before = follow((0, 0, [worker()]), (2, 10, [worker()]), (4, 4, [worker(accepted=6)]))
    # Two tasks have left the queue and their worker has not told yet; then it has.
    missed = look(before, 6, 2, [worker(accepted=6)])
    assert published(missed) == published(before) == 10
    assert published(look(missed, 8, 2, [worker(accepted=8)])) == 10


def test_what_is_purged_or_taken_by_others_is_not_waited_for():
    full = follow((0, 0, [worker()]), (2, 1000, [worker()]))
    purged = look(full, 4, 0, [worker()])
    assert published(purged) == 1000
    assert published(look(purged, 6, 7, [worker()])) == 1007


def test_tasks_that_a_killed_worker_never_told_of_are_forgotten_after_a_while():
    track = follow((0, 50, [worker()]), (2, 30, [worker(accepted=20)]))
    for now in range(4, 30, 2):
        track = look(track, now, 25, [worker(accepted=20)])
    assert published(look(track, 30, 28, [worker(accepted=20)])) == 3


def test_an_outage_leaves_the_count_and_what_came_in_it_comes_after_it():
    track = follow((0, 0, [worker()]), (2, 4, [worker()]))
    dark = look(track, 4, workers=[worker()], queue_error="timed out")
    assert dark.measures.published == track.measures.published
    assert published(look(dark, 60, 30, [worker()])) == 30


def test_a_silent_worker_does_not_stop_the_count():
    track = follow((0, 0, [worker(), worker(2)]))
    assert published(look(track, 2, 6, [worker(), silent(2)])) == 6


def test_one_time_is_measured_once():
    track = follow((0, 0, [worker()]), (2, 5, [worker()]))
    assert look(track, 2, 9, [worker()]) == track
    assert look(track, 1, 9, [worker()]) == track


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 99), st.integers(0, 99), st.integers(0, 9), st.integers(1, 3), st.booleans()
        ),
        max_size=30,
    )
)
def test_the_count_and_its_times_never_fall(looks):
    track, accepted = Track(), 0
    for step, (ready, more, reserved, pid, dark) in enumerate(looks):
        accepted += more
        fleet = [worker(accepted=accepted % 150, reserved=reserved, pid=pid)]
        track = look(track, 2.0 * step, ready, fleet, "timed out" if dark else "")
        points = track.measures.published
        assert list(points) == sorted(points)
        assert [count for _, count in points] == sorted(count for _, count in points)


def test_an_hour_of_history_is_small_and_true():
    rng, points, truth = random.Random(1), (), []
    level = 0
    for now in range(0, 2 * 3600, 2):
        level += rng.randrange(20)
        truth.append((float(now), float(level)))
        points = thinned((*points, truth[-1]), float(now))
    assert len(points) < 300
    assert points[-1] == truth[-1]
    assert points[0][0] <= now - HORIZON <= points[1][0]
    assert set(points) <= set(truth)
    gaps = [(after[0] - before[0], now - after[0]) for before, after in pairwise(points[1:])]
    assert all(gap <= max(2.0, RESOLUTION * age) for gap, age in gaps)


def test_the_count_between_two_points_is_as_if_tasks_came_evenly():
    history = ((0.0, 10.0), (10.0, 20.0), (20.0, 20.0))
    assert [count_at(history, at) for at in (-5, 0, 5, 10, 15, 99)] == [10, 10, 15, 20, 20, 20]


# --- rates


def run(arrival, service, slots, seconds, seed=1, interval=2.0, mix=()):
    """A queue with exponential times, looked at every interval; the track, and the tasks' mean seconds."""
    rng = random.Random(seed)
    now, track, ready, busy, accepted, ran = 0.0, Track(), [], [], 0, []
    coming = rng.expovariate(arrival)
    for tick in range(int(seconds / interval)):
        until = tick * interval
        while True:
            ends = min(busy)[0] if busy else float("inf")
            if min(coming, ends) > until:
                break
            now = min(coming, ends)
            if coming <= ends:
                ready.append(now)
                coming = now + rng.expovariate(arrival)
            else:
                busy.remove(min(busy))
            while ready and len(busy) < slots:
                ready.pop(0)
                ran.append(
                    rng.choices([a for a, _ in mix], [b for _, b in mix])[0]
                    if mix
                    else rng.expovariate(1 / service)
                )
                busy.append((now + ran[-1], now))
                accepted += 1
        tasks = tuple(ActiveTask(str(begun), "send", begun) for _, begun in busy)
        stats = WorkerStats("emails-01@h", 1, slots, accepted, tasks)
        fleet = [
            Worker("emails-01", "emails", "emails-01@h", WorkerState.RUNNING, 0.0, 1, Known(stats, until))
        ]
        track = look(track, until, len(ready), fleet)
    return track, sum(ran) / len(ran)


@pytest.mark.parametrize(
    ("arrival", "service", "slots", "seconds", "off"),
    [
        (10.0, 0.2, 8, 900, 0.16),
        (2.0, 2.0, 8, 900, 0.10),
        (0.5, 20.0, 16, 3600, 0.10),
        (9.0, 2.0, 16, 300, 0.10),
    ],
)
def test_the_mean_service_time_follows_from_looks_alone(arrival, service, slots, seconds, off):
    track, ran = run(arrival, service, slots, seconds)
    found = track.measures.service
    assert found.value == pytest.approx(ran, rel=off)
    assert found.low < found.value < found.high


def test_how_much_service_times_vary_follows_from_the_ages():
    exponential, _ = run(2.0, 2.0, 16, 2400)
    assert exponential.measures.variation == pytest.approx(1.0, abs=0.35)
    mixed, ran = run(5.0, 0, 64, 3600, mix=((0.2, 0.97), (60.0, 0.03)))
    assert mixed.measures.variation > 8
    assert mixed.measures.service.value == pytest.approx(ran, rel=0.35)


def test_before_a_task_has_ended_only_a_lower_bound_is_known():
    track = follow((0, 0, [worker()]), (2, 0, [worker(accepted=4, active=4, since=2.0, age=1.0)]))
    track = look(track, 20, 0, [worker(accepted=4, active=4, since=20.0, age=19.0)])
    service = track.measures.service
    assert service.high is None
    assert service.low <= 19.0 <= service.value


def test_service_times_are_not_learnt_while_anything_is_silent():
    track = follow((0, 0, [worker()]), (2, 0, [worker(accepted=9, active=4)]))
    assert look(track, 4, 0, [worker(accepted=30), silent(2)]).measures.service == track.measures.service


def test_the_arrival_rate_comes_with_its_error():
    track = follow(*((2.0 * tick, 10 * tick, [worker()]) for tick in range(40)))
    arrival = track.measures.arrival
    assert arrival.value == pytest.approx(5.0)
    assert arrival.low < 5.0 < arrival.high
    assert follow((0, 0, [worker()]), (2, 10, [worker()])).measures.arrival is None


def test_a_start_takes_from_its_order_to_its_first_answer():
    track = follow(
        (0, 0, [worker()]),
        (2, 9, [worker(), silent(2, WorkerState.STARTING, 2.0)]),
        (8, 9, [worker(), silent(2, WorkerState.STARTING, 2.0)]),
        (10, 9, [worker(), worker(2)]),
    )
    assert track.measures.start_seconds.value == pytest.approx(9.0)
    # Faster than two looks can tell: half an interval.
    track = follow((12, 9, [worker(), worker(2), worker(3)]), track=track)
    assert track.start_samples == (9.0, 1.0)


def test_a_first_start_that_goes_on_bounds_the_start_time():
    track = follow((0, 0, []), (2, 9, [silent(1, WorkerState.STARTING, 2.0)]))
    track = look(track, 12, 9, [silent(1, WorkerState.STARTING, 2.0)])
    start = track.measures.start_seconds
    assert (start.value, start.low, start.high) == (12.0, 12.0, None)


def test_workers_from_before_the_first_look_are_not_taken_for_new_ones():
    track = follow((0, 0, [worker(), silent(2)]), (2, 0, [worker(), worker(2)]))
    assert track.measures.start_seconds is None


def test_the_most_slots_in_use_are_remembered():
    busy = [(0, 0, 1), (2, 0, 4), (4, 0, 2), (6, 0, 3), (8, 0, 0)]
    track = follow(*((at, ready, [worker(active=active)]) for at, ready, active in busy))
    assert track.measures.peaks == ((4, 4.0), (8, 3.0), (8, 0.0))


# --- how much of the running time is that of young tasks ---


def shares(*aged_tasks):
    """What is known after looks at one running task of each of these ages."""
    track = Track()
    for number, age in enumerate(aged_tasks):
        at = 10.0 + 2.0 * number
        track = look(track, at, 0, [worker(active=1, accepted=number, since=at, age=age)])
    return dict(track.measures.young)


def test_nothing_is_known_of_young_tasks_before_one_was_met():
    assert shares() == {}
    assert shares(1.0) == {}, "the first look has none before it"


def test_tasks_that_were_met_young_count_below_their_age():
    known = shares(0.1, *[0.1] * 60, *[50.0] * 40)
    assert known[0.5] == pytest.approx(61 / 101 + (61 * 40) ** 0.5 / 101 / 101**0.5, rel=0.05)
    assert known[64.0] == 1.0
    assert list(known.values()) == sorted(known.values())


@given(st.lists(st.sampled_from([0.3, 0.7, 3.0, 12.0, 50.0, 400.0, 900.0]), min_size=2, max_size=40))
def test_ever_less_of_the_running_time_is_met_at_a_higher_age(ages):
    points = [(0.0, 0.0), *shares(*ages).items()]
    rises = [(high - low) / (after - before) for (before, low), (after, high) in pairwise(points)]
    assert rises == sorted(rises, reverse=True)
    assert points[-1][0] == 512.0
    assert points[-1][1] <= 1.0


def test_a_share_is_never_zero():
    assert min(shares(500.0, *[500.0] * 50).values()) > 0


# --- what was in use ---


def test_what_was_in_use_is_kept_for_a_while():
    track = follow(*((at, 0, [worker(active=2)]) for at in range(2, 202, 2)))
    uses = track.measures.uses
    assert (uses[-1], uses[0][0]) == ((200, 2.0), 138), "a minute, and one look before it"


def test_what_was_in_use_before_a_time_without_looks_is_taken_to_have_been_until_its_end():
    track = follow((2, 0, [worker(active=3)]), (4, 0, [worker(active=3)]), (34, 0, [worker()]))
    (_, _, (until, used), last) = track.measures.uses
    assert used == 3.0
    assert until > 20
    assert last == (34, 0.0)
