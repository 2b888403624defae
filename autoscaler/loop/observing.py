"""The look at everything in one tick: each source is asked within its time, and its failures stay its own."""

from __future__ import annotations

from collections.abc import Mapping

from autoscaler.config import Config
from autoscaler.loop.containment import Containment
from autoscaler.model import (
    Beat,
    HostStats,
    Observation,
    Process,
    QueueStats,
    Reading,
    Unknown,
    WorkerStats,
)
from autoscaler.net.deadline import Deadline
from autoscaler.observe.sources import MemoryMeter, Sources
from autoscaler.supervisord.programs_seen import Scene

#: Seconds for the counts of all queues.
QUEUES_DEADLINE = 4.0
#: Seconds for connecting to the broker, and for the answers of workers after it.
CONNECT_DEADLINE = 2.0
WORKERS_DEADLINE = 1.0


class Observer:
    """Asks the sources. A source that fails unexpectedly is unknown for this tick."""

    def __init__(self, sources: Sources, containment: Containment) -> None:
        self._sources = sources
        self._contained = containment.contained

    @property
    def memory(self) -> MemoryMeter:
        """The meter of the workers' memory."""
        return self._sources.memory

    def observe(
        self,
        now: float,
        config: Config,
        processes: Reading[Mapping[str, Process]],
        workers: Mapping[str, Reading[WorkerStats]],
    ) -> Observation:
        """Count the queues of all fleets and look at the host; the rest was seen already."""
        watched = sorted({queue for fleet in config.fleets.values() for queue in fleet.queues})
        return Observation(
            at=now,
            queues=self._count_queues(now, watched),
            workers=workers,
            processes=processes,
            host=self._look_at_host(now),
        )

    def ask_workers(self, now: float, scene: Scene) -> Mapping[str, Reading[WorkerStats]]:
        """Ask every worker that has a process; wait only for those that have answered before."""
        alive = {name: scene.node(name) for name in scene.names if scene.pid(name) is not None}
        settled = [node for name, node in alive.items() if scene.has_answered(name)]
        leaving = [node for name, node in alive.items() if name in scene.drains]
        with self._contained("observe", "workers") as caught:
            return self._sources.workers.inspect(
                list(alive.values()),
                Deadline.within(CONNECT_DEADLINE + WORKERS_DEADLINE),
                queues_of=leaving,
                awaited=settled,
                patience=WORKERS_DEADLINE,
            )
        return dict.fromkeys(alive.values(), Unknown(caught.trouble, now))

    def find_beats(self, now: float) -> tuple[Beat, ...]:
        """The celery beats of this machine; none where they cannot be looked for."""
        with self._contained("observe", "beats"):
            return self._sources.beats(now)
        return ()

    def _count_queues(self, now: float, watched: list[str]) -> Mapping[str, Reading[QueueStats]]:
        with self._contained("observe", "queues") as caught:
            return self._sources.queues.queues(watched, Deadline.within(QUEUES_DEADLINE))
        return dict.fromkeys(watched, Unknown(caught.trouble, now))

    def _look_at_host(self, now: float) -> Reading[HostStats]:
        with self._contained("observe", "host") as caught:
            return self._sources.host(now)
        return Unknown(caught.trouble, now)
