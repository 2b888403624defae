"""The sources that a tick looks at, as interfaces."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from autoscaler.model import Beat, HostStats, Reading, WorkerStats
from autoscaler.net.deadline import Deadline
from autoscaler.observe.beats import no_beats
from autoscaler.observe.queues import QueueSource


class WorkerSource(Protocol):
    """Asks workers about themselves."""

    def inspect(
        self,
        nodes: Collection[str],
        deadline: Deadline,
        *,
        queues_of: Collection[str] | None,
        awaited: Collection[str] | None,
        patience: float,
    ) -> Mapping[str, Reading[WorkerStats]]:
        """Ask workers for their tasks: exactly these keys, and never an exception.

        Parameters
        ----------
        nodes : Celery node names.
        queues_of : the nodes that are asked for their queues too; None: all of them.
        awaited : the nodes whose answers are waited for; None: all of them.
        patience : seconds to wait for answers once the broker is connected.
        """


class MemoryMeter(Protocol):
    """Measures the memory of a worker."""

    def per_worker(self, now: float, fleet: str, pids: list[int]) -> int | None:
        """Bytes that one worker of the fleet takes; None before the first measurement."""


@dataclass(frozen=True, slots=True)
class Sources:
    """All that a tick looks at, beside the target."""

    queues: QueueSource
    workers: WorkerSource
    host: Callable[[float], Reading[HostStats]]
    memory: MemoryMeter
    #: The celery beats of this machine, anybody's.
    beats: Callable[[float], tuple[Beat, ...]] = no_beats
