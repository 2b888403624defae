"""The setting of a simulation, the same for every scaler in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """One fleet on one queue.

    All durations are seconds.
    """

    #: The wanted longest wait of a task; longer ones are violations.
    wait: float
    #: From the order to start a worker to its first task.
    start_time: float = 8.0
    #: From a drained worker's last task to the end of its process.
    stop_time: float = 0.0
    #: From one tick to the next.
    polling_interval: float = 2.0
    #: Age of the queue's counts when a scaler sees them.
    lag: float = 0.0
    min_workers: int = 1
    max_workers: int = 64
    #: Tasks that a worker runs at once, >= 1.
    concurrency: int = 1
    #: Tasks that a worker may hold beyond those it runs, >= 0.
    prefetch: int = 0
    #: What happens before is simulated but not counted.
    warmup: float = 0.0
    #: Workers that are there from the beginning; None: min_workers.
    initial: int | None = None
