"""The peer `laravel`: laravel-queue-autoscale's hybrid strategy."""

from __future__ import annotations

from math import inf
from typing import ClassVar

from autoscaler.model.numbers import quotient, rounded_up
from autoscaler.tools.simulate.peers.peer import Metrics, Victims


class LaravelHybrid:
    """The larger of Little's law and of what drains the backlog; that only late in the deadline.

    The deadline is shortened by the time a worker takes to start. From `threshold` of it on the workers
    that drain the backlog in the rest of it are multiplied by 1 + 8 (progress - 0.5)^2, at most 5.
    Forecasts and the smoothing of single steps down are left out; the cooldown stands for them.

    Source: cboxdk/laravel-queue-autoscale, src/Scaling/Strategies/HybridStrategy.php and
    src/Scaling/Calculators/BacklogDrainCalculator.php.
    """

    name: ClassVar[str] = "laravel"

    def __init__(self, wait: float, threshold: float = 0.5, cooldown: float = 60.0) -> None:
        self.interval = 5.0
        self.start_time: float | None = None
        self.victims = Victims.IDLE_FIRST
        self.on_message = False
        self._wait, self._threshold, self._cooldown = wait, threshold, cooldown
        self._changed = -inf

    def decide(self, now: float, metrics: Metrics, n: int) -> int:
        """Up at once, down after the cooldown."""
        steady = metrics.arrival_rate * metrics.service_time
        slots = rounded_up(max(steady, self._drain(metrics)))
        wanted = -(-slots // metrics.concurrency)
        saturated = metrics.unacknowledged >= 0.9 * metrics.running * metrics.concurrency > 0
        if metrics.ready and saturated and wanted <= n:
            wanted = n + 1
        if wanted < n and now - self._changed < self._cooldown:
            return n
        if wanted != n:
            self._changed = now
        return wanted

    def _drain(self, metrics: Metrics) -> float:
        if metrics.ready == 0:
            return 0.0
        deadline = max(1.0, self._wait - metrics.start_time)
        progress = min(metrics.oldest / deadline, 1.5)
        if progress < self._threshold:
            return 1.0 if metrics.running == 0 else 0.0
        left = deadline - metrics.oldest
        each = max(quotient(left, metrics.service_time), 1.0) if left > 0 else max(metrics.service_time, 0.1)
        return metrics.ready / each * min(1.0 + 8.0 * (progress - 0.5) ** 2, 5.0)
