"""The count of published tasks over time, which never falls.

    accepted by all workers + reserved + ready = published so far

Every task is in one of the three places, so the sum grows only by publishing. What is seen of it jitters:
queues and workers are not looked at in the same instant, and a quorum queue's count can be seconds old. So
the count stays at its highest while what is seen is below it. Tasks do get lost from sight (a queue is
purged, somebody else consumes from it, a worker is killed before its last count was seen): then what is
seen is lifted to the count and both go on from there.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from itertools import pairwise

from autoscaler.model import Estimate, Track, count_at
from autoscaler.model.numbers import root

History = tuple[tuple[float, float], ...]

#: Seconds that the history goes back.
HORIZON = 3600.0
#: Share of its age by which the time of an old task may be wrong.
RESOLUTION = 0.05
#: Seconds that a count may be old; what is missing for longer is lost.
LAG = 10.0
#: Tasks below which a rate is taken over a longer time, if there is one.
ENOUGH = 50.0
#: Seconds over which a rate is taken.
SPANS = (60.0, 120.0, 300.0, 600.0)
#: Seconds below which a rate is not one.
SHORTEST = 10.0


def count(track: Track, now: float, seen: float) -> Track:
    """One more look.

    Parameters
    ----------
    seen : tasks accepted so far + reserved + ready.
    """
    history = track.measures.published
    level = seen + track.offset
    missing = history[-1][1] - level if history else 0.0
    if missing <= 0:
        return _with_point(replace(track, behind_since=None, behind=0.0), now, level)
    since = now if track.behind_since is None else track.behind_since
    behind = missing if track.behind_since is None else min(track.behind, missing)
    lost = _lost(track, now - since, missing, behind)
    track = replace(track, offset=track.offset + lost, behind_since=None if lost else since, behind=behind)
    return _with_point(track, now, history[-1][1])


def _lost(track: Track, lasted: float, missing: float, behind: float) -> float:
    """What is lost for good: more than an old count can hide, or all that was missing for too long."""
    moments = track.moments
    hidden = moments[-1].started - moments[0].started if moments else 0.0
    if missing > hidden + 1:
        return missing
    return behind if lasted >= LAG else 0.0


def _with_point(track: Track, now: float, level: float) -> Track:
    points = thinned((*track.measures.published, (now, level)), now)
    return replace(track, measures=replace(track.measures, published=points))


def thinned(history: History, now: float) -> History:
    """Leave out what does not tell more: the middle of a standstill, and old times too close together."""
    kept = [before := history[0]]
    for point, after in pairwise(history[1:]):
        far = after[0] - before[0] > RESOLUTION * (now - after[0])
        if far and not before[1] == point[1] == after[1]:
            kept.append(before := point)
    begin = bisect_right(kept, now - HORIZON, key=lambda point: point[0])
    return (*kept[max(0, begin - 1) :], history[-1]) if len(history) > 1 else history


def rate(history: History, now: float) -> Estimate | None:
    """Tasks a second over the shortest of some spans in which enough came.

    The error is that of counting independent arrivals (Poisson): the root of their number.
    """
    if len(history) < 2:
        return None
    for span in SPANS:
        begin = max(now - span, history[0][0])
        tasks = history[-1][1] - count_at(history, begin)
        if tasks >= ENOUGH or begin == history[0][0]:
            break
    lasted = now - begin
    if lasted < SHORTEST:
        return None
    error = root(tasks)
    return Estimate(tasks / lasted, max(0.0, tasks - error) / lasted, (tasks + error) / lasted)
