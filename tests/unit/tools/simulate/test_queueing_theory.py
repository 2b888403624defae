"""The simulator against queueing theory: a fixed fleet is an M/M/c queue, whose mean wait is known."""

from __future__ import annotations

import math
import random
from statistics import fmean, stdev

import pytest

from autoscaler.tools.simulate.load import exponential, made, poisson
from autoscaler.tools.simulate.peers import Fixed, PeerScaler
from autoscaler.tools.simulate.run import simulate
from autoscaler.tools.simulate.setting import Setting

SEEDS = 12
#: Student's t, 11 degrees of freedom, two-sided 99 %; the seeds are fixed, so this never flickers.
T_99 = 3.106


def erlang_c(servers: int, load: float) -> float:
    """P(wait > 0) in M/M/c, by the recursion of Erlang's B formula."""
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    utilization = load / servers
    return blocked / (1 - utilization * (1 - blocked))


def mean_wait(servers: int, rate: float, service: float) -> float:
    load = rate * service
    return erlang_c(servers, load) * service / (servers - load)


def simulated(servers: int, concurrency: int, rate: float, service: float, seed: int) -> tuple[float, float]:
    """The mean wait and the share that waited at all."""
    rng = random.Random(seed)
    duration = 8000.0 / rate + 500.0
    load = made("M/M/c", poisson(rng, rate, 0.0, duration), duration, exponential(service), rng)
    workers = servers // concurrency
    setting = Setting(wait=0.0, initial=workers, min_workers=workers, concurrency=concurrency, warmup=500.0)
    outcome = simulate(load, setting, PeerScaler(Fixed(workers)))
    return outcome.wait_mean, outcome.violations


@pytest.mark.parametrize(
    ("servers", "concurrency", "rate"),
    [(1, 1, 0.35), (4, 1, 1.6), (8, 1, 3.2), (8, 4, 3.2)],
    ids=["M/M/1", "M/M/4", "M/M/8", "two workers of four slots"],
)
def test_a_fixed_fleet_waits_as_erlang_c_says(servers: int, concurrency: int, rate: float) -> None:
    service = 2.0
    runs = [simulated(servers, concurrency, rate, service, seed) for seed in range(SEEDS)]
    for figures, expected in (
        ([wait for wait, _ in runs], mean_wait(servers, rate, service)),
        ([share for _, share in runs], erlang_c(servers, rate * service)),
    ):
        half_width = T_99 * stdev(figures) / math.sqrt(SEEDS)
        assert abs(fmean(figures) - expected) <= half_width
        assert half_width < 0.35 * expected  # the interval says something
