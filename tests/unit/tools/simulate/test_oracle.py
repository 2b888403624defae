"""The benchmark's oracle: nobody late, and little more than the least."""

from __future__ import annotations

import random

import pytest

from autoscaler.tools.simulate.load import Load, poisson
from autoscaler.tools.simulate.run import simulate
from autoscaler.tools.simulate.setting import Setting

pytest.importorskip("scipy", reason="the extra `benchmarks` is not installed")
clairvoyant = pytest.importorskip("benchmarks.policies.clairvoyant", reason="run from the project's folder")
oracle = pytest.importorskip("benchmarks.policies.oracle", reason="run from the project's folder")

SETTING = Setting(wait=30.0, start_time=8.0, warmup=60.0)


@pytest.mark.parametrize("tail", [0.7, 3.0], ids=["a heavy tail", "a light one"])
def test_nobody_is_late_at_little_more_than_the_bound(tail: float) -> None:
    rng = random.Random(5)
    times = poisson(rng, 0.3, 0.0, 600.0)
    services = tuple(min(2000.0, 2.0 * rng.paretovariate(tail)) for _ in times)
    load = Load("tail", tuple(times), services, 600.0, goes_on=True)
    outcome = simulate(load, SETTING, oracle.Oracle(SETTING, 0.9))
    assert outcome.violations == 0
    assert outcome.worker_seconds <= 1.15 * clairvoyant.clairvoyant(load, SETTING).worker_seconds


def test_a_task_that_runs_for_hours_needs_one_worker() -> None:
    load = Load("hours", (100.0, 110.0), (9000.0, 9000.0), 300.0, goes_on=True)
    outcome = simulate(load, SETTING, oracle.Oracle(SETTING, 0.9))
    assert (outcome.peak, outcome.violations) == (2, 0.0)
