"""The peer `fixed`: a fleet that never changes."""

from __future__ import annotations

from typing import ClassVar

from autoscaler.tools.simulate.peers.peer import Metrics, Victims


class Fixed:
    """Always the same size; what it is sized by, the mean or the peak, is the caller's choice."""

    name: ClassVar[str] = "fixed"

    def __init__(self, workers: int) -> None:
        self.interval = 60.0
        self.start_time: float | None = None
        self.victims = Victims.IDLE_FIRST
        self.on_message = False
        self._workers = workers

    def decide(self, _now: float, _metrics: Metrics, _n: int) -> int:
        """The size, whatever happens."""
        return self._workers
