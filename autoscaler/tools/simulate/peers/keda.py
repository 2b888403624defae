"""The peer `keda`: KEDA's RabbitMQ scaler with the Kubernetes HPA."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from autoscaler.model.numbers import quotient, rounded_up
from autoscaler.tools.simulate.peers.peer import Metrics, Victims


class Keda:
    """Messages divided by a target value, within a tolerance, with the HPA's default behaviour.

    Up at most by 4 workers or to the double within 15 s, whichever is more; down to the highest
    recommendation of the window. Kubernetes chooses the victims, which here means at random.

    Sources: KEDA documentation, "RabbitMQ Queue" trigger, mode QueueLength (ready and unacknowledged);
    Kubernetes documentation, "Horizontal Pod Autoscaling", sections "Algorithm details",
    "Default Behavior" and "Stabilization window"; kubernetes `replica_calculator.go` (tolerance 0.1).
    """

    name: ClassVar[str] = "keda"
    TOLERANCE = 0.1

    def __init__(self, value: float = 5.0, stabilization: float = 300.0) -> None:
        self.interval = 15.0
        self.start_time: float | None = None
        self.victims = Victims.RANDOM
        self.on_message = False
        self._value = value
        self._stabilization = stabilization
        self._recommended: deque[tuple[float, int]] = deque()

    def decide(self, now: float, metrics: Metrics, n: int) -> int:
        """The HPA's recommendation after stabilization and rate."""
        wanted = self._recommend(metrics.ready + metrics.unacknowledged, n)
        self._recommended.append((now, wanted))
        while self._recommended[0][0] < now - self._stabilization:
            self._recommended.popleft()
        if wanted > n:
            return min(wanted, max(n + 4, 2 * n))
        return min(n, max(size for _, size in self._recommended))

    def _recommend(self, messages: int, n: int) -> int:
        if n > 0 and abs(1 - quotient(messages, self._value * n)) <= self.TOLERANCE:
            return n
        return rounded_up(quotient(messages, self._value))
