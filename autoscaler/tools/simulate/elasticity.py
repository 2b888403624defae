"""Elasticity metrics: how well supply followed demand.

Source: N. Herbst et al., "Ready for Rain? A View from SPEC Research on the Future of Cloud Metrics",
SPEC RG Cloud, 2016: provisioning accuracy, time share and instability.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from autoscaler.tools.simulate.load import Load
from autoscaler.tools.simulate.setting import Setting

#: Most points at which the curves are compared.
_POINTS = 2000
#: Below this a part of a worker is rounding.
_NOISE = 1e-6


@dataclass(frozen=True, slots=True)
class Elasticity:
    """All are shares of 1; smaller is better.

    Demand is the number of workers that were busy within the last `wait` seconds, had no task waited.
    """

    #: Mean lack of workers relative to demand, and the time share in which some lacked.
    under_accuracy: float
    under_time: float
    #: Mean surplus of workers relative to demand, and the time share in which there was one.
    over_accuracy: float
    over_time: float
    #: Time share in which supply and demand changed in different directions.
    instability: float


def elasticity(load: Load, setting: Setting, sizes: Sequence[tuple[float, int, int]]) -> Elasticity:
    """Compare the workers that were there with those that the load asked for.

    Parameters
    ----------
    sizes : (time, workers serving, workers alive) at each change, in the order of time.
    """
    span = max(0.0, load.duration - setting.warmup)
    step = max(setting.polling_interval, span / _POINTS)
    times = [setting.warmup + index * step for index in range(1, int(span / step) + 1)]
    if not times:
        return Elasticity(0.0, 0.0, 0.0, 0.0, 0.0)
    demand = demand_curve(load, setting, times)
    supply = _supply(sizes, times)
    return _figures(demand, supply)


def demand_curve(load: Load, setting: Setting, times: Sequence[float]) -> list[int]:
    """Workers that are busy within the last `wait` seconds (at least one tick) if no task waits."""
    done = load.work_by()
    window = max(setting.wait, setting.polling_interval)

    def needed(time: float) -> int:
        busy = (done(time) - done(time - window)) / (window * setting.concurrency)
        return max(setting.min_workers, math.ceil(busy - _NOISE))

    return [needed(time) for time in times]


def _supply(sizes: Sequence[tuple[float, int, int]], times: Sequence[float]) -> list[int]:
    changes = [time for time, _, _ in sizes]
    return [sizes[max(0, bisect_right(changes, time) - 1)][1] for time in times]


def _figures(demand: Sequence[int], supply: Sequence[int]) -> Elasticity:
    pairs = list(zip(demand, supply, strict=True))
    moves = [(_sign(after[0] - before[0]), _sign(after[1] - before[1])) for before, after in pairwise(pairs)]
    return Elasticity(
        under_accuracy=_mean([max(0, d - s) / max(d, 1) for d, s in pairs]),
        under_time=_mean([float(s < d) for d, s in pairs]),
        over_accuracy=_mean([max(0, s - d) / max(d, 1) for d, s in pairs]),
        over_time=_mean([float(s > d) for d, s in pairs]),
        instability=_mean([float(d != s) for d, s in moves]),
    )


def _sign(change: int) -> int:
    return (change > 0) - (change < 0)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
