"""One tick more of a fleet's past."""

from __future__ import annotations

from collections.abc import Sequence

from autoscaler.measured import Track
from autoscaler.model import Demand, Worker


def update(track: Track, now: float, demand: Demand, workers: Sequence[Worker]) -> Track:
    """What is measured after one tick more.

    Parameters
    ----------
    track : as the last tick left it; ``Track()`` at first.
    now : of the tick, seconds.
    demand : of the fleet. An incomplete one measures nothing but the workers.
    workers : of the fleet, in any state.

    Returns
    -------
    The track to remember; its `measures` belong into this tick's `Situation`.
    """
    del now, demand, workers
    return track
