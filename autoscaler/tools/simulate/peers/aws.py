"""The peer `aws`: target tracking on the backlog per instance."""

from __future__ import annotations

from typing import ClassVar

from autoscaler.model.numbers import quotient, rounded_up
from autoscaler.tools.simulate.peers.peer import Metrics, Victims


class AwsBacklog:
    """Ready messages for each instance, held at the longest wait divided by the service time.

    Metrics are of one minute. The high alarm needs 3 of them above the target and resizes in proportion;
    the low alarm needs 15 below 90 % of it.

    Source: "Scaling policy based on Amazon SQS", Amazon EC2 Auto Scaling User Guide (acceptable backlog per
    instance = longest acceptable latency / average processing time), and "Target tracking scaling
    policies" (its alarms: 3 and 15 periods of 60 s).
    """

    name: ClassVar[str] = "aws"

    def __init__(self, wait: float, share: float = 1.0) -> None:
        """Target a share of `wait` seconds."""
        self.interval = 60.0
        self.start_time: float | None = None
        self.victims = Victims.IDLE_FIRST
        self.on_message = False
        self._wait = wait * share
        self._above = self._below = 0

    def decide(self, _now: float, metrics: Metrics, n: int) -> int:
        """In proportion to the backlog, once an alarm has lasted."""
        target = quotient(self._wait, metrics.service_time) * metrics.concurrency
        backlog = metrics.ready / max(n, 1)
        self._above = self._above + 1 if backlog > target else 0
        self._below = self._below + 1 if backlog < 0.9 * target else 0
        if self._above >= 3:
            return max(n + 1, rounded_up(quotient(n * backlog, target)))
        if self._below >= 15:
            return max(rounded_up(quotient(n * backlog, target)), n - max(1, n // 10))
        return n
