"""The pace of a fleet: stabilization, max_scale_up and max_scale_down.

None of them delays what min_workers, max_workers or the operator's size order.
"""

from __future__ import annotations

from autoscaler.decide.case import Case, Course
from autoscaler.model import Rate
from autoscaler.text import count, seconds

#: (until when it was the recommendation, workers); times never fall, workers strictly do.
History = tuple[tuple[float, int], ...]


def recommended(case: Case, workers: int) -> History:
    """The recommendations that can still be the highest of the window, this one included.

    A recommendation holds until the next one. So the latest is carried up to now before the new one
    is added, and a time in which nothing was decided (the daemon was down) counts as what was
    recommended last. With no history at all that is the present size. Either way a full window of
    smaller recommendations passes before anything shrinks.

    A recommendation that a later one reaches can never be the highest again and is dropped.
    """
    before = case.memory.recommended or ((case.now, case.size),)
    carried = (*before[:-1], (case.now, before[-1][1]))
    oldest = case.now - case.scaling.stabilization
    kept = tuple((until, size) for until, size in carried if size > workers and until > oldest)
    return (*kept, (case.now, workers))


def stabilization(history: History, case: Case, course: Course) -> Course:
    """A fleet shrinks only to the highest recommendation of the window; growing is never delayed.

    Source: Kubernetes HPA, "Stabilization window".
    """
    ceiling = min(case.size, case.scaling.max_workers)
    until, highest = history[0]
    held = min(ceiling, highest)
    if held <= course.workers:
        return course
    left = until + case.scaling.stabilization - case.now
    window = seconds(case.scaling.stabilization)
    text = f"{highest} recommended within the last {window}: {count(held)} for {seconds(left)} more"
    return course.to(held, "stabilization", text)


def max_scale_up(case: Case, course: Course) -> Course:
    """At most so many more than at the beginning of the period; min_workers is reached at once."""
    rate = case.scaling.max_scale_up
    floor = max(case.size, case.scaling.min_workers)
    if rate is None or course.workers <= floor:
        return course
    begun = size_before(case, rate)
    allowed = max(floor, min(course.workers, begun + rate.workers))
    return _paced(course, allowed, "max_scale_up", rate, begun)


def max_scale_down(case: Case, course: Course) -> Course:
    """At most so many fewer than at the beginning of the period; max_workers is reached at once."""
    rate = case.scaling.max_scale_down
    ceiling = min(case.size, case.scaling.max_workers)
    if rate is None or course.workers >= ceiling:
        return course
    begun = size_before(case, rate)
    allowed = min(ceiling, max(course.workers, begun - rate.workers))
    return _paced(course, allowed, "max_scale_down", rate, begun)


def size_before(case: Case, rate: Rate) -> int:
    """The size at the beginning of a rate's period (> 0), or the earliest that is remembered."""
    begun = case.now - rate.period
    earlier = [size for time, size in case.memory.sizes if time <= begun]
    return earlier[-1] if earlier else _earliest(case)


def sizes(case: Case, desired: int) -> tuple[tuple[float, int], ...]:
    """Changes of size as far back as the longest rate looks, and the one in force before them."""
    before = case.memory.sizes or ((case.now, case.size),)
    after = before if before[-1][1] == desired else (*before, (case.now, desired))
    periods = [rate.period for rate in (case.scaling.max_scale_up, case.scaling.max_scale_down) if rate]
    oldest = case.now - max(periods, default=0.0)
    superseded = sum(time <= oldest for time, _ in after)
    return after[max(0, superseded - 1) :]


def _earliest(case: Case) -> int:
    return case.memory.sizes[0][1] if case.memory.sizes else case.size


def _paced(course: Course, allowed: int, code: str, rate: Rate, begun: int) -> Course:
    if allowed == course.workers:
        return course
    pace = f"{count(rate.workers)} within {seconds(rate.period)}, {begun} at its beginning"
    return course.to(allowed, code, f"{pace}: {allowed} and not {course.workers}")
