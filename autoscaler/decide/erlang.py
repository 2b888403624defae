"""Erlang's C: the wait for one of n slots under a steady random load.

Source: A. K. Erlang (1917), "Solution of some problems in the theory of probabilities of significance in
automatic telephone exchanges" (the C formula, M/M/n); the recursion is that of his B formula. For service
times that vary otherwise the exponent is scaled as in A. O. Allen, "Probability, Statistics, and Queueing
Theory" (1990), chapter 5 (the Allen-Cunneen approximation).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from autoscaler.model import numbers


@dataclass(frozen=True, slots=True)
class Traffic:
    """Tasks that come at random."""

    #: Tasks a second, >= 0.
    arrival: float
    #: Seconds that a task runs on the mean, > 0.
    service: float
    #: Squared coefficient of variation of these seconds, >= 0; 1: exponential.
    variation: float = 1.0

    @property
    def load(self) -> float:
        """Slots that are busy on the mean (erlangs)."""
        return self.arrival * self.service


def least_slots(traffic: Traffic, wait: float, share: float, most: int) -> int:
    """The fewest slots with which at most `share` of the tasks wait longer than `wait`; at most `most`."""
    if traffic.load <= 0:
        return 0
    if traffic.load >= most:
        return most
    blocked = 1.0
    for slots in range(1, most):
        blocked = _with_one_more(blocked, traffic.load, slots)
        if _late(traffic, blocked, slots, wait) <= share:
            return slots
    return most


def _with_one_more(blocked: float, load: float, slots: int) -> float:
    """Erlang's B of so many slots from that of one less."""
    return load * blocked / (slots + load * blocked)


def _late(traffic: Traffic, blocked: float, slots: int, wait: float) -> float:
    if slots <= traffic.load:
        return 1.0
    waits = numbers.quotient(blocked, max(1 - traffic.load / slots * (1 - blocked), blocked))
    slower = (1 + traffic.variation) / 2
    return waits * math.exp(-(slots - traffic.load) * wait / traffic.service / slower)
