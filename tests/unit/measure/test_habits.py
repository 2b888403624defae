"""What the same minute of earlier days and hours lets expect."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.measure import expected, learn, restored
from autoscaler.measure.habits import AHEAD, DAY, HOUR, REMEMBERED, expectation, learnt, with_expected
from autoscaler.measure.minutes import watch
from autoscaler.model import Expectation, Measures, Minute, Past, Track

NINE = 9 * 60


def minutes(slots_at, count, begin=0):
    return [Minute(60.0 * number, 1.0, slots_at(number)) for number in range(begin, begin + count)]


def lived(all_minutes, past=None):
    """The past after minutes that were watched one after another."""
    past = past or Past()
    for minute in all_minutes:
        past = learnt(past, with_expected(past, minute))
    return past


def rising_at_nine(number):
    return 8 if number % 1440 == NINE else 2


def test_a_rise_at_the_same_minute_of_three_days_is_expected_on_the_fourth():
    past = restored(minutes(rising_at_nine, 3 * 1440 + NINE - 10))
    assert [(each.at, each.slots, each.times, each.of, each.every) for each in past.ahead] == [
        (60.0 * (3 * 1440 + NINE), 8, 3, 3, "day")
    ]


def test_two_days_are_too_few():
    assert restored(minutes(rising_at_nine, 2 * 1440 + NINE - 10)).ahead == ()


def test_a_rise_at_the_same_minute_of_the_hour_is_expected_an_hour_ahead():
    past = lived(minutes(lambda number: 9 if number % 60 == 10 else 1, 4 * 60 + 11))
    found = [(each.at / 60, each.slots, each.every) for each in past.ahead]
    assert found == [(5 * 60 + 10, 9, "hour")]


@pytest.mark.parametrize(
    ("levels", "slots", "times"),
    [
        ((8, 8, 2, 8, 8), 8, 4),
        ((8, 2, 2, 8, 2), None, None),
        ((8, 9, 10, 11, 12), 10, 5),
        ((3, 3, 3, 3, 3), 3, 5),
    ],
)
def test_it_is_what_most_days_had(levels, slots, times):
    def at(number):
        day, minute = divmod(number, 1440)
        return levels[day] if minute == NINE else 2

    found = expectation(restored(minutes(at, 5 * 1440)), 5 * 1440 + NINE, DAY)
    assert (found and (found.slots, found.times)) == (slots and (slots, times))


def test_what_goes_on_as_before_is_no_rise():
    past = restored(minutes(lambda number: 8 if number % 1440 >= NINE else 2, 4 * 1440))
    assert expectation(past, 4 * 1440 + NINE, DAY) is not None
    assert expectation(past, 4 * 1440 + NINE + 1, DAY) is None
    assert expectation(past, 4 * 1440, DAY) is None, "and a fall is none either"


def test_it_is_trusted_while_it_comes_true_more_often_than_not():
    past = lived(minutes(rising_at_nine, 4 * 1440 + NINE + 1))
    assert past.by_day == (True, True)
    past = lived(minutes(lambda _: 2, 2 * 1440 + 1439 - NINE, 4 * 1440 + NINE + 1), past)
    assert past.by_day == (True, True, False, False)
    past = lived(minutes(lambda _: 2, NINE - 10, 7 * 1440), past)
    assert [each.trusted for each in expected(past)] == [False]


def test_nothing_is_trusted_before_it_was_tried():
    past = restored(minutes(rising_at_nine, 3 * 1440 + NINE - 10))
    assert [(each.trusted, each.judged) for each in expected(past)] == [(False, 0)]


def test_what_was_kept_gives_the_same_past_as_what_was_lived():
    past, kept = Past(), []
    for minute in minutes(rising_at_nine, 4 * 1440 + NINE - 10):
        kept.append(with_expected(past, minute))
        past = learnt(past, kept[-1])
    again = restored(kept)
    assert (again.slots, again.by_day, again.ahead) == (past.slots, past.by_day, past.ahead)


def test_a_gap_is_unknown_and_not_zero():
    past = lived([Minute(0.0, 1.0, 3), Minute(240.0, 1.0, 4)])
    assert (past.begin, past.slots) == (0, (3, None, None, None, 4))


def test_where_the_clock_was_set_back_the_future_is_forgotten():
    past = lived([*minutes(lambda _: 3, 10), Minute(60.0, 1.0, 5)])
    assert past.slots == (3, 5)
    assert lived([Minute(-600.0, 1.0, 7)], past).slots == (7,)


@given(st.lists(st.tuples(st.integers(0, 3 * REMEMBERED), st.integers(0, 50)), min_size=1, max_size=30))
def test_the_past_is_bounded_and_ends_with_the_latest_minute(looks):
    past = lived(Minute(60.0 * number, 1.0, slots) for number, slots in looks)
    assert len(past.slots) <= REMEMBERED
    assert (past.end - 1, past.slots[-1]) == looks[-1]
    assert past.made == past.end + AHEAD


def test_a_minute_counts_what_came_and_the_most_slots_in_use():
    track = Track()
    for now, published, used in (
        (120.0, 5.0, 1.0),
        (150.0, 9.0, 3.5),
        (179.0, 12.0, 2.0),
        (181.0, 13.0, 2.0),
    ):
        track = dataclasses.replace(track, measures=Measures(published=((now, published),)))
        track = watch(track, now, used)
    assert track.closed == Minute(120.0, 8.0, 4)


def test_a_minute_that_was_not_watched_from_its_beginning_is_left_out():
    track = watch(watch(Track(), 145.0, 1.0), 181.0, 1.0)
    assert track.closed is None
    assert watch(track, 400.0, 1.0).closed is None, "nor one with nothing seen after it"


def test_a_tick_that_ends_no_minute_changes_nothing():
    past, track = Past(), Track(closed=Minute(60.0, 1.0, 2))
    assert learn(past, track, dataclasses.replace(track, at=130.0)) == (past, None)
    after, minute = learn(past, Track(), track)
    assert minute == track.closed
    assert after.slots == (2,)


def test_days_and_hours_are_judged_each_for_itself():
    past = Past(begin=0, slots=(1,), by_day=(True,), by_hour=(False, False))
    ahead = (Expectation(120.0, 5, 3, 3, DAY.name), Expectation(120.0, 5, 3, 3, HOUR.name))
    day, hour = expected(dataclasses.replace(past, ahead=ahead))
    assert (day.trusted, hour.trusted) == (True, False)
