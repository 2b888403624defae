"""The free memory for new workers, shared by the fleets one after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from autoscaler.model import HostBudget, Worker, WorkerState

#: All workers of one fleet.
Members: TypeAlias = tuple[Worker, ...]


class Room:
    """What is left above the reserve, with what was promised already taken off.

    Parameters
    ----------
    spare : bytes above the reserve; None: unknown.
    members : workers by fleet. Those that are starting have yet to take their memory.
    sizes : bytes that one worker takes, by fleet; None: not measured yet.
    """

    def __init__(
        self, spare: int | None, members: Mapping[str, Members], sizes: Mapping[str, int | None]
    ) -> None:
        self._spare = spare
        self._sizes = sizes
        self._taken = {fleet: _starting(workers) * (sizes[fleet] or 0) for fleet, workers in members.items()}

    def budget(self, fleet: str) -> HostBudget:
        """What is left for a fleet; its own starting workers are its own decision's matter."""
        others = sum(taken for name, taken in self._taken.items() if name != fleet)
        return HostBudget(None if self._spare is None else self._spare - others, self._sizes[fleet])

    def take(self, fleet: str, workers: int) -> None:
        """Set aside what a fleet's new workers will take."""
        self._taken[fleet] += workers * (self._sizes[fleet] or 0)


def _starting(members: Members) -> int:
    return sum(worker.state is WorkerState.STARTING for worker in members)
