"""The limits of a fleet's size: running tasks, unknown values, the operator, min and max.

Each is a `Limit` of `case` and says its reason only when it changed or held something.
"""

from __future__ import annotations

import math

from autoscaler.decide.case import Case, Course
from autoscaler.model import FixedSize, Paused, Stopped
from autoscaler.text import count, number, seconds


def waiting(case: Case, course: Course) -> Course:
    """Where anything waits, one worker at least, else a threshold would strand the tasks below it."""
    stranded = case.scaling.policies and case.demand.waiting > 0 and course.workers < 1
    if not stranded:
        return course
    return course.to(1, "waiting", f"{number(case.demand.waiting)} waiting: 1 worker at least")


def running(case: Case, course: Course) -> Course:
    """Workers that are all busy are not superfluous although nothing waits."""
    needed = math.ceil(case.demand.running / case.scaling.concurrency)
    floor = min(case.size, needed)
    if floor <= course.workers:
        return course
    tasks = count(case.demand.running, "task")
    text = f"{tasks} running, {case.scaling.concurrency} a worker: keeps {count(floor)}"
    return course.to(floor, "running", text)


def unknown(case: Case, course: Course) -> Course:
    """Unknown is not zero: the fleet may grow on what is known and never shrinks."""
    held = max(course.workers, case.size)
    if case.demand.complete or (held == course.workers and not case.scaling.policies):
        return course
    what = count(len(case.demand.unknown), "thing")
    return course.to(held, "unknown", f"{what} unknown: does not shrink below {count(case.size)}")


def fallback(case: Case, course: Course) -> Course:
    """After so long without knowing demand, the size that is right on the whole, if it is larger."""
    settings = case.scaling.fallback
    if settings is None or case.unknown_since is None:
        return course
    lasted = case.now - case.unknown_since
    if lasted < settings.after or settings.workers <= course.workers:
        return course
    text = f"demand unknown for {seconds(lasted)} of {seconds(settings.after)}: {count(settings.workers)}"
    return course.to(settings.workers, "fallback", text)


def paused(hold: Paused, case: Case, course: Course) -> Course:
    """Paused means no change of size, not even into bounds that changed meanwhile.

    Workers that crash or vanish are still replaced, up to the size: a pause is no outage.
    """
    return course.to(case.size, "paused", f"{hold}; stays at {count(case.size)}")


def fixed_size(hold: FixedSize, course: Course) -> Course:
    """The size that an operator has set; min_workers and max_workers still bound it."""
    return course.to(hold.workers, "operator", f"{hold}")


def stopped(hold: Stopped, course: Course) -> Course:
    """Stopped by an operator: no worker stays, whatever min_workers says."""
    return course.to(0, "stopped", f"{hold}")


def bounds(case: Case, course: Course) -> Course:
    """min_workers and max_workers; they act at once, no other limit delays them."""
    within = case.bounded(course.workers)
    if within == course.workers:
        return course
    code = "min_workers" if within > course.workers else "max_workers"
    return course.to(within, code, f"{code} is {within}, so not {course.workers}")
