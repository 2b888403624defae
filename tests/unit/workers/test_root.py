"""No worker runs as root without anybody's having said so."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("root", "user", "started"), [(False, None, 5), (True, None, 0), (True, "root", 5), (True, "shop", 5)]
)
def test_a_root_s_supervisord_starts_only_those_that_have_a_user(world, root, user, started):
    world.is_root = root
    world.queue = [50.0] * 40
    tick = world.run(world.controller(world.config(user=user)), 3)
    assert len(world.alive) == started
    assert bool(tick.fleets[0].trouble) is (started == 0)


def test_it_is_told_why_none_is_started_and_the_other_fleets_are_not_held_up(world):
    world.is_root = True
    world.queue = [50.0] * 40
    other = world.config(name="mails", user="shop").fleets["mails"]
    tick = world.run(world.controller(world.config(other)), 3)
    assert {name.partition("-")[0] for name in world.alive} == {"mails"}
    trouble = {fleet.name: fleet.trouble for fleet in tick.fleets}
    assert "fleets.emails has no user, so its workers would run as root" in trouble["emails"]
    assert not trouble["mails"]


def test_workers_that_run_already_are_left_alone(world):
    world.queue = [500.0] * 40
    world.run(world.controller(), 5)
    before = world.alive
    world.is_root = True
    world.run(world.controller(), 5)
    assert world.alive == before
    assert not world.stopped_busy
