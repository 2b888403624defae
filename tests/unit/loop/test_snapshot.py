"""Each snapshot follows from the one before it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from autoscaler.loop.snapshot import Counts, Snapshot


@pytest.fixture
def first():
    """The snapshot of a daemon that has just started."""
    return Snapshot(Path("a.yaml"), 100.0, 100.0, 2.0, None)


@pytest.fixture
def tick(world):
    return world.run(world.controller(), 3)


def test_a_tick_is_kept_and_counted(first, tick):
    after = first.after_tick(tick)
    assert (after.tick, after.trouble) == (tick, "")
    assert (after.counts.ticks, after.counts.failed) == (1, 0)
    assert after.started_at == first.started_at


def test_a_failure_keeps_the_tick_before_it_and_is_counted(first, tick):
    failed = first.after_tick(tick).after_failure("disk full")
    assert (failed.tick, failed.trouble) == (tick, "disk full")
    assert (failed.counts.ticks, failed.counts.failed) == (2, 1)
    assert failed.after_tick(tick).trouble == ""


def test_a_tick_with_a_database_in_trouble_did_not_fail(first, tick):
    after = first.after_tick(tick, "disk full")
    assert (after.trouble, after.counts.failed) == ("disk full", 0)


def test_a_config_that_is_refused_leaves_the_one_in_use(first):
    refused = first.after_refused_config(200.0, ("a.yaml:3: wrong",))
    assert refused.config_problems == ("a.yaml:3: wrong",)
    assert (refused.config_read_at, refused.config_tried_at) == (100.0, 200.0)


def test_a_config_that_is_read_clears_the_problems(first):
    read = first.after_refused_config(200.0, ("a.yaml:3: wrong",)).after_reload(300.0, 5.0)
    assert read == replace(first, config_read_at=300.0, config_tried_at=300.0, polling_interval=5.0)


# --- counts ---


def test_each_tick_counts_the_reasons_of_its_decisions(world):
    controller, counts, seen = world.controller(), Counts(), []
    for _ in range(4):
        tick = controller.tick(world.now)
        counts = counts.after(tick)
        seen += [{reason.code for reason in fleet.decision.reasons} for fleet in tick.fleets]
        world.advance(1.0)
    assert counts.ticks == 4
    assert counts.decisions["emails"] == {
        code: sum(code in codes for codes in seen) for code in set().union(*seen)
    }


def test_a_fleet_that_is_gone_is_counted_no_more(tick):
    counts = Counts().after(tick)
    assert set(counts.decisions) == {"emails"}
    assert counts.after(replace(tick, fleets=())).decisions == {}


def test_a_fleet_that_cannot_be_seen_keeps_its_counts(tick):
    counts = Counts().after(tick)
    blind = replace(tick, fleets=tuple(replace(each, decision=None) for each in tick.fleets))
    assert counts.after(blind).decisions == counts.decisions


def test_a_failure_keeps_the_counts_of_the_fleets(tick):
    counts = Counts().after(tick)
    assert counts.after_failure().decisions == counts.decisions
