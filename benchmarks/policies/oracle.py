"""A scaler that sees as far ahead as a start and a tick take: what better forecasts could give at most.

It knows every task that waits or will have come by then, and how long each runs. It keeps as many workers
as let all of them start within its share of the wait, if tasks are begun in the order of arrival.
"""

from __future__ import annotations

import math
from bisect import bisect_right

from autoscaler.simulate.setting import Setting
from autoscaler.simulate.world import Node, Sample, World


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
        """Slots that begin every known task in time; what runs takes its slot until it ends."""
        load = world.load
        coming = range(_arrived(world), bisect_right(load.arrivals, now + self._ahead))
        rests = sum(
            max(0.0, started + load.services[task] - now)
            for node in world.nodes
            for task, started in node.running.items()
        )
        work, most = rests, 0.0
        for task in (*world.queue, *coming):
            left = max(load.arrivals[task] + self._planned - now, self._setting.polling_interval)
            most = max(most, work / left)
            work += load.services[task]
        busy = sum(len(node.running) for node in world.nodes)
        least = 1 if work > rests and not busy else 0
        return max(least, math.ceil(most / self._setting.concurrency))


def _arrived(world: World) -> int:
    return bisect_right(world.load.arrivals, world.now)


def _newest(node: Node) -> int:
    return -node.number
