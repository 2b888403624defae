"""The log says a thing once, when it changes."""

from __future__ import annotations

import logging

from autoscaler.loop.log_lines import narrate
from autoscaler.store.history import History
from autoscaler.text import coded


def lines_of(world, controller, before, seconds=1):
    after = world.run(controller, seconds)
    return after, [text for _, text in narrate(before, after)]


def test_a_steady_fleet_is_silent(world):
    controller = world.controller()
    before = world.run(controller, 10)
    _, lines = lines_of(world, controller, before)
    assert lines == []


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
    assert len(codes) > 1, "they were told in status"
    assert len(History(world.store_folder).decisions("emails", 1000)) == kept


def test_a_new_size_is_told_with_its_reasons(world):
    controller = world.controller()
    before = world.run(controller, 5)
    world.queue += [5.0] * 40
    _, lines = lines_of(world, controller, before, 0)
    assert lines[0].startswith("emails: wants 5 workers, has 1 (backlog_per_worker: 40 waiting")
    assert "emails-05: started" in lines


def test_what_becomes_unknown_and_known_again_is_told_once(world):
    controller = world.controller()
    before = world.run(controller, 5)
    world.broker_up = False
    before, lines = lines_of(world, controller, before)
    assert "queue emails unknown: broker away" in lines
    before, lines = lines_of(world, controller, before)
    assert lines == []
    world.broker_up = True
    _, lines = lines_of(world, controller, before)
    assert "queue emails known again" in lines


def test_trouble_is_told_when_it_comes_and_when_it_goes(world):
    controller = world.controller()
    before = world.run(controller, 5)
    world.supervisord_up = False
    before, lines = lines_of(world, controller, before)
    assert "emails: supervisord away" in lines
    world.supervisord_up = True
    _, lines = lines_of(world, controller, before)
    assert "emails: no trouble any more" in lines


def test_what_goes_wrong_is_a_warning(world):
    controller = world.controller()
    before = world.run(controller, 5)
    world.broker_up = False
    after = world.run(controller, 1)
    levels = {text: level for level, text in narrate(before, after)}
    assert levels["queue emails unknown: broker away"] == logging.WARNING


def test_a_reason_that_begins_with_its_code_is_not_told_with_it_again() -> None:
    assert coded("max_workers", "max_workers is 2, so not 9") == "max_workers is 2, so not 9"
    assert coded("max_wait", "nothing waits") == "max_wait: nothing waits"
