"""The time that tasks run, from the numbers of running and finished tasks at each tick.

    mean service time S = slot-seconds of work / tasks that ended in them

Tasks that are still running count with what they have done so far, as in the estimate of a mean from
censored times. How much the times vary follows from the ages of running tasks: a look meets long tasks
more often, so their mean age is (1 + c2) S / 2.

Their ages also tell how much of the running time is that of tasks in their first seconds: ``mean(min(S, d))``
is the mean time that a task takes up a slot within d seconds, and less than S where a few tasks run for long.

Source: Little, "A Proof for the Queuing Formula L = lambda W" (1961); for the ages Cox, "Renewal Theory"
(1962), section 5, and Grenander, "On the theory of mortality measurement" (1956): the estimate of a density
that only falls.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import replace
from itertools import accumulate

from autoscaler.model import ActiveTask, Estimate, Moment, Track
from autoscaler.model.numbers import quotient, root, share

#: Seconds after which what was seen counts half.
HALF_LIFE = 1800.0
#: Tasks that are looked back on at most.
MOST_ENDED = 1000.0
#: Seconds between two looks after which nobody knows what was in between.
LONGEST_GAP = 30.0
#: Seconds that a task is taken to run before anything is known.
PRIOR = 1.0
#: Seconds for which looks are kept.
WINDOW = 10.0
#: Squared variation beyond which nothing is believed.
MOST_VARIATION = 100.0
#: Seconds of age at which running tasks are told apart.
AGES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)


def look(track: Track, moment: Moment, running: Iterable[ActiveTask]) -> Track:
    """One more look at what runs."""
    before = track.moments[-1] if track.moments else None
    moments = (*_recent(track.moments, moment.at), moment)
    if before is None or not 0 <= moment.at - before.at <= LONGEST_GAP:
        return replace(track, moments=(moment,))
    return _measured(_counted(replace(track, moments=moments), before, moment, running))


def _recent(moments: tuple[Moment, ...], now: float) -> tuple[Moment, ...]:
    """Those of the window, and the one before it."""
    old = sum(each.at < now - WINDOW for each in moments)
    return moments[max(0, old - 1) :]


def _counted(track: Track, before: Moment, moment: Moment, running: Iterable[ActiveTask]) -> Track:
    lasted = moment.at - before.at
    fade = 0.5 ** (lasted / HALF_LIFE)
    fade *= min(1.0, MOST_ENDED / track.ended) if track.ended else 1.0
    ages = [max(0.0, moment.at - task.started_at) for task in running if task.started_at is not None]
    return replace(
        track,
        worked=track.worked * fade + lasted * (before.active + moment.active) / 2,
        ended=track.ended * fade + ended(before, moment),
        ages=track.ages * fade + sum(ages),
        aged=track.aged * fade + len(ages),
        by_age=_by_age(track.by_age, fade, ages),
    )


def _by_age(before: tuple[float, ...], fade: float, ages: Iterable[float]) -> tuple[float, ...]:
    counts = [count * fade for count in before] or [0.0] * (len(AGES) + 1)
    for age in ages:
        counts[bisect_left(AGES, age)] += 1
    return tuple(counts)


def ended(before: Moment, moment: Moment) -> float:
    """Tasks that ended between two looks."""
    return max(0.0, moment.started - before.started + before.active - moment.active)


def _measured(track: Track) -> Track:
    service = mean(track)
    variation = _variation(track, service)
    measures = replace(
        track.measures,
        service=service,
        variation=variation,
        young=_young(track.by_age),
    )
    return replace(track, measures=measures)


def mean(track: Track) -> Estimate | None:
    """Seconds that a task runs.

    While none has ended they run as long again as they have run on the mean, and nothing bounds it.
    """
    if track.ended < 1:
        age = quotient(track.ages, track.aged)
        return Estimate(max(PRIOR, 2 * age), age, None) if track.worked else None
    seen = _sightings(track)
    # Few short tasks are met by a look at all; until then a little of what was believed before stays.
    weight = 1 / (1 + seen)
    value = (track.worked + weight * PRIOR) / (track.ended + weight)
    spread = _variation(track, Estimate(value, value, value))
    error = root((1.0 if spread is None else spread) / track.ended + 1 / (1 + seen))
    return Estimate(value, value / (1 + error), value * (1 + error))


def _sightings(track: Track) -> float:
    """How often a look has met a running task."""
    return track.worked / (track.measures.interval or PRIOR)


def _variation(track: Track, service: Estimate | None) -> float | None:
    if service is None or not track.aged or track.ended < 1 or service.value <= 0:
        return None
    age = quotient(track.ages, track.aged)
    return min(MOST_VARIATION, max(0.0, 2 * quotient(age, service.value) - 1))


def _young(by_age: tuple[float, ...]) -> tuple[tuple[float, float], ...]:
    """Shares of the running tasks that were met before each age, and one standard error more.

    As if one more had been met before each (Laplace), so that few looks do not make a share zero. Fewer are
    ever met at a higher age, so no second of age may have more of them than an earlier one.
    """
    # The total is the last of the running sums: `sum` may add up to an ulp less, and a share would pass 1.
    below = list(accumulate(by_age))
    met = below[-1] + 1 if below else 1.0
    if met == 1:
        return ()
    shares = (share((met_before + 1) / met) for met_before in below[:-1])
    return _concave(
        (age, share(part + root(part * (1 - part) / met))) for age, part in zip(AGES, shares, strict=True)
    )


def _concave(points: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """The least concave curve from (0, 0) on that is nowhere below the points: its corners after that."""
    corners = [(0.0, 0.0)]
    for point in points:
        while len(corners) > 1 and _rise(corners[-1], point) >= _rise(corners[-2], corners[-1]):
            corners.pop()
        corners.append(point)
    return tuple(corners[1:])


def _rise(point: tuple[float, float], after: tuple[float, float]) -> float:
    return (after[1] - point[1]) / (after[0] - point[0])
