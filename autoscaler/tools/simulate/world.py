"""The simulated world: a FIFO queue, and workers with slots, start times and drains.

The broker hands a task to the consumers in turn, to the next one that may hold another. A worker runs
what it has a slot for and keeps the rest. Between two calls nothing happens but arrivals, tasks that
end and workers that become ready, so `advance` needs one heap and one cursor.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import inf

from autoscaler.tools.simulate.load import Load
from autoscaler.tools.simulate.setting import Setting


class Phase(Enum):
    """The life of a simulated worker."""

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    GONE = "gone"


class Disturbance(Enum):
    """What a load does to the world beside its tasks."""

    OUTAGE = "the broker goes away"
    BACK = "it is back"
    CRASH = "a worker dies"


def _disturbances(load: Load) -> list[tuple[float, Disturbance]]:
    """In the order of time."""
    found = [(at, Disturbance.CRASH) for at in load.crashes]
    for begin, end in load.outages:
        found += [(begin, Disturbance.OUTAGE), (end, Disturbance.BACK)]
    return sorted(found, key=lambda each: each[0])


class Node:
    """One simulated worker. Changed by its World only."""

    __slots__ = ("accepted", "born", "held", "listed", "number", "phase", "pid", "ready_at", "running")

    def __init__(self, number: int, born: float, ready_at: float, pid: int = 0) -> None:
        #: Position in the fleet, 1-based; the lowest free one.
        self.number = number
        #: Of its process: another one after a crash.
        self.pid = pid
        self.born = born
        self.ready_at = ready_at
        self.phase = Phase.STARTING
        #: Time of start by task.
        self.running: dict[int, float] = {}
        #: Tasks that it has not started.
        self.held: deque[int] = deque()
        #: Tasks that it has begun to run since it started, as Celery's `stats.total` counts them.
        self.accepted = 0
        #: Whether it stands in the queue's round.
        self.listed = False

    @property
    def busy(self) -> bool:
        return bool(self.running)


@dataclass(frozen=True, slots=True)
class Sample:
    """The queue at one time, as the broker would count it."""

    at: float
    #: Tasks in the queue.
    ready: int
    #: Tasks that workers run or hold.
    unacknowledged: int
    #: Tasks that have ever arrived.
    published: int
    #: Seconds that the oldest task in the queue has waited; 0 when it is empty.
    oldest: float
    #: False: the broker is away, and nothing of this can be seen.
    known: bool = True


class World:
    """A load meeting a fleet.

    Parameters
    ----------
    start_time : seconds; instead of the setting's, for a scaler whose workers start otherwise.
    """

    def __init__(self, load: Load, setting: Setting, start_time: float | None = None) -> None:
        self.load = load
        self.setting = setting
        self.now = 0.0
        self.nodes: list[Node] = []
        #: When each task began to run, first time; inf until then.
        self.started_at: list[float] = [inf] * len(load.arrivals)
        self.queue: deque[int] = deque()
        self.starts = self.killed = 0
        #: Seconds of workers that are gone, after the warm-up.
        self.worker_seconds = 0.0
        #: (time, workers that are starting or running, workers alive) at each change.
        self.sizes: list[tuple[float, int, int]] = []
        #: Called with the time after each arrival that has to wait.
        self.on_waiting: Callable[[float], None] | None = None
        #: Whether the broker is away.
        self.cut_off = False
        self._disturbances = deque(_disturbances(load))
        self._pids = 0
        self._start_time = setting.start_time if start_time is None else start_time
        self._capacity = setting.concurrency + setting.prefetch
        self._round: deque[Node] = deque()
        self._events: list[tuple[float, int, Node, int]] = []
        self._sequence = 0
        self._next = 0
        initial = setting.min_workers if setting.initial is None else setting.initial
        for number in range(1, initial + 1):
            self._join(self._node(number, 0.0))
        self._note_size()

    # --- what a scaler may see ---

    def serving(self) -> list[Node]:
        """The workers that start or run."""
        return [node for node in self.nodes if node.phase is not Phase.DRAINING]

    def sample(self) -> Sample:
        """The queue now."""
        oldest = self.now - self.load.arrivals[self.queue[0]] if self.queue else 0.0
        held = sum(len(node.running) + len(node.held) for node in self.nodes)
        return Sample(self.now, len(self.queue), held, self._next, oldest, known=not self.cut_off)

    @property
    def finished(self) -> bool:
        """Whether every task has arrived and ended."""
        if self._next < len(self.load.arrivals) or self.queue:
            return False
        return not any(node.running or node.held for node in self.nodes)

    # --- what a scaler may order, now ---

    def start(self) -> Node:
        """Start one worker; it takes tasks after the start time."""
        taken = {node.number for node in self.nodes}
        number = next(n for n in range(1, len(taken) + 2) if n not in taken)
        if self.now >= self.setting.warmup:
            self.starts += 1
        return self._begin(number)

    def _begin(self, number: int) -> Node:
        node = self._node(number, self._start_time)
        self.nodes.append(node)
        self._push(node.ready_at, node, -1)
        self._note_size()
        return node

    def _node(self, number: int, start_time: float) -> Node:
        self._pids += 1
        return Node(number, self.now, self.now + start_time, self._pids)

    def drain(self, node: Node) -> None:
        """Let a worker finish what it has, take nothing more, and go."""
        if node.phase in (Phase.STARTING, Phase.RUNNING):
            node.phase = Phase.DRAINING
            self._note_size()
            if not node.running:
                self._push(self.now + self.setting.stop_time, node, -2)
                self._settle()

    def restore(self, node: Node) -> None:
        """Take a draining worker back into service."""
        if node.phase is Phase.DRAINING:
            node.phase = Phase.RUNNING if node.ready_at <= self.now else Phase.STARTING
            self._enlist(node)
            self._note_size()

    def kill(self, node: Node) -> None:
        """End a worker at once; what it ran goes back to the front of the queue."""
        if node.phase is not Phase.GONE:
            self.killed += len(node.running)
            self.queue.extendleft(sorted((*node.running, *node.held), reverse=True))
            node.running.clear()
            node.held.clear()
            self._leave(node)
            self._dispatch()

    # --- time ---

    def advance(self, until: float) -> None:
        """Let everything happen that happens until then."""
        arrivals, events = self.load.arrivals, self._events
        while True:
            arrival = arrivals[self._next] if self._next < len(arrivals) else inf
            event = events[0][0] if events else inf
            disturbance = self._disturbances[0][0] if self._disturbances else inf
            if min(arrival, event, disturbance) > until:
                break
            if disturbance <= min(arrival, event):
                self._disturb()
            elif event <= arrival:
                self._happen()
            else:
                self._arrive(arrival)
        self.now = until

    def _disturb(self) -> None:
        self.now, what = self._disturbances.popleft()
        self.cut_off = what is Disturbance.OUTAGE or (self.cut_off and what is Disturbance.CRASH)
        if what is Disturbance.CRASH:
            self._crash()
        self._dispatch()

    def _crash(self) -> None:
        """Let the busiest worker die; its supervisor starts it again at once."""
        running = [node for node in self.nodes if node.phase is Phase.RUNNING]
        if running:
            node = max(running, key=lambda each: (len(each.running), -each.number))
            self.kill(node)
            self._begin(node.number)

    def _settle(self) -> None:
        """Let what is due now happen, such as the end of an idle worker."""
        while self._events and self._events[0][0] <= self.now:
            self._happen()

    def _arrive(self, time: float) -> None:
        self.now = time
        self.queue.append(self._next)
        self._next += 1
        self._dispatch()
        if self.queue and self.on_waiting is not None:
            self.on_waiting(time)

    def _happen(self) -> None:
        self.now, _, node, task = heapq.heappop(self._events)
        if task == -1:
            self._ready(node)
        elif task == -2:
            if node.phase is Phase.DRAINING and not node.running:
                self._leave(node)
        elif node.running.pop(task, None) is not None:
            self._ended(node)

    def _ready(self, node: Node) -> None:
        if node.phase is Phase.STARTING:
            node.phase = Phase.RUNNING
            self._enlist(node)
            self._dispatch()

    def _ended(self, node: Node) -> None:
        if node.held:
            self._run(node, node.held.popleft())
        if node.phase is Phase.RUNNING:
            self._enlist(node)
            if self.queue:
                self._dispatch()
        elif node.phase is Phase.DRAINING and not node.running:
            self._push(self.now + self.setting.stop_time, node, -2)

    # --- the broker's side ---

    def _dispatch(self) -> None:
        """Hand tasks to the consumers in turn, while there are both."""
        consumers, queue = self._round, self.queue
        while queue and consumers and not self.cut_off:
            node = consumers.popleft()
            node.listed = False
            if node.phase is Phase.RUNNING:
                self._give(node, queue.popleft())
                self._enlist(node)

    def _enlist(self, node: Node) -> None:
        has_room = len(node.running) + len(node.held) < self._capacity
        if has_room and not node.listed and node.phase is Phase.RUNNING:
            node.listed = True
            self._round.append(node)

    def _give(self, node: Node, task: int) -> None:
        if len(node.running) < self.setting.concurrency:
            self._run(node, task)
        else:
            node.held.append(task)

    def _run(self, node: Node, task: int) -> None:
        node.accepted += 1
        node.running[task] = self.now
        if self.started_at[task] == inf:
            self.started_at[task] = self.now
        self._push(self.now + self.load.services[task], node, task)

    def _push(self, time: float, node: Node, what: int) -> None:
        self._sequence += 1
        heapq.heappush(self._events, (time, self._sequence, node, what))

    # --- accounts ---

    def _join(self, node: Node) -> None:
        node.phase = Phase.RUNNING
        self.nodes.append(node)
        self._enlist(node)

    def _leave(self, node: Node) -> None:
        node.phase = Phase.GONE
        self.nodes.remove(node)
        self.worker_seconds += self._counted(node)
        self._note_size()

    def _counted(self, node: Node) -> float:
        return max(0.0, self.now - max(node.born, self.setting.warmup))

    def _note_size(self) -> None:
        self.sizes.append((self.now, len(self.serving()), len(self.nodes)))

    def total_worker_seconds(self) -> float:
        """Seconds of all workers until now, after the warm-up, starting and draining ones included."""
        return self.worker_seconds + sum(map(self._counted, self.nodes))

    def waits(self) -> list[float]:
        """Seconds that each task after the warm-up waited (until now, if it has not run), by arrival."""
        arrivals = self.load.arrivals
        first = bisect_left(arrivals, self.setting.warmup)
        return [
            min(self.started_at[task], self.now) - arrivals[task] if arrivals[task] <= self.now else 0.0
            for task in range(first, len(arrivals))
        ]
