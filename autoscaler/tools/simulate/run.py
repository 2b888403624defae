"""The run of one scaler on one load, tick by tick."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from autoscaler.errors import OutOfTime
from autoscaler.tools.simulate.load import Load
from autoscaler.tools.simulate.outcome import Outcome, outcome_of
from autoscaler.tools.simulate.setting import Setting
from autoscaler.tools.simulate.world import Sample, World

#: Seconds after the load, and after its longest task, in which the rest of the work may be done.
LONGEST_REST = 3600.0


class Scaler(Protocol):
    """Changes a world's fleet, once a tick."""

    @property
    def name(self) -> str:
        """For display."""

    @property
    def interval(self) -> float | None:
        """Seconds between two steps; None: the setting's polling interval."""

    @property
    def start_time(self) -> float | None:
        """Seconds that a worker takes to start; None: the setting's start time."""

    def attach(self, world: World) -> None:
        """Meet the world before anything happens in it."""

    def step(self, now: float, world: World, seen: Sample) -> None:
        """Give the orders of one tick.

        Parameters
        ----------
        seen : the queue as it was `lag` seconds ago.
        """


def simulate(
    load: Load, setting: Setting, scaler: Scaler, *, out_of_time: Callable[[], bool] = lambda: False
) -> Outcome:
    """Run a scaler on a load until all work is done, or until the end of one that goes on.

    It ends at the latest an hour after the load's end and its longest task.

    Parameters
    ----------
    out_of_time : asked at each tick whether to break off.

    Raises
    ------
    OutOfTime : it was broken off.
    """
    world = World(load, setting, scaler.start_time)
    scaler.attach(world)
    interval = scaler.interval or setting.polling_interval
    last = min(load.end, load.duration + max(load.services, default=0.0) + LONGEST_REST)
    #: Whole ticks that a sample is on its way; samples are taken for the tick that will see them.
    ahead = int(setting.lag / interval)
    on_the_way = deque([world.sample()] * ahead)
    tick, now = 0, 0.0
    while now < load.duration or (not world.finished and now < last):
        if out_of_time():
            raise OutOfTime(f"broken off {now:.0f} s into a load of {load.duration:.0f} s")
        world.advance(max(world.now, (tick + ahead) * interval - setting.lag))
        on_the_way.append(world.sample())
        world.advance(now)
        scaler.step(now, world, on_the_way.popleft())
        tick += 1
        now = tick * interval
    world.advance(max(world.now, load.duration))
    return outcome_of(scaler.name, world, load, setting)
