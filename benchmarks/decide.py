"""How long one decision takes: `python benchmarks/decide.py`.

A fleet of 60 workers with an hour of history at a tick of 2 s, by `max_wait`: what is measured is brought up
to date (`measure.update`) and the decision is taken, as in every tick. Once while the wait can be kept by
starting workers, once where it is too short for that (the Erlang floor). Prints median, 99th percentile and
maximum in milliseconds.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

from autoscaler.decide import decide
from autoscaler.measure import update
from autoscaler.model import (
    ActiveTask,
    Demand,
    FleetState,
    HostBudget,
    Known,
    MaxWait,
    Scaling,
    Situation,
    Track,
    Worker,
    WorkerState,
    WorkerStats,
)

INTERVAL = 2.0
HISTORY = 3600.0
WORKERS = 60
#: Tasks a second, each of a second: about 45 slots busy.
RATE = 45.0


def main() -> None:
    """Measure both cases."""
    print(f"{'max_wait':>9} {'part':>8} {'median ms':>10} {'p99 ms':>8} {'max ms':>8}")
    for wait in (30.0, 5.0):
        updates, decisions = measure(wait)
        for part, seconds in (("update", updates), ("decide", decisions)):
            cut = statistics.quantiles(seconds, n=100)
            print(
                f"{wait:8.0f}s {part:>8} {cut[49] * 1e3:10.3f} {cut[98] * 1e3:8.3f} {max(seconds) * 1e3:8.3f}"
            )


def measure(wait: float) -> tuple[list[float], list[float]]:
    """Run an hour, then time half an hour more."""
    scaling = Scaling(1, 100, 1, (MaxWait(wait),), stabilization=0.0)
    track, memory = Track(), FleetState()
    updates, decisions = [], []
    for step in range(int(1.5 * HISTORY / INTERVAL)):
        now = step * INTERVAL
        demand = Demand(ready=RATE * (1 + step % 7), reserved=0, running=int(RATE))
        workers = fleet(now, int(RATE * now))
        begun = time.perf_counter()
        track = update(track, now, demand, workers)
        updated = time.perf_counter()
        situation = Situation(now, "emails", scaling, demand, workers, HostBudget(None, None))
        _, memory = decide(replace(situation, measures=track.measures), memory)
        ended = time.perf_counter()
        if now >= HISTORY:
            updates.append(updated - begun)
            decisions.append(ended - updated)
    return updates, decisions


def fleet(now: float, accepted: int) -> tuple[Worker, ...]:
    """Sixty workers that have accepted so many tasks together; three of four are busy."""
    return tuple(worker(number, now, accepted) for number in range(1, WORKERS + 1))


def worker(number: int, now: float, accepted: int) -> Worker:
    """One of them."""
    name = f"emails-{number:02d}"
    active = (ActiveTask(f"{name}-{accepted}", "send", now - 0.5),) if number % 4 else ()
    stats = WorkerStats(f"{name}@h", number, 1, accepted // WORKERS, active)
    return Worker(
        name, "emails", f"{name}@h", WorkerState.RUNNING, 0.0, number, Known(stats, now), answered=True
    )


if __name__ == "__main__":
    main()
