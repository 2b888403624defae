"""How many new workers may start now: free memory, and crash loops.

Both bound the starts. The size follows them only in growing: it goes no further than what may be
there after this decision, so that a policy that steps does not run away while nothing can start.
It never falls because of them: workers that are missing stay wanted and start when they may.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from autoscaler.decide.case import Case, Course, case_of
from autoscaler.model import STARTED_WITHIN, FleetState, HostBudget, Situation, Worker, WorkerState
from autoscaler.text import count, mebibytes, seconds

#: Seconds in which so many crashes make a loop.
CRASH_WINDOW = 300.0
CRASHES_OF_A_LOOP = 3
#: Seconds without starts after a loop's crash; doubles with each further one.
BACK_OFF = 10.0
LONGEST_BACK_OFF = 300.0
#: Doublings after which the longest back-off is reached for certain.
_DOUBLINGS = 5

UNLIMITED = sys.maxsize


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many workers may start as far as one limit is concerned, and why no more."""

    starts: int
    code: str = ""
    text: str = ""


FREE = Allowance(UNLIMITED)


def allowances(case: Case) -> tuple[Allowance, ...]:
    """Of all limits on starts, in the order in which they are told."""
    return (host(case), crash_loop(case))


def limit(case: Case, course: Course, restorable: int, bounds: tuple[Allowance, ...]) -> Course:
    """Hold growth to what may start, and say what could not.

    Parameters
    ----------
    restorable : draining workers that can be taken back; this needs no start.
    """
    wanted = course.workers - case.current - restorable
    limited = course
    for bound in bounds:
        if wanted > bound.starts:
            possible = case.current + restorable + bound.starts
            size = max(case.size, case.scaling.min_workers, possible)
            text = f"{bound.starts} of {count(wanted, 'new worker')} may start: {bound.text}"
            limited = limited.to(min(limited.workers, size), bound.code, text)
    return limited


def host(case: Case) -> Allowance:
    """Memory above the reserve, by what a worker was measured to take.

    Workers that are starting have not taken theirs yet, so it is set aside. As long as no worker was
    measured they start one at a time. Unknown memory does not limit.
    """
    budget = case.situation.host
    if budget.memory_spare is None:
        return FREE
    starting = sum(_is_growing(worker, case.now) for worker in case.situation.workers)
    if not budget.memory_per_worker:
        return _unmeasured(budget.memory_spare, starting)
    starts = max(0, budget.memory_spare // budget.memory_per_worker - starting)
    return Allowance(starts, "host", _memory(budget, starting))


def _is_growing(worker: Worker, now: float) -> bool:
    """Whether it has not taken its memory yet; one that never answers has, after a while."""
    return worker.state is WorkerState.STARTING and now - worker.since <= STARTED_WITHIN


def _unmeasured(spare: int, starting: int) -> Allowance:
    if spare <= 0:
        return Allowance(0, "host", "no memory is left above the reserve")
    text = "one at a time until the memory that a worker takes is measured"
    return Allowance(0 if starting else 1, "host", text)


def _memory(budget: HostBudget, starting: int) -> str:
    spare, each = budget.memory_spare or 0, budget.memory_per_worker or 0
    text = f"{mebibytes(spare)} above the reserve, {mebibytes(each)} a worker"
    return f"{text}, {starting} starting" if starting else text


def crash_loop(case: Case) -> Allowance:
    """No starts for a while after the last of several crashes.

    Crashes are counted in the window before the last one, not before now: so the time that is told
    to remain does not change by itself.
    """
    crashed, last = _loop(case.memory)
    left = last + _back_off(crashed) - case.now
    if crashed < CRASHES_OF_A_LOOP or left <= 0:
        return FREE
    text = f"{crashed} crashes within {seconds(CRASH_WINDOW)}: none for {seconds(left)} more"
    return Allowance(0, "crash_loop", text)


def _loop(memory: FleetState) -> tuple[int, float]:
    """Crashes in the window before the last one, and when that was."""
    last = max(memory.crashes, default=0.0)
    return sum(last - crash <= CRASH_WINDOW for crash in memory.crashes), last


def looping(case: Case) -> bool:
    """Whether the crash-loop limit is in force."""
    return crash_loop(case).starts == 0


def alarm(situation: Situation, memory: FleetState) -> str:
    """Say that a fleet's workers crash, also while none is to be started; empty if they do not.

    The text stays the same from one crash to the next.
    """
    if not looping(case_of(situation, memory)):
        return ""
    crashed, _ = _loop(memory)
    pause = seconds(_back_off(crashed))
    return f"{crashed} crashes within {seconds(CRASH_WINDOW)}: no new worker for {pause} after the last"


def _back_off(crashed: int) -> float:
    doublings = min(crashed - CRASHES_OF_A_LOOP, _DOUBLINGS)
    return min(BACK_OFF * 2.0**doublings, LONGEST_BACK_OFF)


def remembered_crashes(case: Case) -> tuple[float, ...]:
    """Those that a back-off may still count."""
    oldest = case.now - CRASH_WINDOW - LONGEST_BACK_OFF
    return tuple(crash for crash in case.memory.crashes if crash >= oldest)
