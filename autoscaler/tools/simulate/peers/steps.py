"""The peer for step scaling: steps up and down by the number of waiting tasks."""

from __future__ import annotations

from math import inf
from typing import ClassVar

from autoscaler.tools.simulate.peers.peer import Metrics, Victims


class Steps:
    """Two thresholds on the queue and one cooldown after each change.

    Source: the rule of most home-made scalers, and of step scaling with one step: "Step and simple
    scaling policies", Amazon EC2 Auto Scaling User Guide (cooldown of simple scaling policies).
    """

    name: ClassVar[str] = "threshold"

    def __init__(self, up: int = 20, down: int = 0, step: int = 1, cooldown: float = 60.0) -> None:
        self.interval = 5.0
        self.start_time: float | None = None
        self.victims = Victims.IDLE_FIRST
        self.on_message = False
        self._up, self._down, self._step, self._cooldown = up, down, step, cooldown
        self._changed = -inf

    def decide(self, now: float, metrics: Metrics, n: int) -> int:
        """A step when the cooldown is over."""
        if now - self._changed < self._cooldown:
            return n
        change = self._step * ((metrics.ready > self._up) - (metrics.ready <= self._down))
        if change:
            self._changed = now
        return n + change
