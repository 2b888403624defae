"""The memory of a worker of each fleet, measured on the running workers in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

#: How many of a fleet's latest measurements count.
MEASUREMENTS = 5
#: Seconds between two measurements of a fleet: reading a process tree costs milliseconds.
PERIOD = 10.0


class WorkerMemory:
    """Remembers the latest measurements of each fleet; the largest of them counts.

    Parameters
    ----------
    process_memory : bytes of a process and its children by pid, None when it is gone.
    """

    def __init__(self, process_memory: Callable[[int], int | None]) -> None:
        self._process_memory = process_memory
        self._measured: dict[str, tuple[int, ...]] = {}
        self._turn: dict[str, int] = {}
        self._due: dict[str, float] = {}

    def per_worker(self, now: float, fleet: str, pids: Sequence[int]) -> int | None:
        """Bytes that one worker takes; None before the first measurement.

        Parameters
        ----------
        pids : of the fleet's running workers; one of them is measured when it is time to.
        """
        if pids and now >= self._due.get(fleet, now):
            self._due[fleet] = now + PERIOD
            self._measure(fleet, pids)
        return max(self._measured.get(fleet, ()), default=None)

    def _measure(self, fleet: str, pids: Sequence[int]) -> None:
        turn = self._turn[fleet] = self._turn.get(fleet, -1) + 1
        value = self._process_memory(pids[turn % len(pids)])
        if value is not None:
            self._measured[fleet] = (*self._measured.get(fleet, ()), value)[-MEASUREMENTS:]
