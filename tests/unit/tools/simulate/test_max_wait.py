"""What `max_wait` promises, on loads that bring it into trouble."""

from __future__ import annotations

import pytest

from autoscaler.model import MaxWait, Scaling
from autoscaler.tools.simulate.load import exponential
from autoscaler.tools.simulate.ours import Ours
from autoscaler.tools.simulate.outcome import Outcome
from autoscaler.tools.simulate.patterns import PATTERNS, pattern
from autoscaler.tools.simulate.run import simulate
from autoscaler.tools.simulate.setting import Setting

SETTING = Setting(wait=30.0)


def run(name: str, seed: int, service: float = 2.0, setting: Setting = SETTING) -> Outcome:
    policies = (MaxWait(setting.wait),)
    scaling = Scaling(setting.min_workers, setting.max_workers, 1, policies, stabilization=0.0)
    return simulate(pattern(name, seed, exponential(service)), setting, Ours(scaling))


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_the_wait_is_kept_from_the_first_task_on(name: str) -> None:
    # What waits when the broker goes away for longer than the wait is late whoever scales.
    allowed = 0.01 if name == "broker-outage" else 0.001
    assert run(name, seed=11).violations <= allowed


def test_a_fleet_near_its_maximum_has_time_left_for_a_rush() -> None:
    assert run("random-bursts", seed=15, service=2.7).violations < 0.001  # 16 % without


def test_workers_that_a_burst_took_go_when_it_is_done() -> None:
    assert run("cron-burst", seed=1).cost < 1.35  # 1.42 if they stayed for what they had in use


def test_reserved_tasks_of_busy_workers_keep_no_idle_ones() -> None:
    held = run("rare-long", seed=1, setting=Setting(wait=30.0, prefetch=1))
    assert held.cost < 1.6  # 1.9 if they did


def test_counts_that_are_five_seconds_old_are_fresh_enough() -> None:
    assert run("cron-burst", seed=1, setting=Setting(wait=30.0, lag=5.0)).violations < 0.005


def test_a_fleet_does_not_shrink_while_the_broker_is_away_and_is_in_time_after_it() -> None:
    outcome = run("broker-outage", seed=1)
    away = [size for time, size, _ in outcome.sizes if 1202 <= time < 1320]
    before = [size for time, size, _ in outcome.sizes if time < 1202][-1]
    assert all(size >= before for size in away)
    arrivals = pattern("broker-outage", 1, exponential(2.0)).arrivals
    waits = [wait for at, wait in zip(arrivals, outcome.waits, strict=True) if 1320 <= at < 1326]
    assert len(waits) > 400
    assert max(waits) <= SETTING.wait
