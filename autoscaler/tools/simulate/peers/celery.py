"""The peer `celery`: Celery's own `--autoscale`."""

from __future__ import annotations

from math import inf
from typing import ClassVar

from autoscaler.tools.simulate.peers.peer import Metrics, Victims

#: Seconds that a fork takes.
FORK = 0.3


class CeleryAutoscale:
    """One process for each outstanding task, forked at once; down only a while after the last up.

    Its processes fork from a running parent, so they start in 0.3 s whatever the app's own start takes.
    They all live in one worker on one machine. Only idle processes go.

    Source: celery/worker/autoscale.py, `Autoscaler._maybe_scale` and `scale_down`
    (AUTOSCALE_KEEPALIVE, 30 s).
    Celery 5.7 also counts the keepalive from the last task received; here it is from the last up only, as
    before, which is in its favour.

    Parameters
    ----------
    keepalive, start_time : seconds; None: processes start like everybody's workers.
    """

    name: ClassVar[str] = "celery"

    def __init__(self, keepalive: float = 30.0, start_time: float | None = FORK) -> None:
        self.interval = 1.0
        self.start_time = start_time
        self.victims = Victims.ONLY_IDLE
        self.on_message = True
        self._keepalive = keepalive
        self._last_up = -inf

    def decide(self, now: float, metrics: Metrics, n: int) -> int:
        """Up to the outstanding tasks at once, down to them after the keepalive."""
        outstanding = metrics.ready + metrics.unacknowledged
        processes = -(-outstanding // metrics.concurrency)
        if processes > n:
            self._last_up = now
            return processes
        return processes if now - self._last_up > self._keepalive else n
