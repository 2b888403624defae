"""The log reports each change once."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from autoscaler.loop.log_lines import Line, log_lines, tick_lines
from autoscaler.loop.snapshot import Snapshot
from autoscaler.store.history import History


def lines_of(world, controller, before, seconds=1):
    after = world.run(controller, seconds)
    return after, [line.text for line in tick_lines(before, after)]


def line_with(lines, *facts):
    """The one line that has all of these."""
    (found,) = [line for line in lines if all(fact in line for fact in facts)]
    return found


# --- ticks ---


def test_a_steady_fleet_is_silent(world):
    controller = world.controller()
    before = world.run(controller, 10)
    assert lines_of(world, controller, before)[1] == []


def test_tasks_that_come_and_go_are_no_news_while_the_size_stays(world):
    controller = world.controller()
    before = world.run(controller, 20)
    kept = len(History(world.store_folder).decisions("emails", 1000))
    codes = set()
    for _ in range(5):
        world.queue += [0.5]
        for _ in range(4):
            before, lines = lines_of(world, controller, before)
            codes |= {reason.code for reason in before.fleets[0].decision.reasons}
            assert lines == []
    assert len(codes) > 1, "status has shown them"
    assert len(History(world.store_folder).decisions("emails", 1000)) == kept


def test_a_new_size_is_logged_with_its_reasons(world):
    controller = world.controller()
    before = world.run(controller, 5)
    world.queue += [5.0] * 40
    _, lines = lines_of(world, controller, before, 0)
    assert line_with(lines, "emails: wants 5 workers, has 1 (backlog_per_worker:", "40") == lines[0]
    assert line_with(lines, "emails-05", "started")


def test_a_part_that_cannot_be_seen_is_logged_when_that_begins_and_ends(world):
    controller = world.controller()
    before = world.run(controller, 5)
    world.broker_up = False
    before, lines = lines_of(world, controller, before)
    assert line_with(lines, "cannot see queue emails", "broker away")
    before, lines = lines_of(world, controller, before)
    assert lines == []
    world.broker_up = True
    _, lines = lines_of(world, controller, before)
    assert line_with(lines, "queue emails", "again")


def test_trouble_is_logged_when_it_comes_and_when_it_goes(world):
    controller = world.controller()
    before = world.run(controller, 5)
    world.supervisord_up = False
    before, lines = lines_of(world, controller, before)
    assert "emails: supervisord away" in lines
    world.supervisord_up = True
    _, lines = lines_of(world, controller, before)
    assert line_with(lines, "emails", "solved", "supervisord away")


def test_trouble_is_a_warning(world):
    controller = world.controller()
    before = world.run(controller, 5)
    world.broker_up = False
    after = world.run(controller, 1)
    assert Line(logging.WARNING, "cannot see queue emails: broker away") in tick_lines(before, after)


# --- the daemon ---


@pytest.fixture
def first():
    return Snapshot(Path("a.yaml"), 100.0, 100.0, 2.0, None)


@pytest.fixture
def tick(world):
    return world.run(world.controller(), 3)


def test_a_failure_is_logged_once_and_so_is_its_end(first, tick):
    began = first.after_tick(tick)
    failed = began.after_failure("disk full")
    assert log_lines(began, failed) == [Line(logging.ERROR, "tick failed: disk full")]
    assert log_lines(failed, failed.after_failure("disk full")) == []
    (line,) = log_lines(failed, failed.after_tick(tick))
    assert line.level == logging.INFO
    assert "disk full" in line.text


def test_a_database_in_trouble_is_logged_once_and_is_no_failed_tick(first, tick):
    began = first.after_tick(tick)
    troubled = began.after_tick(tick, "no space left")
    assert log_lines(began, troubled) == [Line(logging.ERROR, "no space left")]
    assert log_lines(troubled, troubled.after_tick(tick, "no space left")) == []


def test_the_problems_of_a_config_are_logged_once(first):
    refused = first.after_refused_config(200.0, ("a.yaml:3: wrong", "a.yaml:7: too"))
    (line,) = log_lines(first, refused)
    assert line.level == logging.ERROR
    assert line.text.splitlines()[1:] == ["a.yaml:3: wrong", "a.yaml:7: too"]
    assert log_lines(refused, refused.after_refused_config(201.0, refused.config_problems)) == []
    other = refused.after_refused_config(202.0, ("a.yaml:7: too",))
    assert "a.yaml:7: too" in log_lines(refused, other)[0].text
