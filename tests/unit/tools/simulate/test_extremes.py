"""Loads and rules of the largest and the smallest numbers: finite figures, whole numbers of workers."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.model.numbers import MOST
from autoscaler.tools.simulate.against import PEERS
from autoscaler.tools.simulate.bound import least_peak, least_worker_seconds
from autoscaler.tools.simulate.elasticity import demand_curve, elasticity
from autoscaler.tools.simulate.load import Load
from autoscaler.tools.simulate.peers.peer import Metrics
from autoscaler.tools.simulate.setting import Setting

#: Denormals, thirds that no float has, equal values, and more seconds than anybody simulates.
EDGES = (5e-324, 1e-300, 1e-9, 1 / 3, 0.1, 1.0, 1.0 + 2**-52, 86400.0, 1e9)
seconds = st.sampled_from(EDGES) | st.floats(5e-324, 1e9)
shares = st.floats(0.0, 1.0, exclude_max=True)


@st.composite
def loads(draw):
    duration = draw(st.sampled_from([1.0, 86400.0, 1e9]))
    arrivals = sorted(share * duration for share in draw(st.lists(shares, min_size=1, max_size=30)))
    services = [draw(seconds) for _ in arrivals]
    return Load("load", tuple(arrivals), tuple(services), duration, goes_on=draw(st.booleans()))


settings = st.builds(Setting, wait=seconds, start_time=seconds, warmup=st.sampled_from([0.0, 0.5, 1e9]))


@given(loads(), st.lists(shares, max_size=10))
def test_work_that_is_done_never_falls_and_ends_with_all_of_it(load, times):
    done = load.work_by()
    end = max(map(sum, zip(load.arrivals, load.services, strict=True)))
    found = [done(at) for at in sorted([0.0, *(share * end for share in times), *load.arrivals, end])]
    assert all(0 <= before <= after < math.inf for before, after in pairwise(found))
    assert found[-1] == pytest.approx(load.work, rel=1e-6, abs=1e-6 * load.duration)


@given(loads(), settings)
def test_bounds_and_figures_of_a_load_are_finite(load, setting):
    assert 0 <= least_worker_seconds(load, setting) < math.inf
    assert 0 <= least_peak(load, setting) < math.inf
    assert 0 <= load.work_since(setting.warmup) < math.inf
    assert all(each >= 1 for each in demand_curve(load, setting, load.arrivals))
    figures = elasticity(load, setting, [(0.0, 1, 1), (load.duration / 2, 9, 9)])
    assert 0 <= figures.under_time <= 1
    assert 0 <= figures.over_accuracy < math.inf


metrics = st.builds(
    Metrics,
    ready=st.sampled_from([0, 1, 2**40]),
    unacknowledged=st.sampled_from([0, 1, 2**40]),
    arrival_rate=st.sampled_from([0.0, *EDGES, 1e300]),
    service_time=st.sampled_from([*EDGES, 1e300]),
    oldest=st.sampled_from([0.0, *EDGES, 1e300]),
    running=st.integers(0, 3),
    concurrency=st.integers(1, 3),
    start_time=st.sampled_from([0.0, *EDGES]),
)


@pytest.mark.parametrize("name", PEERS)
@given(loads(), seconds, st.lists(metrics, min_size=1, max_size=20), st.integers(0, 999))
def test_every_rule_names_a_whole_number_of_workers(name, load, wait, seen, workers):
    peer = PEERS[name](load, Setting(wait=wait))
    for at, each in enumerate(seen):
        wanted = peer.decide(60.0 * at, each, workers)
        assert isinstance(wanted, int)
        assert abs(wanted) <= 3 * MOST
