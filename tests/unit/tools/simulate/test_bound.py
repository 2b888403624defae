"""The bound below every scaler that keeps its promise."""

from __future__ import annotations

import pytest

from autoscaler.tools.simulate.bound import least_peak, least_worker_seconds
from autoscaler.tools.simulate.load import Load
from autoscaler.tools.simulate.patterns import PATTERNS, pattern
from autoscaler.tools.simulate.peers import CeleryAutoscale, Fixed, PeerScaler
from autoscaler.tools.simulate.run import simulate
from autoscaler.tools.simulate.setting import Setting


def test_a_burst_needs_so_many_workers_and_their_starts() -> None:
    load = Load("burst", (0.0,) * 40, (10.0,) * 40, 100.0)
    setting = Setting(wait=30.0, start_time=8.0)
    assert least_peak(load, setting) == pytest.approx(10.0)  # 400 s of work within 40 s
    assert least_worker_seconds(load, setting) == pytest.approx(400.0 + 9 * 8.0)


def test_an_idle_fleet_costs_its_least_size() -> None:
    assert least_worker_seconds(Load("idle", (), (), 100.0), Setting(wait=30.0, min_workers=3)) == 300.0


@pytest.mark.parametrize("name", sorted(PATTERNS))
@pytest.mark.parametrize("peer", [Fixed(64), CeleryAutoscale()], ids=lambda peer: peer.name)
def test_no_scaler_that_keeps_the_wait_is_below_it(name: str, peer: Fixed | CeleryAutoscale) -> None:
    setting = Setting(wait=30.0, start_time=0.3)
    load = pattern(name, seed=5)
    outcome = simulate(load, setting, PeerScaler(peer))
    assert outcome.violations == 0
    assert outcome.worker_seconds >= least_worker_seconds(load, setting)
