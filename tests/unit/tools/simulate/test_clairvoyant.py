"""The benchmark's linear programme: a bound, and a tight one."""

from __future__ import annotations

import random

import pytest

from autoscaler.model import MaxWait, Scaling
from autoscaler.tools.simulate.bound import least_worker_seconds
from autoscaler.tools.simulate.load import Load, poisson
from autoscaler.tools.simulate.ours import Ours
from autoscaler.tools.simulate.patterns import PATTERNS, pattern
from autoscaler.tools.simulate.peers import CeleryAutoscale, PeerScaler
from autoscaler.tools.simulate.run import simulate
from autoscaler.tools.simulate.setting import Setting

pytest.importorskip("scipy", reason="the extra `benchmarks` is not installed")
clairvoyant = pytest.importorskip("benchmarks.policies.clairvoyant", reason="run from the project's folder")


def test_one_burst_is_paid_with_its_work_and_the_fewest_starts() -> None:
    load = Load("burst", (100.0,) * 40, (10.0,) * 40, 300.0)
    setting = Setting(wait=30.0, start_time=8.0, min_workers=0, initial=0)
    bound = clairvoyant.clairvoyant(load, setting)
    assert bound.worker_seconds == pytest.approx(400.0 + 10 * 8.0, rel=0.02)  # 400 s of work within 40 s
    assert bound.starts == pytest.approx(10.0, rel=0.03)


def test_what_cannot_be_done_in_time_has_no_bound() -> None:
    load = Load("too much", (0.0,) * 100, (10.0,) * 100, 100.0)
    assert clairvoyant.clairvoyant(load, Setting(wait=30.0, max_workers=4)).worker_seconds is None


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_it_lies_between_the_plain_bound_and_what_max_wait_pays(name: str) -> None:
    setting = Setting(wait=30.0)
    load = pattern(name, seed=7)
    scaling = Scaling(1, 64, 1, (MaxWait(30.0),), stabilization=0.0)
    outcome = simulate(load, setting, Ours(scaling))
    bound = clairvoyant.clairvoyant(load, setting).worker_seconds
    assert outcome.violations <= 0.01
    assert least_worker_seconds(load, setting) <= bound * 1.0001
    assert bound <= outcome.worker_seconds


def test_what_outlasts_the_warm_up_is_paid_and_what_comes_after_the_end_is_not() -> None:
    load = Load("long", (0.0,) * 10, (2000.0,) * 10, 600.0, goes_on=True)
    bound = clairvoyant.clairvoyant(load, Setting(wait=30.0, warmup=300.0))
    assert bound.worker_seconds == pytest.approx(10 * 300.0)


def test_a_task_that_comes_shortly_before_the_end_may_wait_beyond_it() -> None:
    load = Load("late", (580.0,), (100.0,), 600.0, goes_on=True)
    bound = clairvoyant.clairvoyant(load, Setting(wait=30.0, min_workers=0))
    assert bound.worker_seconds == pytest.approx(0.0)


@pytest.mark.parametrize("goes_on", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_nobody_is_below_it_who_lets_tasks_with_a_heavy_tail_start_in_time(seed: int, goes_on: bool) -> None:
    rng = random.Random(seed)
    times = poisson(rng, 0.2, 0.0, 900.0)
    services = tuple(min(5000.0, rng.paretovariate(0.7)) for _ in times)
    load = Load("tail", tuple(times), services, 900.0, goes_on=goes_on)
    setting = Setting(wait=30.0, start_time=0.3, warmup=300.0)
    outcome = simulate(load, setting, PeerScaler(CeleryAutoscale(10.0)))
    bound = clairvoyant.clairvoyant(load, setting).worker_seconds
    assert outcome.violations == 0
    assert bound <= outcome.worker_seconds <= 1.5 * bound
