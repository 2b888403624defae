"""What `autoscaler drain --all` makes of what it sees while it waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoscaler.cli import drain as module
from autoscaler.errors import ServiceUnavailable
from autoscaler.http.views import fleets_view, workers_view
from autoscaler.loop.snapshot import Snapshot
from autoscaler.model import Tick


class Seen:
    """A daemon that goes on showing one tick."""

    def __init__(self, tick: Tick) -> None:
        self._snapshot = Snapshot(Path("a.yaml"), tick.at, tick.at, 2.0, tick)

    def fleets(self):
        return fleets_view(self._snapshot)

    def workers(self):
        return workers_view(self._snapshot)


def test_it_waits_for_those_that_are_left(world):
    look = module._look(Seen(world.run(world.controller(), 20)), 0.0)
    assert sorted(look.left) == ["emails-01"]


def test_a_tick_of_before_the_order_shows_nothing(world):
    tick = world.run(world.controller(), 20)
    assert module._look(Seen(tick), tick.at + 1) is None


def test_it_gives_up_where_nobody_can_see_supervisord(world, monkeypatch):
    controller = world.controller()
    world.run(controller, 20)
    world.supervisord_up = False
    seen = Seen(world.run(controller, 1))
    monkeypatch.setattr(module, "SILENT_FOR", -1.0)
    with pytest.raises(ServiceUnavailable, match="nobody knows which workers are left: supervisord away"):
        module._wait(seen, 0.0, None, quiet=True)
