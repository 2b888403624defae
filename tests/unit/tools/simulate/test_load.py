"""The work of a load, over time and up to its end."""

from __future__ import annotations

import pytest

from autoscaler.tools.simulate.against import mean_workers, peak_workers
from autoscaler.tools.simulate.bound import least_worker_seconds
from autoscaler.tools.simulate.elasticity import demand_curve
from autoscaler.tools.simulate.load import Load
from autoscaler.tools.simulate.patterns import pattern
from autoscaler.tools.simulate.peers import CeleryAutoscale, Fixed, PeerScaler
from autoscaler.tools.simulate.run import simulate
from autoscaler.tools.simulate.setting import Setting

SETTING = Setting(wait=30.0)
ONE = PeerScaler(Fixed(1))
#: Three tasks that outlast the load: one from its beginning, one from its middle, one that comes at its end.
LONG = Load("long", (0.0, 300.0, 590.0), (1000.0, 1000.0, 20.0), 600.0)
PART = Load("part", LONG.arrivals, LONG.services, LONG.duration, goes_on=True)


@pytest.mark.parametrize(
    ("load", "since", "left"),
    [
        (LONG, 0.0, 2020.0),
        (LONG, 400.0, 1520.0),
        (LONG, 1299.0, 1.0),
        (PART, 0.0, 910.0),
        (PART, 400.0, 410.0),
    ],
)
def test_the_work_that_is_left_reaches_to_the_end_that_counts(load: Load, since: float, left: float) -> None:
    assert load.work_since(since) == pytest.approx(left)


@pytest.mark.parametrize(("time", "done"), [(-1.0, 0.0), (300.0, 300.0), (600.0, 910.0), (9999.0, 2020.0)])
def test_the_work_done_by_a_time_if_no_task_waits(time: float, done: float) -> None:
    assert LONG.work_by()(time) == pytest.approx(done)


def test_a_part_of_a_longer_load_ends_where_it_ends() -> None:
    outcome = simulate(PART, SETTING, PeerScaler(Fixed(3)))
    assert outcome.worker_seconds <= 3 * 600.0
    assert outcome.work_seconds == pytest.approx(910.0)
    assert outcome.violations == 0


def test_a_task_of_hours_is_paid_to_its_end() -> None:
    hours = Load("hours", (0.0,), (4 * 3600.0,), 60.0)
    outcome = simulate(hours, SETTING, ONE)
    assert outcome.worker_seconds >= least_worker_seconds(hours, SETTING) == 4 * 3600.0


def test_what_outlasts_the_warm_up_is_work_too() -> None:
    warm = Setting(wait=30.0, warmup=400.0)
    outcome = simulate(PART, warm, PeerScaler(Fixed(3)))
    assert outcome.tasks == 1
    assert outcome.work_seconds == pytest.approx(410.0)
    assert mean_workers(PART, warm) == 3  # 410 s of work in 200 s


def test_nobody_pays_less_than_the_bound_of_a_part() -> None:
    whole = pattern("cron-burst", 4)
    part = Load("part", whole.arrivals, whole.services, 700.0, goes_on=True).since(500.0)
    outcome = simulate(part, SETTING, PeerScaler(CeleryAutoscale()))
    assert outcome.violations == 0
    assert outcome.worker_seconds >= least_worker_seconds(part, SETTING)


def test_long_tasks_need_the_slots_that_they_take_and_not_their_work_at_once() -> None:
    each_minute = Load("long", tuple(60.0 * n for n in range(60)), (600.0,) * 60, 3600.0)
    assert peak_workers(each_minute, SETTING) == 10
    assert demand_curve(each_minute, SETTING, (30.0, 90.0, 1800.0)) == [1, 2, 10]


def test_short_tasks_need_what_comes_in_the_busiest_minute() -> None:
    burst = Load("burst", (10.0,) * 60 + tuple(200.0 + n for n in range(60)), (2.0,) * 120, 400.0)
    assert peak_workers(burst, SETTING) == 2
    assert peak_workers(Load("none", (), (), 100.0), SETTING) == 1
