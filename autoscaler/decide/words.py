"""Numbers as they stand in reasons."""

from __future__ import annotations

MEBIBYTE = 2**20


def number(value: float) -> str:
    """At most one decimal, and none where it would be zero."""
    rounded = round(value, 1)
    return f"{rounded:.0f}" if rounded == int(rounded) else f"{rounded:.1f}"


def seconds(value: float) -> str:
    return f"{number(value)} s"


def count(amount: int, noun: str = "worker") -> str:
    """``1 worker``, ``2 workers``."""
    return f"{amount} {noun}" if amount == 1 else f"{amount} {noun}s"


def mebibytes(value: int) -> str:
    return f"{value / MEBIBYTE:.0f} MiB"
