"""A deadline that is handed down: no part ends later than the whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.net.deadline import Deadline


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_is_left_shrinks_to_nothing_and_no_further():
    clock = Clock()
    deadline = Deadline.within(2.0, clock)
    assert (deadline.seconds, deadline.left(), deadline.expired) == (2.0, 2.0, False)
    clock.now += 1.5
    assert deadline.left() == 0.5
    clock.now += 1.5
    assert (deadline.left(), deadline.expired) == (0.0, True)


def test_a_part_says_how_long_it_had_itself():
    clock = Clock()
    whole = Deadline.within(6.0, clock)
    assert "6 s" in whole.overrun()
    clock.now += 5.7
    assert "0.3 s" in whole.rest().overrun()
    clock.now += 1.0
    late = whole.rest()
    assert late.expired
    assert "no time was left" in late.overrun()


def test_asking_for_the_rest_of_nothing_is_a_timeout():
    clock = Clock()
    deadline = Deadline.within(1.0, clock)
    assert deadline.remaining() == 1.0
    clock.now += 1.0
    with pytest.raises(TimeoutError, match="1 s"):
        deadline.remaining()


@given(
    st.floats(0, 100),
    st.lists(st.tuples(st.sampled_from(["at_most", "share", "rest"]), st.floats(0, 1), st.floats(0, 50))),
)
def test_no_part_ends_later_than_the_whole(seconds: float, steps: list[tuple[str, float, float]]) -> None:
    clock = Clock()
    whole = part = Deadline.within(seconds, clock)
    for kind, number, passes in steps:
        clock.now += passes
        part = {
            "at_most": lambda number=number, part=part: part.at_most(number * 100),
            "share": lambda number=number, part=part: part.share(number),
            "rest": part.rest,
        }[kind]()
        assert part.left() <= whole.left() + 1e-9
        assert part.seconds <= whole.seconds + 1e-9
