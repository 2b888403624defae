"""The interface of all peers, and the scaler that runs a peer in the simulated world."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Protocol

from autoscaler.tools.simulate.world import Node, Phase, Sample, World

#: Seconds over which the arrival rate is measured.
RATE_WINDOW = 60.0


@dataclass(frozen=True, slots=True)
class Metrics:
    """What a peer may look at. Where a peer has to guess in life, it gets the truth here."""

    #: Tasks in the queue.
    ready: int
    #: Tasks that workers run or hold.
    unacknowledged: int
    #: Tasks a second, measured over the last minute.
    arrival_rate: float
    #: Mean seconds that a task runs.
    service_time: float
    #: Seconds that the oldest task in the queue has waited; 0 when it is empty.
    oldest: float
    #: Workers that run, without the starting ones.
    running: int
    #: Tasks that a worker runs at once.
    concurrency: int
    #: Seconds that a worker takes to start.
    start_time: float


class Victims(Enum):
    """Which workers a peer ends when it shrinks."""

    #: Idle ones first, busy ones finish what they have.
    IDLE_FIRST = "idle first"
    #: Only idle ones; where all are busy, none.
    ONLY_IDLE = "only idle"
    #: Any; it has a grace period to finish what it has.
    RANDOM = "random"


class Peer(Protocol):
    """A published scaling rule.

    One object serves one run: it may remember what it saw.
    """

    #: For display and `--against`.
    name: ClassVar[str]
    #: Seconds between two decisions.
    interval: float
    #: Seconds from the decision to a worker's first task; None: as everybody's.
    start_time: float | None
    victims: Victims
    #: Whether it also decides whenever a task arrives that has to wait.
    on_message: bool

    def decide(self, now: float, metrics: Metrics, n: int) -> int:
        """Say how many workers there should be.

        Parameters
        ----------
        now : seconds.
        n : workers that start or run.
        """


#: Kubernetes' terminationGracePeriodSeconds, 30 s by default.
GRACE = 30.0


class PeerScaler:
    """Lets a peer drive a world: metrics in, orders out.

    Parameters
    ----------
    seed : of the random choice of victims.
    """

    def __init__(self, peer: Peer, seed: int = 0, name: str | None = None) -> None:
        self.peer = peer
        self.name = name or peer.name
        self.interval: float | None = peer.interval
        self.start_time = peer.start_time
        self._rng = random.Random(seed)
        self._service_time = 1.0
        self._published: deque[tuple[float, int]] = deque([(0.0, 0)])
        #: When each draining worker's grace ends.
        self._grace: dict[Node, float] = {}

    def attach(self, world: World) -> None:
        """Listen to arrivals where the rule asks for it."""
        self._service_time = world.load.mean_service
        if self.peer.on_message:
            world.on_waiting = lambda now: self._decide(now, world, world.sample())

    def step(self, now: float, world: World, seen: Sample) -> None:
        """One decision at the peer's own interval."""
        if seen.known:
            self._published.append((seen.at, seen.published))
        while len(self._published) > 2 and self._published[1][0] <= seen.at - RATE_WINDOW:
            self._published.popleft()
        self._end_overdue(now, world)
        if seen.known:  # where its metrics fail it keeps the size, the best of them do
            self._decide(now, world, seen)

    def _decide(self, now: float, world: World, seen: Sample) -> None:
        serving = world.serving()
        wanted = self.peer.decide(now, self._metrics(world, seen, serving), len(serving))
        wanted = max(world.setting.min_workers, min(wanted, world.setting.max_workers))
        for _ in range(wanted - len(serving)):
            world.start()
        if wanted < len(serving):
            self._shrink(now, world, serving, len(serving) - wanted)

    def _metrics(self, world: World, seen: Sample, serving: list[Node]) -> Metrics:
        return Metrics(
            ready=seen.ready,
            unacknowledged=seen.unacknowledged,
            arrival_rate=self._rate(),
            service_time=self._service_time,
            oldest=seen.oldest,
            running=sum(node.phase is Phase.RUNNING for node in serving),
            concurrency=world.setting.concurrency,
            start_time=world.setting.start_time if self.start_time is None else self.start_time,
        )

    def _rate(self) -> float:
        (begun, before), (ended, after) = self._published[0], self._published[-1]
        return (after - before) / (ended - begun) if ended > begun else 0.0

    def _shrink(self, now: float, world: World, serving: list[Node], surplus: int) -> None:
        if self.peer.victims is Victims.RANDOM:
            for node in self._rng.sample(serving, surplus):
                self._grace[node] = now + GRACE
                world.drain(node)
            return
        for node in sorted(serving, key=_cost_of_leaving)[:surplus]:
            if node.busy and self.peer.victims is Victims.ONLY_IDLE:
                return
            world.drain(node)

    def _end_overdue(self, now: float, world: World) -> None:
        for node in [node for node, until in self._grace.items() if until <= now]:
            del self._grace[node]
            world.kill(node)


def _cost_of_leaving(node: Node) -> tuple[bool, int, int]:
    return (node.phase is not Phase.STARTING, len(node.running) + len(node.held), -node.number)
