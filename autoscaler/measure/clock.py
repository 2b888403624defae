"""The measurements after the clock was set back between two daemons."""

from __future__ import annotations

from autoscaler.model import Measures, Track


def track_not_after(now: float, track: Track) -> Track:
    """The same track, if it is of the past; of one from the future only what holds at any time.

    Within one daemon the clock is steady; between two, somebody may have set it back. Peaks and published
    tasks of a time that has not come would count as recent until it has.
    """
    if track.at is None or track.at <= now:
        return track
    measures = track.measures
    kept = Measures(
        service=measures.service, variation=measures.variation, start_seconds=measures.start_seconds
    )
    return Track(
        measures=kept,
        worked=track.worked,
        ended=track.ended,
        ages=track.ages,
        aged=track.aged,
        start_samples=track.start_samples,
    )
