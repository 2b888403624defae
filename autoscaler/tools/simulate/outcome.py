"""The outcome of a run: waits, cost and worker starts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from autoscaler.tools.simulate.elasticity import Elasticity, elasticity
from autoscaler.tools.simulate.load import Load
from autoscaler.tools.simulate.setting import Setting
from autoscaler.tools.simulate.world import World


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scaler on one load. Counts only what came after the warm-up; durations are seconds."""

    scaler: str
    tasks: int
    #: Share of tasks that waited longer than the wanted longest wait, 0..1.
    violations: float
    wait_mean: float
    wait_p50: float
    wait_p95: float
    wait_p99: float
    wait_max: float
    #: Workers' seconds, starting and draining ones included.
    worker_seconds: float
    #: Workers' seconds that the tasks themselves take.
    work_seconds: float
    starts: int
    #: Most workers alive at one time.
    peak: int
    #: Tasks that were interrupted and went back to the queue.
    killed: int
    elasticity: Elasticity
    #: (time, workers that start or run, workers alive) at each change.
    sizes: tuple[tuple[float, int, int], ...]
    #: Of each task, in the order of arrival.
    waits: tuple[float, ...]

    @property
    def worker_hours(self) -> float:
        return self.worker_seconds / 3600.0

    @property
    def cost(self) -> float:
        """Worker-seconds divided by work; 1 is a fleet that is always busy."""
        return self.worker_seconds / self.work_seconds if self.work_seconds else math.inf


def outcome_of(scaler: str, world: World, load: Load, setting: Setting) -> Outcome:
    """Sum up a run that has ended."""
    waits = world.waits()
    ordered = sorted(waits)
    violated = sum(wait > setting.wait for wait in waits)
    return Outcome(
        scaler=scaler,
        tasks=len(waits),
        violations=violated / len(waits) if waits else 0.0,
        wait_mean=sum(waits) / len(waits) if waits else 0.0,
        wait_p50=quantile(ordered, 0.50),
        wait_p95=quantile(ordered, 0.95),
        wait_p99=quantile(ordered, 0.99),
        wait_max=ordered[-1] if ordered else 0.0,
        worker_seconds=world.total_worker_seconds(),
        work_seconds=load.work_since(setting.warmup) / setting.concurrency,
        starts=world.starts,
        peak=_peak(world, setting),
        killed=world.killed,
        elasticity=elasticity(load, setting, world.sizes),
        sizes=tuple(world.sizes),
        waits=tuple(waits),
    )


def _peak(world: World, setting: Setting) -> int:
    """Most workers alive at one time after the warm-up, those that are there at its end included."""
    at_its_end = [alive for time, _, alive in world.sizes if time <= setting.warmup][-1:]
    return max([*at_its_end, *(alive for time, _, alive in world.sizes if time > setting.warmup)])


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the ordered values do not exceed; 0 of none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0
