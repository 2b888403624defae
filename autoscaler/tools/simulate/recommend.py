"""A search for the settings that keep a wait with the fewest worker-hours.

    what the fleet has, max_wait, backlog_per_worker  ->  more workers, if nothing keeps the wait
        ->  min_workers of the best  ->  stabilization of the best

A few dozens of runs at most, the likeliest first, so that it can be broken off at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from autoscaler.tools.simulate.against import mean_workers
from autoscaler.tools.simulate.load import Load
from autoscaler.tools.simulate.outcome import Outcome
from autoscaler.tools.simulate.setting import Setting

#: The most workers that a fleet may have.
MOST_WORKERS = 999
#: Doublings of max_workers that are tried.
DOUBLINGS = 3
#: How much dearer than the cheapest a setting may be to be chosen for its fewer starts.
SAME = 1.05
#: How many more starts than the fewest max_wait may have to be chosen: it measures what the others are told,
#: and so stays right when tasks take longer than they did in this load.
AS_CALM = 1.25


@dataclass(frozen=True, slots=True)
class Choice:
    """Settings of a fleet that are tried; texts as they stand in the config file."""

    scale: str
    min_workers: int
    max_workers: int
    #: Seconds; None: the default that goes with the policies.
    stabilization: float | None = None

    @property
    def keys(self) -> dict[str, str]:
        """The fleet's keys, in the order of the file."""
        keys = {
            "min_workers": str(self.min_workers),
            "max_workers": str(self.max_workers),
            "scale": self.scale,
        }
        return keys if self.stabilization is None else {**keys, "stabilization": f"{self.stabilization:g}s"}

    @property
    def measures_itself(self) -> bool:
        """Whether it needs no number that holds for this load only."""
        return "max_wait" in self.scale


@dataclass(frozen=True, slots=True)
class Tried:
    """A choice and what came of it; None: what the fleet has now."""

    choice: Choice | None
    outcome: Outcome


#: Runs a choice, or what the fleet has now.
Run = Callable[[Choice | None], Outcome]


def search(load: Load, setting: Setting, run: Run, allowed: float) -> Iterator[Tried]:
    """Try one choice after the other; each is given as soon as it was run.

    Parameters
    ----------
    setting : with the wanted wait and the present min_workers and max_workers.
    allowed : share of tasks that may wait longer, 0..1.
    """
    tried: list[Tried] = []

    def trying(choices: Iterator[Choice | None]) -> Iterator[Tried]:
        for choice in choices:
            if all(choice != each.choice for each in tried):
                tried.append(Tried(choice, run(choice)))
                yield tried[-1]

    yield from trying(_first(load, setting))
    for _ in range(DOUBLINGS):
        if _keeping(tried, allowed):
            break
        yield from trying(_larger(tried))
    mean = mean_workers(load, setting)
    yield from trying(_floors(_keeping(tried, allowed)[:2], (0, 1, 2, mean)))
    chosen = best(tried, allowed)
    yield from trying(_windows([*_keeping(tried, allowed)[:1], *([chosen] if chosen else [])]))


def cheapest(tried: Sequence[Tried], allowed: float) -> Tried | None:
    """The cheapest that keeps the wait; None if none keeps it."""
    return next(iter(_keeping(tried, allowed)), None)


def best(tried: Sequence[Tried], allowed: float) -> Tried | None:
    """The calmest of those that keep the wait and cost hardly more than the cheapest; None if none keeps it.

    Of those that start about as few workers a max_wait is taken, else the cheapest.
    """
    keeping = _keeping(tried, allowed)
    if not keeping:
        return None
    most = SAME * keeping[0].outcome.worker_seconds
    alike = [each for each in keeping if each.outcome.worker_seconds <= most]
    fewest = min(each.outcome.starts for each in alike)
    calm = [each for each in alike if each.outcome.starts <= AS_CALM * fewest + 1]
    return next((each for each in calm if each.choice and each.choice.measures_itself), calm[0])


def _keeping(tried: Sequence[Tried], allowed: float) -> list[Tried]:
    """Those that keep the wait, the cheapest first."""
    keeping = (each for each in tried if each.outcome.violations <= allowed)
    return sorted(keeping, key=lambda each: each.outcome.worker_seconds)


# --- what is tried ---


def _first(load: Load, setting: Setting) -> Iterator[Choice | None]:
    yield None
    least, most = setting.min_workers, setting.max_workers
    for share in (1.0, 1.15, 0.85):
        yield Choice(f"{{max_wait: {_seconds(share * setting.wait)}}}", least, most)
    each = setting.wait / load.mean_service * setting.concurrency
    for window, share in product((0.0, 60.0), (0.75, 0.5, 0.25, 1.0)):
        tasks = max(1.0, share * each)
        yield Choice(f"{{backlog_per_worker: {_number(tasks)}}}", least, most, window)


def _seconds(value: float) -> str:
    return f"{_number(value)}s" if value >= 1 else f"{value * 1000:.0f}ms"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _larger(tried: Sequence[Tried]) -> Iterator[Choice | None]:
    """Twice as many workers for those that came nearest: one max_wait and two others."""
    chosen = [each.choice for each in sorted(tried, key=_lateness) if each.choice is not None]
    most = min(MOST_WORKERS, 2 * max(choice.max_workers for choice in chosen))
    measuring = [choice for choice in chosen if choice.measures_itself]
    others = [choice for choice in chosen if not choice.measures_itself]
    for choice in (*measuring[:1], *others[:2]):
        yield replace(choice, max_workers=most)


def _lateness(tried: Tried) -> float:
    return tried.outcome.violations


def _floors(best_so_far: Sequence[Tried], floors: Sequence[int]) -> Iterator[Choice | None]:
    for each, least in product(best_so_far, floors):
        if each.choice is not None and least <= each.choice.max_workers:
            yield replace(each.choice, min_workers=least)


def _windows(best_so_far: Sequence[Tried]) -> Iterator[Choice | None]:
    for each, window in product(best_so_far, (30.0, 120.0)):
        if each.choice is not None:
            yield replace(each.choice, stabilization=window)
