"""The load that the same minute of earlier days and hours predicts.

    minutes of the past --median--> slots in this minute, and in the one before it
    clearly more than before --> an Expectation, an hour ahead
    the minute is over --> was it right? --> trusted only while more than half of the latest were

Only a rise is expected, since only that needs workers before there are tasks. Days are those of UTC: where
the clocks change, what comes by local time is expected wrongly until enough days have passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import reduce
from statistics import median_low

from autoscaler.measure.minutes import MINUTE
from autoscaler.model import Expectation, Minute, Past, Track

#: Minutes that are remembered: 14 earlier days and the one that is under way.
REMEMBERED = 15 * 1440
#: Minutes that expectations are made ahead.
AHEAD = 60
#: Known minutes below which nothing is expected.
LEAST = 3
#: How much more than in the minute before is a rise.
RISE = 1.3
#: Share of what was expected that counts as come.
NEAR = 0.7
#: Latest expectations that are judged.
JUDGED = 20


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What comes again."""

    name: str
    #: Minutes from one time to the next.
    period: int
    #: Times that are looked back.
    times: int


DAY, HOUR = Rhythm("day", 1440, 14), Rhythm("hour", 60, 24)


def learn(past: Past, before: Track, track: Track) -> tuple[Past, Minute | None]:
    """What is expected after a tick, and the minute to keep if the tick closed one.

    Parameters
    ----------
    before, track : as the tick before and this one have left it.
    """
    if track.closed is None or track.closed == before.closed:
        return past, None
    minute = with_expected(past, track.closed)
    return learnt(past, minute), minute


def with_expected(past: Past, minute: Minute) -> Minute:
    """The same minute with what was expected of it."""
    found = {each.every: each.slots for each in past.ahead if each.at == minute.at}
    return replace(minute, by_day=found.get(DAY.name), by_hour=found.get(HOUR.name))


def learnt(past: Past, minute: Minute) -> Past:
    """The past with one minute more, and what it lets expect of the next hour."""
    slots = _appended(past, _number(minute), minute.slots)
    past = replace(past, begin=_number(minute) + 1 - len(slots), slots=slots)
    return _looking_ahead(_with_judged(past, minute))


def restored(minutes: Iterable[Minute]) -> Past:
    """The past from the minutes that were kept, in the order of time."""
    known = {_number(minute): minute for minute in minutes}
    if not known:
        return Past()
    last = max(known)
    begin = max(min(known), last + 1 - REMEMBERED)
    found = (known.get(number) for number in range(begin, last + 1))
    past = Past(begin, tuple(each.slots if each else None for each in found))
    return _looking_ahead(reduce(_with_judged, known.values(), past))


def expected(past: Past) -> tuple[Expectation, ...]:
    """What the past lets expect, with how often it has been right."""
    judged = {DAY.name: past.by_day, HOUR.name: past.by_hour}
    return tuple(
        replace(each, right=sum(judged[each.every]), judged=len(judged[each.every])) for each in past.ahead
    )


def _number(minute: Minute) -> int:
    return round(minute.at / MINUTE)


def _appended(past: Past, number: int, slots: int) -> tuple[int | None, ...]:
    """The slots with this minute at the end; what lies behind it (the clock was set back) goes."""
    before = past.slots[: max(0, number - past.begin)]
    if not before:
        return (slots,)
    gap = min(number - past.begin - len(before), REMEMBERED)
    return (*before, *(None,) * gap, slots)[-REMEMBERED:]


def _with_judged(past: Past, minute: Minute) -> Past:
    if minute.by_day is None and minute.by_hour is None:
        return past
    return replace(
        past,
        by_day=_judged(past.by_day, minute.by_day, minute.slots),
        by_hour=_judged(past.by_hour, minute.by_hour, minute.slots),
    )


def _judged(before: tuple[bool, ...], expected_slots: int | None, slots: int) -> tuple[bool, ...]:
    if expected_slots is None:
        return before
    return (*before, slots >= NEAR * expected_slots)[-JUDGED:]


def _looking_ahead(past: Past) -> Past:
    """The past with what it lets expect of the coming hour; what was expected before stays as it was."""
    coming = range(max(past.end, past.made if past.made <= past.end + AHEAD else 0), past.end + AHEAD)
    kept = [each for each in past.ahead if past.end <= round(each.at / MINUTE) < coming.start]
    found = (expectation(past, number, rhythm) for number in coming for rhythm in (DAY, HOUR))
    return replace(past, ahead=(*kept, *filter(None, found)), made=coming.stop)


def expectation(past: Past, number: int, rhythm: Rhythm) -> Expectation | None:
    """What a rhythm lets expect of a minute; None if no rise, or too little is known."""
    pairs = list(_earlier(past, number, rhythm))
    if len(pairs) < LEAST:
        return None
    before, slots = (median_low(values) for values in zip(*pairs, strict=True))
    if slots < max(before + 1, RISE * before):
        return None
    times = sum(seen >= NEAR * slots for _, seen in pairs)
    return Expectation(number * MINUTE, slots, times, len(pairs), rhythm.name)


def _earlier(past: Past, number: int, rhythm: Rhythm) -> Iterator[tuple[int, int]]:
    """Slots in the minute before and in the minute itself, each time that both are known."""
    for times in range(1, rhythm.times + 1):
        index = number - times * rhythm.period - past.begin
        if index < 1:
            return
        if index < len(past.slots):
            before, slots = past.slots[index - 1], past.slots[index]
            if before is not None and slots is not None:
                yield before, slots
