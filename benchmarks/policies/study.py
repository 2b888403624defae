"""Tune every policy on the tuning loads, then run what was chosen, and the rest, on the report loads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from statistics import fmean

from autoscaler.tools.simulate.outcome import Outcome
from autoscaler.tools.simulate.run import simulate
from autoscaler.tools.simulate.setting import Setting
from benchmarks.policies.candidates import Candidate, candidates
from benchmarks.policies.clairvoyant import Bound, clairvoyant
from benchmarks.policies.workloads import WARMUP, Maker, Workload

#: A policy keeps the wait if no larger share of tasks waits longer.
ALLOWED = 0.01
#: Report loads on which every setting is run, for the curve of cost over violations.
CURVE_LOADS = 3


@dataclass(frozen=True, slots=True)
class Tried:
    """One candidate on several loads."""

    candidate: Candidate
    outcomes: tuple[Outcome, ...]

    @property
    def violations(self) -> float:
        """The mean share of the loads, so that a large load does not outweigh the others."""
        return fmean(each.violations for each in self.outcomes)

    @property
    def worker_seconds(self) -> float:
        return sum(each.worker_seconds for each in self.outcomes)

    @property
    def cost(self) -> float:
        """Worker-seconds divided by work."""
        work = sum(each.work_seconds for each in self.outcomes)
        return self.worker_seconds / work if work else 0.0

    @property
    def starts(self) -> float:
        return fmean(each.starts for each in self.outcomes)


@dataclass(frozen=True, slots=True)
class Study:
    """All results on one workload."""

    workload: Workload
    setting: Setting
    #: One a policy: the setting that was best on the tuning loads, on all report loads.
    chosen: tuple[Tried, ...]
    #: Every candidate on the first report loads.
    curve: tuple[Tried, ...]
    #: Of each report load.
    bounds: tuple[Bound, ...]
    #: Report loads left out because nobody could let every task start in time with so many workers.
    impossible: int

    @property
    def possible(self) -> bool:
        """Whether there is a load on which the wait can be kept; only those are judged if there is one."""
        return all(bound.worker_seconds is not None for bound in self.bounds)

    @property
    def least(self) -> float:
        """Worker-seconds that it pays on all report loads."""
        return sum(bound.worker_seconds or 0.0 for bound in self.bounds)


def study(workload: Workload, setting: Setting, pool: Executor) -> Study:
    """Tune, choose, judge."""
    setting = replace(setting, min_workers=workload.min_workers, warmup=WARMUP)
    everyone = range(len(candidates()))
    report, bounds = _judged(pool, workload, setting)
    tuned = _try(pool, workload.tune, everyone, setting)
    curve = _try(pool, report[:CURVE_LOADS], everyone, setting)
    best = _best_of_each(tuned)
    rest = _try(pool, report[CURVE_LOADS:], best, setting)
    chosen = tuple(
        Tried(curve[number].candidate, curve[number].outcomes + more.outcomes)
        for number, more in zip(best, rest, strict=True)
    )
    return Study(workload, setting, chosen, tuple(curve), bounds, len(workload.report) - len(report))


def _judged(
    pool: Executor, workload: Workload, setting: Setting
) -> tuple[tuple[Maker, ...], tuple[Bound, ...]]:
    """The report loads on which the wait can be kept, or all where it never can, and their bounds."""
    bounds = tuple(pool.map(_bound, ((make, setting) for make in workload.report)))
    pairs = list(zip(workload.report, bounds, strict=True))
    kept = [pair for pair in pairs if pair[1].worker_seconds is not None] or pairs
    return tuple(make for make, _ in kept), tuple(bound for _, bound in kept)


def _try(pool: Executor, makers: Sequence[Maker], numbers: Sequence[int], setting: Setting) -> list[Tried]:
    """Run candidates, named by their numbers, on every load."""
    by_load = list(pool.map(_run, ((make, tuple(numbers), setting) for make in makers)))
    everyone = candidates()
    return [
        Tried(everyone[number], tuple(outcomes[place] for outcomes in by_load))
        for place, number in enumerate(numbers)
    ]


def _best_of_each(tuned: Sequence[Tried]) -> list[int]:
    """The number of the best candidate of each policy, in the order of the policies."""
    best: dict[str, int] = {}
    for number, tried in enumerate(tuned):
        before = best.setdefault(tried.candidate.policy, number)
        if _rank(tried) < _rank(tuned[before]):
            best[tried.candidate.policy] = number
    return list(best.values())


def _rank(tried: Tried) -> tuple[float, float]:
    """Those that keep the wait by their cost; behind them the others by what they violate."""
    return (max(0.0, tried.violations - ALLOWED), tried.worker_seconds)


# --- in the pool's processes ---


def be_nice() -> None:
    """Leave the machine to others; for the pool's processes."""
    os.nice(5)


def _run(job: tuple[Maker, tuple[int, ...], Setting]) -> list[Outcome]:
    make, numbers, setting = job
    load, everyone = make(), candidates()
    outcomes = (simulate(load, setting, everyone[number].make(load, setting)) for number in numbers)
    # The course of each run is large and is not needed any more.
    return [replace(outcome, sizes=(), waits=()) for outcome in outcomes]


def _bound(job: tuple[Maker, Setting]) -> Bound:
    make, setting = job
    return clairvoyant(make(), setting)
