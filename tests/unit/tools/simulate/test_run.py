"""Scalers on fake time."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from autoscaler.errors import OutOfTime
from autoscaler.model import BacklogPerWorker, Scaling, Threshold
from autoscaler.tools.simulate.load import Load
from autoscaler.tools.simulate.ours import Ours
from autoscaler.tools.simulate.patterns import PATTERNS, pattern
from autoscaler.tools.simulate.peers import CeleryAutoscale, Keda, LaravelHybrid, PeerScaler
from autoscaler.tools.simulate.run import Scaler, simulate
from autoscaler.tools.simulate.setting import Setting
from autoscaler.tools.simulate.world import Sample, World

SCALING = Scaling(min_workers=1, max_workers=64, concurrency=1, policies=(BacklogPerWorker(8),))
SETTING = Setting(wait=30.0)


@dataclass
class Onlooker:
    """A scaler that only looks."""

    name: str = "onlooker"
    interval: float | None = None
    start_time: float | None = None
    seen: list[tuple[float, Sample]] = field(default_factory=list)

    def attach(self, world: World) -> None:
        pass

    def step(self, now: float, world: World, seen: Sample) -> None:
        self.seen.append((now, seen))


@pytest.mark.parametrize("lag", [0.0, 1.0, 2.0, 5.0])
def test_a_scaler_sees_the_queue_as_it_was_a_lag_ago(lag: float) -> None:
    load = Load("busy", tuple(t + 0.5 for t in range(40)), (100.0,) * 40, 41.0)
    onlooker = Onlooker()
    simulate(load, Setting(wait=1.0, lag=lag), onlooker)
    for now, seen in onlooker.seen[:20]:
        assert seen.at == max(0.0, now - lag)
        assert seen.published == int(seen.at + 0.5)


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_every_pattern_is_served_and_the_same_again(name: str) -> None:
    load, seldom = pattern(name, seed=3), Setting(wait=30.0, polling_interval=10.0)
    first = simulate(load, seldom, Ours(SCALING))
    assert first == simulate(load, seldom, Ours(SCALING))
    assert first.tasks == len(load.arrivals)
    assert first.worker_seconds >= first.work_seconds
    assert 1 <= first.peak <= 64


def test_patterns_differ_by_seed_only() -> None:
    assert pattern("step", 1) == pattern("step", 1)
    assert pattern("step", 1) != pattern("step", 2)


def test_a_fleet_that_shrinks_interrupts_no_task() -> None:
    outcome = simulate(pattern("random-bursts"), SETTING, Ours(SCALING))
    assert outcome.starts > 0
    assert outcome.killed == 0


def test_random_victims_lose_long_tasks_when_their_grace_ends() -> None:
    outcome = simulate(pattern("rare-long"), SETTING, PeerScaler(Keda(5.0)))
    assert outcome.killed > 0


def test_a_policy_with_memory_drives_the_fleet() -> None:
    steps = Threshold(up=10, down=2, step=4, up_after=4.0, down_after=20.0)
    scaling = Scaling(min_workers=1, max_workers=64, concurrency=1, policies=(steps,))
    assert simulate(pattern("step"), SETTING, Ours(scaling)).peak > 20


@pytest.mark.parametrize(
    "scaler",
    [PeerScaler(CeleryAutoscale()), PeerScaler(LaravelHybrid(30.0)), PeerScaler(Keda(1.0))],
    ids=lambda scaler: scaler.name,
)
def test_peers_keep_to_the_bounds(scaler: Scaler) -> None:
    setting = Setting(wait=30.0, min_workers=2, max_workers=9)
    outcome = simulate(pattern("step"), setting, scaler)
    assert all(2 <= serving <= 9 for _, serving, _ in outcome.sizes)


def test_celery_s_rule_follows_every_message_and_holds_for_the_keepalive() -> None:
    load = Load("three at once", (10.0, 10.0, 10.0), (5.0, 5.0, 5.0), 120.0)
    outcome = simulate(load, SETTING, PeerScaler(CeleryAutoscale(keepalive=30.0)))
    sizes = [(time, serving) for time, serving, _ in outcome.sizes]
    assert (10.0, 3) in sizes
    assert sizes[-1][1] == 1
    assert sizes[-1][0] > 40.0
    assert outcome.wait_max == pytest.approx(0.3)


def test_a_run_is_broken_off_when_its_time_is_over():
    load, ticks = pattern("step"), []
    with pytest.raises(OutOfTime, match=f"broken off 20 s into a load of {load.duration:.0f} s"):
        simulate(load, SETTING, Ours(SCALING), out_of_time=lambda: ticks.append(1) or len(ticks) > 10)
