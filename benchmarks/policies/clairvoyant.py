"""The least that a scaler pays which knows the future: a linear programme.

    minimize    sum_k n_k * step  +  start_time * sum_k s_k
    subject to  s_k >= n_k - n_(k-1),  s_k >= 0,  least_k <= n_k <= max_workers,  n_(-1) as given
                P_k - P_(k-1) <= slots * step * n_k,    P never falls
                due_k <= P_k <= come_k

``n_k`` are the mean workers that are up in step k, ``P_k`` the work done by its end. A task that comes at
a and runs for S has done at most ``min(t - a, S)`` by t (``come``), and at least ``min(t - a - wait, S)``
if it started in time (``due``). Every real course that lets no task wait too long satisfies all of these
with the means of its steps (a mean over steps has no more ups than the course itself), so the minimum is a
bound below its cost. The bound is not always reached: workers are whole, and slots may not share a task.

What came in the warm-up counts with the part of it that nobody can have done by then, so that the slots of
tasks that outlast the warm-up are paid for. The steps reach until all work is done, or to the end of a load
that goes on: a task that outlasts it has to be done as far as it can be by then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_matrix, vstack

from autoscaler.tools.simulate.load import Load
from autoscaler.tools.simulate.setting import Setting

#: Most steps; more make it tighter and slower.
STEPS = 900


@dataclass(frozen=True, slots=True)
class Bound:
    """What the programme found."""

    #: None: no scaler can let every task start in time with max_workers.
    worker_seconds: float | None
    starts: float


def clairvoyant(load: Load, setting: Setting) -> Bound:
    """Solve the programme for what is to do after the warm-up; the fleet at its end costs no start."""
    begin = setting.warmup
    arrivals, services = np.asarray(load.arrivals), np.asarray(load.services)
    left = np.minimum(services, arrivals + services - begin)
    arrivals, left = arrivals[left > 0], left[left > 0]
    first, latest = np.maximum(arrivals, begin), np.maximum(arrivals + setting.wait, begin)
    end = min(load.end, max(load.duration, (latest + left).max(initial=0.0)))
    count = max(1, min(STEPS, int(end - begin)))
    ends = np.linspace(begin, end, count + 1)[1:]
    come, due = work_by(first, left, ends), work_by(latest, left, ends)
    least = np.where(ends <= load.duration, float(setting.min_workers), 0.0)
    return _solve(setting, (end - begin) / count, come, due, least)


def work_by(begins: np.ndarray, services: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Work done by each time if the tasks begin so; slot-seconds."""
    return _ramps(begins, times) - _ramps(begins + services, times)


def _ramps(begins: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Sum over i of max(0, time - begins_i), at each time."""
    ordered = np.sort(begins)
    sums = np.concatenate(([0.0], np.cumsum(ordered)))
    begun = np.searchsorted(ordered, times, side="right")
    return begun * times - sums[begun]


def _solve(setting: Setting, step: float, come: np.ndarray, due: np.ndarray, least: np.ndarray) -> Bound:
    count = len(come)
    steps, later = np.arange(count), np.arange(1, count)
    n, s, p = steps, count + steps, 2 * count + steps
    cost = np.concatenate((np.full(count, step), np.full(count, setting.start_time), np.zeros(count)))
    slots = setting.concurrency * step
    matrix = vstack(
        (
            # What is done in a step is no more than its slots can do,
            _rows(count, (steps, p, 1.0), (later, p[:-1], -1.0), (steps, n, -slots)),
            # a worker more than before is a start,
            _rows(count, (steps, n, 1.0), (later, n[:-1], -1.0), (steps, s, -1.0)),
            # and what is done stays done.
            _rows(count, (later, p[:-1], 1.0), (later, p[1:], -1.0)),
        )
    )
    bounds = [
        *((low, setting.max_workers) for low in least),
        *((0.0, None) for _ in range(count)),
        *zip(np.minimum(due, come), come, strict=True),
    ]
    limits = np.zeros(matrix.shape[0])
    limits[count] = _given(setting)
    found = linprog(cost, A_ub=matrix, b_ub=limits, bounds=bounds, method="highs")
    if found.status != 0:
        return Bound(None, 0.0)
    return Bound(float(found.fun), float(found.x[s].sum()))


def _given(setting: Setting) -> float:
    """Workers that are there before the first step; after a warm-up as many as are wanted."""
    if setting.warmup > 0:
        return float(setting.max_workers)
    return float(setting.min_workers if setting.initial is None else setting.initial)


def _rows(count: int, *terms: tuple[np.ndarray, np.ndarray, float]) -> coo_matrix:
    """One row a step of the matrix, from (rows, columns, factor)."""
    rows = np.concatenate([row for row, _, _ in terms])
    columns = np.concatenate([column for _, column, _ in terms])
    factors = np.concatenate([np.full(len(row), factor) for row, _, factor in terms])
    return coo_matrix((factors, (rows, columns)), shape=(count, 3 * count))
