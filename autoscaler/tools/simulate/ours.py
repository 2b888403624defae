"""The daemon's scaler in fake time: its observation, `update` and `decide`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from autoscaler.decide import Reader, decide, fleet_demands
from autoscaler.measure import expected, learn, update
from autoscaler.model import (
    ActiveTask,
    Decision,
    FleetState,
    HostBudget,
    Known,
    Past,
    QueueStats,
    Reading,
    Scaling,
    Situation,
    Track,
    Unknown,
    Worker,
    WorkerState,
    WorkerStats,
)
from autoscaler.tools.simulate.world import Node, Phase, Sample, World

FLEET = "fleet"
QUEUE = "queue"
NO_LIMIT = HostBudget(memory_spare=None, memory_per_worker=None)
_STATES = {
    Phase.STARTING: WorkerState.STARTING,
    Phase.RUNNING: WorkerState.RUNNING,
    Phase.DRAINING: WorkerState.DRAINING,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a worker was at the last tick."""

    state: WorkerState
    #: Time of the tick that saw it first in this state.
    since: float


class Ours:
    """`decide` with a fleet's scaling.

    Parameters
    ----------
    scaling : its min_workers, max_workers and concurrency are to be those of the setting.
    """

    interval: float | None = None
    start_time: float | None = None

    def __init__(self, scaling: Scaling, name: str = "autoscaler", memory: FleetState | None = None) -> None:
        self.name = name
        self.scaling = scaling
        #: The latest decision; None before the first.
        self.decision: Decision | None = None
        self._memory = memory or FleetState()
        self._track = Track()
        self._past = Past()
        self._seen: dict[int, Seen] = {}
        self._reader = Reader(FLEET, (QUEUE,), scaling.max_workers * scaling.concurrency)

    def attach(self, world: World) -> None:
        """Meet the world; nothing to prepare."""

    def step(self, now: float, world: World, seen: Sample) -> None:
        """One tick: observe, decide, act."""
        nodes = {_name(node): node for node in world.nodes}
        workers = tuple(self._worker(now, name, node, answers=seen.known) for name, node in nodes.items())
        self._seen = {node.number: self._seen[node.number] for node in world.nodes}
        away = Unknown("the broker is away", now)
        queues: dict[str, Reading[QueueStats]] = {QUEUE: Known(_queue(seen), seen.at) if seen.known else away}
        self.decision = self._decide(now, queues, workers)
        for name in self.decision.restore:
            world.restore(nodes[name])
        for name in self.decision.drain:
            world.drain(nodes[name])
        for _ in range(self.decision.start):
            world.start()

    def _decide(
        self, now: float, queues: dict[str, Reading[QueueStats]], workers: tuple[Worker, ...]
    ) -> Decision:
        demand = fleet_demands(now, [self._reader], queues, workers)[FLEET]
        before, self._track = self._track, update(self._track, now, demand, workers)
        self._past, _ = learn(self._past, before, self._track)
        measures = replace(self._track.measures, expected=expected(self._past))
        situation = Situation(now, FLEET, self.scaling, demand, workers, NO_LIMIT, None, measures)
        decision, self._memory = decide(situation, self._memory)
        return decision

    def _worker(self, now: float, name: str, node: Node, *, answers: bool) -> Worker:
        state = _STATES[node.phase]
        before = self._seen.get(node.number)
        if before is None or before.state is not state:
            self._seen[node.number] = before = Seen(state, now)
        stats: Reading[WorkerStats] = (
            Unknown("it does not answer", now)
            if node.phase is Phase.STARTING or not answers
            else Known(_stats(name, node, slots=self.scaling.concurrency), now)
        )
        return Worker(name, FLEET, name, state, before.since, node.pid, stats)


def _name(node: Node) -> str:
    return f"{FLEET}-{node.number:02d}"


def _queue(seen: Sample) -> QueueStats:
    return QueueStats(QUEUE, seen.ready, seen.unacknowledged)


def _stats(name: str, node: Node, slots: int) -> WorkerStats:
    return WorkerStats(
        node=name,
        pid=node.pid,
        slots=slots,
        accepted=node.accepted,
        active=tuple(ActiveTask(str(task), "task", started) for task, started in node.running.items()),
        reserved=len(node.held),
    )
