"""A fleet that commands are given to."""

from __future__ import annotations

import pytest


@pytest.fixture
def three(world):
    """A fleet of three idle workers, and its controller."""
    controller = world.controller(world.config(min_workers=3))
    world.run(controller, 5)
    assert len(world.alive) == 3
    return controller
