"""Arithmetic on floats whose results are finite and within their bounds, whatever the input.

Rounding moves a result by an ulp, and two ways to add the same numbers differ by as much: since Python 3.12
`sum` compensates for rounding, and `itertools.accumulate` does not. The root of what a share of 1 plus an ulp
leaves is complex, and a weight that has faded to nothing divides by zero. These functions bound both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

#: More workers, tasks or seconds than there are; its product with another one is still finite.
MOST = 1e15


def share(value: float) -> float:
    """Return the nearest number within 0 and 1; 0 for not-a-number."""
    return min(1.0, max(0.0, value))


def root(value: float) -> float:
    """Return the square root; 0 for a difference that rounding has pushed below 0."""
    return math.sqrt(max(0.0, value))


def quotient(part: float, whole: float) -> float:
    """Divide two numbers that are not negative; 0 where the whole is 0, and at most `MOST`."""
    return min(MOST, part / whole) if whole > 0 else 0.0


def rounded_up(value: float) -> int:
    """Return the least whole number that is not below the value, within -`MOST` and `MOST`."""
    return math.ceil(max(-MOST, min(MOST, value)))


def spread(weighted: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Return mean and standard deviation of (value, weight) pairs; 0 and 0 where there is no weight.

    Parameters
    ----------
    weighted : weights are not negative.
    """
    pairs = list(weighted)
    total = sum(weight for _, weight in pairs)
    if total <= 0:
        return 0.0, 0.0
    parts = [(value, weight / total) for value, weight in pairs]
    mean = sum(value * part for value, part in parts)
    # The root of the sum of squares; no square of its own overflows in it.
    return mean, math.hypot(*((value - mean) * math.sqrt(part) for value, part in parts))
