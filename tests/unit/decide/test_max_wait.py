"""How many workers a longest wait takes, seen through `decide`."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaler.decide import decide
from autoscaler.decide.erlang import Traffic, least_slots
from autoscaler.decide.max_wait import LATE, PLANNED, RESCUE, WINDOW
from autoscaler.model import (
    ActiveTask,
    Demand,
    Estimate,
    FleetState,
    HostBudget,
    Known,
    MaxWait,
    Measures,
    Scaling,
    Situation,
    Unknown,
    Worker,
    WorkerState,
    WorkerStats,
)
from autoscaler.text import number

NOW = 10_000.0


def known(value):
    return Estimate(value, value, value)


#: A second a task, 8 s a start, looked at every 2 s for long.
MEASURES = Measures(
    published=((NOW - 3000, 0.0), (NOW, 0.0)),
    service=known(1.0),
    variation=1.0,
    start_seconds=known(8.0),
    peaks=((NOW, 0.0),),
    uses=((NOW - 60, 0.0), (NOW, 0.0)),
    interval=2.0,
)
#: The same, while much more comes than what is looked at in the test.
BUSY = dataclasses.replace(MEASURES, published=((NOW - 3000, 0.0), (NOW - 8, 0.0), (NOW, 1000.0)))


def workers(running, starting=0, age=0.0, ran=None):
    """Of one slot each: so many that are up and busy, `ran` seconds ago already if that is known."""
    task = ActiveTask("1", "send", None if ran is None else NOW - ran)
    made = []
    for each in range(1, running + starting + 1):
        name = f"emails-{each:02}"
        up = each <= running
        stats = Known(WorkerStats(f"{name}@h", each, 1, 0, (task,)), NOW) if up else Unknown("starting", NOW)
        state = WorkerState.RUNNING if up else WorkerState.STARTING
        made.append(Worker(name, "emails", f"{name}@h", state, NOW - (0.0 if up else age), each, stats))
    return tuple(made)


def queue(*batches):
    """Measures after batches of (seconds ago, tasks) that came at once, oldest first."""
    points, count = [(NOW - 3000, 0.0)], 0.0
    for ago, tasks in batches:
        points += [(NOW - ago, count), (NOW - ago, count + tasks)]
        count += tasks
    return dataclasses.replace(MEASURES, published=(*points, (NOW, count)))


def situation(waiting, *, wait=30.0, measures=None, fleet=(), concurrency=1, unknown=(), **bounds):
    bounds = {"min_workers": 0, "max_workers": 1000, "stabilization": 0.0, **bounds}
    return Situation(
        now=NOW,
        fleet="emails",
        scaling=Scaling(concurrency=concurrency, policies=(MaxWait(wait),), **bounds),
        demand=Demand(waiting, 0, 0, unknown),
        workers=fleet,
        host=HostBudget(None, None),
        measures=measures or queue((0.0, waiting)),
    )


def decided(waiting, **more):
    asked = situation(waiting, **more)
    return decide(asked, FleetState(size=len(asked.workers)))[0]


def missing(tasks, within, have=0.0, start=8.0):
    """Slots for tasks of a second each that must start within a time, beside those that others start."""
    each = 1 + max(within - start, 0.0)
    return math.ceil((tasks + math.sqrt(tasks) / 2 - have) / each)


#: Seconds in which a task that has just come should start, and the fewest in which a new worker can do it.
FRESH = PLANNED * 30.0
SOONEST = 8.0 + RESCUE * 30.0


@pytest.mark.parametrize("waiting", [1, 15, 16, 100, 1000])
def test_an_empty_fleet_gets_what_starts_every_task_in_time(waiting):
    assert decided(waiting).desired == missing(waiting, FRESH)


@pytest.mark.parametrize("running", [1, 2, 9])
def test_running_workers_count_with_all_the_time_there_is(running):
    more = missing(400, FRESH, have=running * FRESH)
    assert decided(400, fleet=workers(running)).desired == running + more


def test_a_starting_worker_counts_from_when_it_will_be_up():
    more = missing(100, FRESH, have=1 + (FRESH - 4.0))
    assert decided(100, fleet=workers(0, 1, age=4.0)).desired == 1 + more


@pytest.mark.parametrize("ago", [5.0, 12.0, 300.0])
def test_older_tasks_leave_less_time_but_no_less_than_a_start(ago):
    within = max(FRESH - ago, SOONEST)
    expected = missing(40, within, have=within)
    assert decided(40, measures=queue((ago, 40)), fleet=workers(1)).desired == 1 + expected


def test_only_the_old_ones_among_the_tasks_are_in_a_hurry():
    few = decided(40, measures=queue((20, 5), (0, 35)), fleet=workers(1)).desired
    many = decided(40, measures=queue((20, 35), (0, 5)), fleet=workers(1)).desired
    assert few == decided(40, fleet=workers(1)).desired
    assert many > few


@pytest.mark.parametrize(
    ("most", "within"),
    [(100, FRESH), (50, FRESH), (40, FRESH * 0.625), (30, SOONEST), (20, SOONEST)],
)
def test_tasks_are_let_wait_for_less_where_they_need_nearly_all_workers(most, within):
    # 900 tasks of a second in 30 s need 30 workers; the last 100 of them wait.
    decision = decided(100, measures=queue((15.0, 800), (0.0, 100)), max_workers=most)
    assert decision.desired == min(most, missing(100, within))


def test_slots_are_counted_and_not_workers():
    assert decided(1000, concurrency=4).desired == math.ceil(missing(1000, FRESH) / 4)


def test_slots_that_long_tasks_hold_are_not_counted_on():
    # Tasks of half a second, and some of a minute: four fifths of the time that is spent on all.
    young = ((0.5, 0.2), (64.0, 1.0))
    measures = dataclasses.replace(queue((0.0, 40)), young=young)
    on_short = decided(40, fleet=workers(10, ran=0.1), measures=measures)
    assert on_short.desired == 10
    on_long = decided(40, fleet=workers(10, ran=20.0), measures=measures)
    assert on_long.desired > 10
    text = on_long.recommendations[0].text
    assert "10 slots, 10 of them taken for longer, start" in text


def test_it_says_its_numbers():
    text = decided(40, fleet=workers(1, 1, age=4.0)).recommendations[0].text
    have = number(FRESH + 1 + FRESH - 4.0)
    assert text == f"40 to start within {number(FRESH)} s, 1 slot and 1 starting start {have}: 2 workers"


def test_a_fleet_does_not_shrink_while_anything_waits():
    assert decided(1, fleet=workers(9)).desired == 9


def test_a_start_that_is_long_overdue_is_not_counted_on():
    assert decided(15, fleet=workers(0, 1, age=60.0)).desired == 2


@pytest.mark.parametrize(
    ("uses", "expected"),
    [
        ((0.0, 0.0, 0.0, 0.0), 0),
        ((3.0, 3.0, 3.0, 3.0), 3),
        ((2.0, 4.0, 2.0, 4.0), 4),  # 3, and half a deviation of 1
        ((9.0, 1.0, 1.0, 1.0), 5),  # 3, and half a deviation of 3.5
        ((3.0, 3.0, 3.0, 60.0), 9),
    ],
)
def test_a_fleet_shrinks_to_what_was_in_use_lately(uses, expected):
    looks = tuple((NOW - 6 + 2 * each, used) for each, used in enumerate(uses))
    measures = dataclasses.replace(BUSY, uses=((NOW - 8, 50.0), *looks))
    assert decided(0, fleet=workers(9), measures=measures).desired == expected


@pytest.mark.parametrize(("came", "expected"), [(0, 1), (8, 2), (24, 4), (80, 9)])
def test_work_that_had_piled_up_keeps_no_worker_once_it_is_done(came, expected):
    # 8 s were watched: so many slots for tasks of a second, and for a standard deviation more.
    measures = dataclasses.replace(queue((4.0, came)), uses=((NOW - 60, 9.0), (NOW, 9.0)))
    decision = decided(0, fleet=workers(9), measures=measures)
    assert decision.desired == expected == min(9, math.ceil((came + math.sqrt(came + 1)) / 8))


def test_slots_for_what_came_are_not_known_before_a_task_has_ended():
    measures = dataclasses.replace(MEASURES, service=None, uses=((NOW - 60, 9.0), (NOW, 9.0)))
    assert decided(0, fleet=workers(9), measures=measures).desired == 9


def test_what_is_older_than_a_start_is_forgotten():
    def after(first):
        measures = dataclasses.replace(BUSY, uses=((NOW - 20, 0.0), (NOW - first, 4.0), (NOW, 1.0)))
        return decided(0, fleet=workers(9), measures=measures).desired

    assert (after(8), after(2)) == (1, 4)


def test_where_hardly_a_task_is_expected_nothing_is_kept_for_it():
    uses = ((NOW - 10, 0.0), (NOW - 2, 1.0), (NOW, 0.0))

    def with_rate(rate):
        measures = dataclasses.replace(MEASURES, uses=uses, arrival=known(rate))
        return decided(0, fleet=workers(1), measures=measures).desired

    assert (with_rate(0.124), with_rate(0.126)) == (0, 1)


def test_of_a_few_long_tasks_among_short_ones_only_their_beginning_counts():
    mixed = dataclasses.replace(queue((0.0, 100)), young=((8.0, 0.3), (32.0, 0.4), (64.0, 1.0)))
    assert decided(100, measures=mixed).desired < missing(100, FRESH) / 2
    short = dataclasses.replace(queue((0.0, 100)), young=((8.0, 1.0),))
    assert decided(100, measures=short).desired == missing(100, FRESH)


def test_a_fleet_does_not_shrink_before_it_was_watched_for_long_enough():
    measures = dataclasses.replace(MEASURES, published=((NOW - 8 * WINDOW + 1, 0.0), (NOW, 0.0)))
    assert decided(0, fleet=workers(9), measures=measures).desired == 9
    assert decided(0, fleet=workers(9), measures=Measures()).desired == 9


def test_a_fleet_does_not_shrink_while_a_worker_is_starting():
    assert decided(0, fleet=workers(3, 1)).desired == 4


def test_before_anything_is_measured_a_start_and_a_task_are_taken_as_usual():
    assert decided(1000, measures=Measures()).desired == missing(1000, FRESH, start=5.0)
    assert decided(0, measures=Measures(), min_workers=2).desired == 2


@pytest.mark.parametrize("wait", [9.9, 5.0, 2.0, 0.1])
def test_a_wait_that_no_new_worker_can_keep_has_a_floor_for_the_load(wait):
    measures = dataclasses.replace(MEASURES, arrival=known(10.0))
    decision = decided(0, wait=wait, measures=measures)
    floor = least_slots(Traffic(10.0, 1.0), PLANNED * wait, LATE, 1000)
    assert decision.desired == floor > 10
    assert decision.recommendations[0].text == (
        f"10 tasks a second, a start takes 8 s: {floor} workers stand ready"
    )


@pytest.mark.parametrize(("wait", "rate"), [(10.0, 10.0), (30.0, 10.0), (2.0, 0.0)])
def test_where_a_new_worker_comes_in_time_or_nothing_comes_there_is_no_floor(wait, rate):
    assert decided(0, wait=wait, measures=dataclasses.replace(MEASURES, arrival=known(rate))).desired == 0


@settings(max_examples=100)
@given(
    st.integers(1, 500),
    st.integers(0, 500),
    st.floats(0, 100),
    st.integers(0, 20),
    st.sampled_from([5.0, 30.0]),
)
def test_more_that_came_just_now_never_means_fewer_workers(waiting, more, ago, running, wait):
    before = queue((ago, waiting))
    after = queue((ago, waiting), (0, more))
    fewer = decided(waiting, measures=before, fleet=workers(running), wait=wait).desired
    assert decided(waiting + more, measures=after, fleet=workers(running), wait=wait).desired >= fewer


@settings(max_examples=100)
@given(st.integers(1, 500), st.floats(0, 100), st.floats(0, 100), st.integers(0, 20))
def test_tasks_that_have_waited_longer_never_mean_fewer_workers(waiting, ago, longer, running):
    younger = decided(waiting, measures=queue((ago, waiting)), fleet=workers(running)).desired
    assert (
        decided(waiting, measures=queue((ago + longer, waiting)), fleet=workers(running)).desired >= younger
    )


def test_what_is_unknown_never_shrinks_a_fleet():
    assert decided(0, fleet=workers(9), unknown=("queue emails: timed out",)).desired == 9
