"""Erlang's C against figures from elsewhere."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.decide.erlang import Traffic, late_share, least_slots


def waits(load: float, slots: int) -> float:
    """Erlang's C, written out as in the textbooks."""
    busy = load**slots / math.factorial(slots) * slots / (slots - load)
    return busy / (sum(load**each / math.factorial(each) for each in range(slots)) + busy)


@pytest.mark.parametrize(
    ("load", "slots"), [(0.5, 1), (2.0, 3), (5.0, 6), (10.0, 14), (40.0, 45), (100.0, 101)]
)
def test_the_share_that_waits_at_all_is_the_textbooks(load, slots):
    assert late_share(Traffic(load, 1.0), slots, 0.0) == pytest.approx(waits(load, slots))


def test_one_slot_is_the_well_known_case():
    # M/M/1: P(wait > t) = rho exp(-(mu - lambda) t)
    assert late_share(Traffic(0.8, 1.0), 1, 5.0) == pytest.approx(0.8 * math.exp(-0.2 * 5.0))


def test_slots_that_do_not_carry_the_load_let_all_wait():
    assert late_share(Traffic(4.0, 1.0), 4, 1e9) == 1.0
    assert late_share(Traffic(4.0, 1.0), 0, 0.0) == 1.0
    assert late_share(Traffic(0.0, 1.0), 0, 0.0) == 0.0


@given(
    st.floats(0, 60),
    st.floats(0.01, 60),
    st.floats(0, 20),
    st.floats(0, 100),
    st.sampled_from([0.01, 0.1, 0.5]),
)
def test_the_least_slots_are_enough_and_one_less_is_not(arrival, service, variation, wait, share):
    traffic = Traffic(arrival, service, variation)
    slots = least_slots(traffic, wait, share, 10_000)
    assert late_share(traffic, slots, wait) <= share
    assert slots == 0 or late_share(traffic, slots - 1, wait) > share


def test_no_more_slots_than_there_may_be():
    assert least_slots(Traffic(100.0, 1.0), 1.0, 0.02, 16) == 16
