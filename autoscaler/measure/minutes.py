"""One row per minute: published tasks, and the most slots in use."""

from __future__ import annotations

import math
from dataclasses import replace

from autoscaler.model import Minute, MinuteSoFar, Track

MINUTE = 60.0
#: Seconds into a minute after which a first look has missed too much of it.
MISSED = 20.0


def watch(track: Track, now: float, used: float) -> Track:
    """One more look.

    Parameters
    ----------
    used : slots in use.

    Returns
    -------
    The track; its `closed` is another one when a minute is over that was watched from its beginning.
    """
    begin, so_far = now // MINUTE * MINUTE, track.minute
    if so_far is not None and so_far.begin == begin:
        return replace(track, minute=replace(so_far, used=max(so_far.used, used)))
    published = track.measures.published[-1][1] if track.measures.published else 0.0
    closed = _closed(so_far, published, begin)
    return replace(track, minute=MinuteSoFar(begin, now, published, used), closed=closed or track.closed)


def _closed(so_far: MinuteSoFar | None, published: float, begin: float) -> Minute | None:
    """The minute that is over, unless it was watched too late or is not the one before this."""
    if so_far is None or so_far.first - so_far.begin > MISSED or begin - so_far.begin != MINUTE:
        return None
    return Minute(so_far.begin, max(0.0, published - so_far.published), math.ceil(so_far.used))
