"""The state of a decision after the clock was set back between two daemons."""

from __future__ import annotations

from dataclasses import replace

from autoscaler.model import FleetState, ThresholdState


def not_after(now: float, memory: FleetState) -> FleetState:
    """The same memory with no time in the future: a back-off or a window must not wait for it.

    Within one daemon the clock is steady; between two, somebody may have set it back.
    """
    return replace(
        memory,
        threshold=_threshold(now, memory.threshold),
        recommended=tuple((min(at, now), workers) for at, workers in memory.recommended),
        sizes=tuple((min(at, now), workers) for at, workers in memory.sizes),
        unknown_since=_earlier(now, memory.unknown_since),
        crashes=tuple(min(at, now) for at in memory.crashes),
    )


def _threshold(now: float, memory: ThresholdState | None) -> ThresholdState | None:
    if memory is None:
        return None
    above, below = _earlier(now, memory.above_since), _earlier(now, memory.below_since)
    return replace(memory, above_since=above, below_since=below)


def _earlier(now: float, at: float | None) -> float | None:
    return None if at is None else min(at, now)
