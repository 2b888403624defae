"""What has been, from the store to the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from autoscaler.cli import main
from autoscaler.cli.watch import _lines
from autoscaler.errors import StoreError
from autoscaler.http.api import make_app
from autoscaler.http.server import Server
from autoscaler.http.views import fleets_view
from autoscaler.loop.snapshot import Snapshot
from autoscaler.store.history import History


@pytest.fixture
def told(world, short_folder):
    """Run `autoscaler history` on what a fleet has been through."""
    controller = world.controller()
    world.run(controller, 5)
    world.queue += [2.0] * 40
    tick = world.run(controller, 30)
    seen = Snapshot(Path("a.yaml"), 1.0, 1.0, 2.0, tick)
    app = make_app(lambda: seen, lambda: tick.at, reader=History(world.store_folder))
    with Server(app, short_folder / "a.sock"):
        yield lambda *words: CliRunner().invoke(
            main, ["history", *words, "--socket", str(short_folder / "a.sock")]
        )


def test_decisions_are_told_in_sentences_the_latest_last(told):
    lines = told("emails").output.splitlines()
    assert "grew from 0 to 1, 0 waiting, 0 running (" in lines[0]
    assert any("grew from 1 to 5, 40 waiting" in line for line in lines)
    assert len(told("emails", "--last", "2").output.splitlines()) == 2
    decisions = json.loads(told("emails", "--json").output)["decisions"]
    assert [each["at"] for each in decisions] == sorted((each["at"] for each in decisions), reverse=True)
    assert decisions[0]["reasons"]


def test_the_last_hour_of_a_fleet_of_long_ago_is_empty(told):
    assert told("emails", "--since", "1h").output == "nothing was decided about emails in the last 1h\n"


def test_an_unknown_fleet_is_told_with_the_nearest_one(told):
    result = told("emial")
    assert result.exit_code == 2
    assert "did you mean emails?" in result.stderr


def test_samples_are_newest_first_and_bounded(world):
    world.run(world.controller(), 60)
    history = History(world.store_folder)
    samples = history.samples("emails", 3)
    assert [each.at for each in samples] == sorted((each.at for each in samples), reverse=True)
    assert len(samples) == 3
    assert history.samples("emails", 100, since=world.now + 1) == []


def test_a_state_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StoreError, match=r"autoscaler\.db cannot be read"):
        History(tmp_path).decisions("emails", 1)


def test_watch_has_a_line_a_fleet_where_there_is_no_terminal(world):
    tick = world.run(world.controller(), 5)
    (line,) = _lines(fleets_view(Snapshot(Path("a.yaml"), 1.0, 1.0, 2.0, tick)))
    assert line == "emails: 1 running; wants 1: backlog_per_worker; min_workers"
