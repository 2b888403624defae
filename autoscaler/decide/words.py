"""Operators' holds in words, for reasons."""

from __future__ import annotations

from autoscaler.model import Hold, WorkerHold
from autoscaler.text import count


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
