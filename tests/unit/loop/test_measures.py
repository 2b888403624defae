"""The controller measures at every tick, and a restarted one measures on."""

from __future__ import annotations

import pytest

from autoscaler.store import Store


def measures(tick):
    return tick.fleets[0].situation.measures


def test_every_decision_is_taken_on_what_was_measured(world):
    controller = world.controller()
    world.run(controller, 20)
    world.queue += [3.0] * 40
    tick = world.run(controller, 30)
    found = measures(tick)
    assert found.published[-1][1] - found.published[0][1] == pytest.approx(40)
    assert found.service.value == pytest.approx(3.0, rel=0.35)
    assert found.start_seconds is not None
    assert found.interval == pytest.approx(1.0)


def test_a_restarted_daemon_goes_on_where_it_was(world):
    world.run(world.controller(), 10)
    world.queue += [3.0] * 40
    before = measures(world.run(world.controller(), 30))
    world.advance(5.0)
    after = measures(world.controller().tick(world.now))
    assert after.published[0] == before.published[0]
    assert after.published[-1][1] >= before.published[-1][1]
    assert after.start_seconds == before.start_seconds


def test_a_fleet_that_is_gone_is_forgotten(world):
    controller = world.controller()
    world.run(controller, 15)
    controller.reconfigure(world.config(name="letters"))
    tick = world.run(controller, 60)
    assert [fleet.name for fleet in tick.fleets] == ["letters"]
    assert list(Store(world.store_folder).tracks()) == ["letters"]
