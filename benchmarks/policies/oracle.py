"""A scaler that sees as far ahead as a start and a tick take: what better forecasts could give at most.

It knows every task that waits or will have come by then, and how long each runs. It keeps as many workers
as let all of them start within its share of the wait, if tasks are begun in the order of arrival.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from heapq import heapify, heapreplace

from autoscaler.tools.simulate.setting import Setting
from autoscaler.tools.simulate.world import Node, Sample, World


class Oracle:
    """One run's scaler.

    Parameters
    ----------
    share : of the wait that it plans with.
    """

    interval: float | None = None
    start_time: float | None = None

    def __init__(self, setting: Setting, share: float) -> None:
        self.name = "oracle"
        self._setting = setting
        self._planned = share * setting.wait
        self._ahead = setting.start_time + setting.polling_interval

    def attach(self, world: World) -> None:
        """Meet the world; nothing to prepare."""

    def step(self, now: float, world: World, seen: Sample) -> None:  # noqa: ARG002 - it sees the world
        """Start or drain to what the known tasks need."""
        setting, serving = self._setting, world.serving()
        wanted = max(setting.min_workers, min(self._needed(now, world), setting.max_workers))
        for _ in range(wanted - len(serving)):
            world.start()
        idle = [node for node in serving if not node.busy]
        for node in sorted(idle, key=_newest)[: max(0, len(serving) - wanted)]:
            world.drain(node)

    def _needed(self, now: float, world: World) -> int:
        """The fewest workers with which every known task begins in time; what runs keeps its slot."""
        load, most = world.load, self._setting.max_workers
        coming = range(_arrived(world), bisect_right(load.arrivals, now + self._ahead))
        known = [(load.arrivals[task] - now, load.services[task]) for task in (*world.queue, *coming)]
        least = sum(node.busy for node in world.serving())
        return least + bisect_left(
            range(least, most), True, key=lambda workers: self._in_time(now, world, known, workers)
        )

    def _in_time(self, now: float, world: World, known: Sequence[tuple[float, float]], workers: int) -> bool:
        """Whether all begin in time that can: for some it is too late for a new worker.

        Parameters
        ----------
        known : (seconds until it comes, seconds that it runs) of each task, in order.
        """
        serving = sorted(world.serving(), key=lambda node: not node.busy)
        free = [slot for node in serving[:workers] for slot in self._slots(now, world, node)]
        new = workers - len(serving)
        free += [self._setting.start_time] * (new * self._setting.concurrency)
        heapify(free)
        for comes, runs in known:
            if not free:
                return False
            begins, latest = max(free[0], comes), comes + self._planned
            if begins > latest and (new < 0 or latest >= self._setting.start_time):
                return False
            heapreplace(free, begins + runs)
        return True

    def _slots(self, now: float, world: World, node: Node) -> list[float]:
        """Seconds until each of a worker's slots is free."""
        rests = [started + world.load.services[task] - now for task, started in node.running.items()]
        idle = self._setting.concurrency - len(rests)
        return rests + [max(0.0, node.ready_at - now)] * idle


def _arrived(world: World) -> int:
    return bisect_right(world.load.arrivals, world.now)


def _newest(node: Node) -> int:
    return -node.number
