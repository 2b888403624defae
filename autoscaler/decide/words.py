"""Numbers as they stand in reasons."""

from __future__ import annotations

from autoscaler.model import Hold, WorkerHold

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


def coded(code: str, text: str) -> str:
    """A reason with its code in front, unless it begins with it."""
    return text if text.startswith(f"{code} ") else f"{code}: {text}"


def mebibytes(value: int) -> str:
    return f"{value / MEBIBYTE:.0f} MiB"


def ordered(hold: Hold) -> str:
    """What an operator ordered, in words: ``set to 5 workers by alice (uid 1000): sale``."""
    if hold.stopped:
        return f"stopped{by(hold)}"
    what = "paused" if hold.workers is None else f"set to {count(hold.workers)}"
    return f"{what}{by(hold)}"


def by(hold: Hold | WorkerHold) -> str:
    """Who ordered it and why: `` by alice (uid 1000): sale``; empty if nobody says."""
    who = f" by {hold.by}" if hold.by else ""
    return f"{who}: {hold.reason}" if hold.reason else who
