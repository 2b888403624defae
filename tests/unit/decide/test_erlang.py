"""Erlang's C against figures from elsewhere."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.decide.erlang import Traffic, least_slots

#: By how much two ways of reckoning may differ.
ROUNDING = 1e-9
MOST = 10_000


def waits(load: float, slots: int) -> float:
    """Erlang's C, written out as in the textbooks."""
    busy = load**slots / math.factorial(slots) * slots / (slots - load)
    return busy / (sum(load**each / math.factorial(each) for each in range(slots)) + busy)


def late(traffic: Traffic, slots: int, wait: float) -> float:
    """The share of tasks that wait longer than so many seconds; 1 where the slots do not carry the load.

    Erlang's C by the sum of its B formula's inverse, for more slots than factorials allow.
    """
    load = traffic.load
    if slots <= load:
        return 1.0
    inverse = 1.0
    for each in range(1, slots + 1):
        inverse = 1 + inverse * each / load
    delayed = 1 / (1 + (inverse - 1) * (1 - load / slots))
    slower = (1 + traffic.variation) / 2
    return delayed * math.exp(-(slots - load) * wait / traffic.service / slower)


@pytest.mark.parametrize(
    ("load", "slots"), [(0.5, 1), (2.0, 3), (5.0, 6), (10.0, 14), (40.0, 45), (100.0, 101)]
)
def test_the_share_that_waits_at_all_is_the_textbooks(load: float, slots: int) -> None:
    share = waits(load, slots)
    assert least_slots(Traffic(load, 1.0), 0.0, share * (1 + ROUNDING), MOST) == slots
    assert least_slots(Traffic(load, 1.0), 0.0, share * (1 - ROUNDING), MOST) == slots + 1


def test_one_slot_is_the_well_known_case() -> None:
    # M/M/1: P(wait > t) = rho exp(-(mu - lambda) t)
    share = 0.8 * math.exp(-0.2 * 5.0)
    assert least_slots(Traffic(0.8, 1.0), 5.0, share * (1 + ROUNDING), MOST) == 1
    assert least_slots(Traffic(0.8, 1.0), 5.0, share * (1 - ROUNDING), MOST) == 2


def test_slots_that_do_not_carry_the_load_let_all_wait() -> None:
    assert least_slots(Traffic(4.0, 1.0), 1e9, 0.999, MOST) == 5


def test_no_load_needs_no_slot() -> None:
    assert least_slots(Traffic(0.0, 1.0), 0.0, 0.01, MOST) == 0


@given(
    st.floats(0, 60),
    st.floats(0.01, 60),
    st.floats(0, 20),
    st.floats(0, 100),
    st.sampled_from([0.01, 0.1, 0.5]),
)
def test_the_least_slots_are_enough_and_one_less_is_not(
    arrival: float, service: float, variation: float, wait: float, share: float
) -> None:
    traffic = Traffic(arrival, service, variation)
    slots = least_slots(traffic, wait, share, MOST)
    if slots == 0:
        assert traffic.load == 0
        return
    assert late(traffic, slots, wait) <= share * (1 + ROUNDING)
    assert slots == 1 or late(traffic, slots - 1, wait) > share * (1 - ROUNDING)


def test_no_more_slots_than_there_may_be() -> None:
    assert least_slots(Traffic(100.0, 1.0), 1.0, 0.02, 16) == 16
