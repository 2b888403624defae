"""A lower bound of the cost of any scaler, in plain arithmetic.

Every task has to run, so there are worker-seconds of work to pay. To start in time, the work that
arrives within some seconds needs so many workers at once, and each worker beyond those that are there
from the beginning pays its start time first. Both are paid beside each other, so their sum is a bound.
It says nothing about scalers that let tasks wait too long. The linear programme of the benchmarks
(benchmarks/policies/clairvoyant.py) is tighter and needs scipy.
"""

from __future__ import annotations

from bisect import bisect_right

from autoscaler.tools.simulate.load import Load
from autoscaler.tools.simulate.setting import Setting

#: Lengths of the windows that are looked at, as multiples of the wanted wait.
_WINDOWS = (0.0, 0.25, 1.0, 4.0, 16.0)


def least_worker_seconds(load: Load, setting: Setting) -> float:
    """Worker-seconds that any fleet pays which lets no task wait longer than `setting.wait`.

    With a warm-up the fleet at its end is taken as given, so that no start is counted.
    """
    counted = load.since(setting.warmup)
    work = _due(counted, setting) / setting.concurrency
    idle = setting.min_workers * max(0.0, load.duration - setting.warmup)
    if setting.warmup > 0:
        return max(work, idle)
    first = setting.min_workers if setting.initial is None else setting.initial
    starts = max(0.0, least_peak(counted, setting) - first)
    return max(work, idle) + starts * setting.start_time


def _due(load: Load, setting: Setting) -> float:
    """Slot-seconds that are done by the end if every task begins as late as it may."""
    latest = load.end - setting.wait
    tasks = zip(load.arrivals, load.services, strict=True)
    return sum(max(0.0, min(service, latest - arrival)) for arrival, service in tasks)


def least_peak(load: Load, setting: Setting) -> float:
    """Workers that there must be at some time if no task waits too long; not rounded up.

    The tasks that arrive within w seconds begin within those and the wait after them, and end at the
    latest their longest service time later. So their work, divided by ``w + wait + longest service``,
    is how many slots work on the mean of that time.
    """
    works = load.works()
    most = 0.0
    for share in _WINDOWS:
        window = share * setting.wait
        for first, arrival in enumerate(load.arrivals):
            last = bisect_right(load.arrivals, arrival + window, first)
            within = window + setting.wait
            slots = (works[last] - works[first]) / setting.concurrency
            if within > 0 and slots > most * within:
                most = max(most, slots / (within + max(load.services[first:last])))
    return most
