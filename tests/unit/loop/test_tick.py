"""The whole tick on a world in memory: what the laws say holds, whatever fails and whenever it does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoscaler.config import Fleet
from autoscaler.model import (
    Drain,
    DrainPhase,
    Process,
    ProgramState,
    StopFleets,
    Terms,
    Unknown,
    WorkerState,
)
from autoscaler.store import Store
from autoscaler.supervisord.programs import RETRY_REFUSED


class Killed(BaseException):
    """The daemon dies here."""


def fleet(tick, name="emails"):
    return next(each for each in tick.fleets if each.name == name)


def test_a_burst_grows_and_shrinks_the_fleet(world):
    controller = world.controller()
    world.run(controller, 5)
    assert world.alive == ["emails-01"]
    world.queue += [3.0] * 60
    world.run(controller, 10)
    assert len(world.alive) == 5
    world.run(controller, 60)
    assert world.done == 60
    assert world.alive == ["emails-01"]
    assert world.stopped_busy == []


def test_every_decision_has_a_reason_and_its_numbers(world):
    controller = world.controller()
    world.queue += [3.0] * 30
    decision = fleet(world.run(controller, 3)).decision
    assert decision.reasons
    assert decision.demand.waiting > 0
    assert decision.recommendations[0].policy == "backlog_per_worker"


def test_an_unknown_queue_never_shrinks_the_fleet(world):
    controller = world.controller()
    world.queue += [2.0] * 60
    world.run(controller, 10)
    before = world.alive
    world.broker_up = False
    tick = world.run(controller, 120)
    assert world.alive == before
    assert "unknown" in [reason.code for reason in fleet(tick).decision.reasons]
    world.broker_up = True
    world.run(controller, 60)
    assert world.alive == ["emails-01"]


def test_supervisord_away_decides_nothing_and_shows_the_queues_all_the_same(world):
    controller = world.controller()
    world.run(controller, 5)
    world.supervisord_up = False
    tick = world.run(controller, 5)
    assert fleet(tick).decision is None
    assert fleet(tick).workers is None
    assert fleet(tick).trouble == "supervisord away"
    assert isinstance(tick.observation.processes, Unknown)
    assert not isinstance(tick.observation.queues["emails"], Unknown)


def test_a_supervisord_that_is_down_finds_the_folders_of_its_logs_when_it_comes_up(world):
    controller = world.controller()
    world.run(controller, 5)
    world.supervisord_up = False
    logs = world.store_folder / "log"
    logs.rmdir()
    controller.tick(world.now)
    assert logs.is_dir()
    logs.rmdir()
    logs.write_text("no folder")
    told = f"supervisord away; the log folder {logs} cannot be made: File exists"
    assert fleet(controller.tick(world.now)).trouble == told


def test_a_worker_stopped_by_hand_stays_stopped_and_is_not_replaced(world):
    controller = world.controller(world.config(min_workers=2, max_workers=2))
    world.run(controller, 5)
    world.processes_by_name["emails-02"] = world.processes_by_name["emails-02"].__class__(
        "emails-02", ProgramState.STOPPED, None, world.now
    )
    tick = world.run(controller, 30)
    assert world.alive == ["emails-01"]
    assert world.starts == 2
    assert fleet(tick).workers[1].state is WorkerState.HELD


def test_a_worker_that_supervisord_gave_up_on_is_replaced(world):
    controller = world.controller(world.config(min_workers=2, max_workers=2))
    world.run(controller, 5)
    world.processes_by_name["emails-02"] = world.processes_by_name["emails-02"].__class__(
        "emails-02", ProgramState.FAILED, None, world.now, 1, "can't find command 'celery'"
    )
    del world.workers["emails-02@host"]
    tick = controller.tick(world.now)
    why = "supervisord gave up on it: can't find command 'celery'"
    assert f"emails-02: taken out ({why})" in tick.actions
    assert fleet(tick).trouble == "supervisord gave up on emails-02: can't find command 'celery'"
    assert [worker.failure for worker in fleet(tick).workers] == ["", "can't find command 'celery'"]
    world.run(controller, 10)
    assert world.alive == ["emails-01", "emails-03"]
    assert sorted(world.programs) == world.alive
    assert fleet(controller.tick(world.now)).trouble == ""


def restart_all(world, controller):
    for _ in range(2):
        for name in world.alive:
            world.restart(name)
        tick = world.run(controller, 2)
    return tick


def test_workers_that_are_restarted_between_two_looks_do_not_crash(world):
    controller = world.controller(world.config(min_workers=3, max_workers=4))
    world.run(controller, 5)
    assert fleet(restart_all(world, controller)).trouble == ""


def test_workers_that_end_by_themselves_with_nothing_wrong_do_not_crash(world):
    controller = world.controller(world.config(min_workers=3, max_workers=4))
    world.run(controller, 5)
    for name in world.alive:
        world.signal(name, "TERM")
    assert fleet(world.run(controller, 2)).trouble == ""
    assert [
        name for name in world.alive if world.processes_by_name[name].pid in world.good_ends
    ] == world.alive


def test_a_crash_beside_restarts_counts(world):
    controller = world.controller(world.config(min_workers=3, max_workers=4))
    world.run(controller, 5)
    for _ in range(3):
        world.restart("emails-01")
        world.kill("emails-02")
        tick = world.run(controller, 1)
    assert "3 crashes within 300 s" in fleet(tick).trouble


def test_what_nobody_can_tell_from_a_crash_counts_as_one(world):
    world.has_log = False
    controller = world.controller(world.config(min_workers=3, max_workers=4))
    world.run(controller, 5)
    assert "6 crashes within 300 s" in fleet(restart_all(world, controller)).trouble


def test_a_changed_worker_setting_ends_the_back_off_of_a_crash_loop(world):
    controller = world.controller(world.config(min_workers=2, max_workers=2))
    world.run(controller, 5)
    for _ in range(5):
        world.kill("emails-02", 1)
        world.run(controller, 1)
    controller.reconfigure(world.config(min_workers=3, max_workers=4))
    tick = world.run(controller, 5)
    assert len(world.alive) == 2
    assert "5 crashes within 300 s" in fleet(tick).trouble
    again = world.controller(world.config(min_workers=3, max_workers=4, options=["-E"]))
    tick = world.run(again, 2)
    assert len(world.alive) >= 3
    assert fleet(tick).trouble == ""


def test_a_fleet_whose_workers_crash_is_not_fed_new_ones_for_ever(world):
    config = world.config(min_workers=3, max_workers=3)
    controller = world.controller(config)
    world.run(controller, 5)
    for _ in range(3):
        world.kill("emails-01")
        world.run(controller, 2)
    world.processes_by_name["emails-01"] = world.processes_by_name["emails-01"].__class__(
        "emails-01", ProgramState.FAILED, None, world.now, 1
    )
    del world.workers["emails-01@host"]
    tick = world.run(controller, 3)
    assert world.alive == ["emails-02", "emails-03"]
    assert "crash_loop" in [reason.code for reason in fleet(tick).decision.reasons]
    world.run(controller, 120)
    assert len(world.alive) == 3


def test_a_draining_worker_is_taken_back_before_a_new_one_starts(world):
    controller = world.controller(world.config(max_workers=2))
    world.queue += [40.0] * 4 + [0.5] * 30
    world.run(controller, 10)
    assert len(world.alive) == 2
    controller.reconfigure(world.config(max_workers=1))
    world.run(controller, 3)
    controller.reconfigure(world.config(max_workers=2))
    starts = world.starts
    world.queue += [0.5] * 40
    world.run(controller, 4)
    assert world.starts == starts
    assert [worker.consumes for worker in world.workers.values()] == [{"emails"}, {"emails"}]
    assert world.stopped_busy == []


def test_orphans_of_a_killed_supervisord_are_told_to_end_once_and_shown_until_they_have(world):
    controller = world.controller(world.config(min_workers=2, max_workers=2))
    world.run(controller, 5)
    left = [process.pid for process in world.processes_by_name.values()]
    world.kill_supervisord()
    tick = world.run(controller, 5)
    assert world.told_to_end == left
    for pid in left:
        assert f"pid {pid} of an earlier supervisord runs beside" in fleet(tick).trouble
    world.orphaned.clear()
    assert fleet(world.run(controller, 5)).trouble == ""
    assert world.alive == ["emails-01", "emails-02"]


def test_an_orphan_that_still_answers_is_told_again_through_the_broker(world):
    controller = world.controller(world.config(min_workers=2, max_workers=2))
    world.run(controller, 5)
    first, second = (process.pid for process in world.processes_by_name.values())
    world.kill_supervisord()
    world.loses_term = {second}
    world.run(controller, 14)
    assert world.told_again == []
    world.run(controller, 5)
    assert world.told_again == [second], "the first is about to end"
    world.run(controller, 30)
    assert world.told_again == [second] * 3
    assert world.told_to_end == [first, second]


def test_an_orphan_that_cannot_be_told_again_is_told_later(world):
    controller = world.controller()
    world.run(controller, 5)
    world.kill_supervisord()
    world.loses_term = set(world.orphaned)
    world.run(controller, 12)
    world.broker_up = False
    troubles = [fleet(world.run(controller, 1)).trouble for _ in range(10)]
    assert any("cannot be told again: broker away" in text for text in troubles)
    world.broker_up = True
    world.run(controller, 14)
    assert world.told_again == list(world.orphaned)


def test_an_orphan_stays_in_sight_when_its_fleet_has_shrunk(world):
    world.queue += [1.0] * 20
    controller = world.controller(world.config(max_workers=2))
    world.run(controller, 5)
    assert world.alive == ["emails-01", "emails-02"]
    world.kill_supervisord()
    world.run(controller, 60)
    assert world.alive == ["emails-01"]
    [gone] = [pid for pid, each in world.orphaned.items() if each.worker == "emails-02"]
    tick = world.run(controller, 3)
    assert f"emails-02: pid {gone} of an earlier supervisord runs on; it was told" in fleet(tick).trouble


def test_orphans_are_found_by_a_daemon_that_was_not_there_when_they_became_so(world):
    world.run(world.controller(world.config()), 5)
    left = [process.pid for process in world.processes_by_name.values()]
    world.kill_supervisord()
    world.run(world.controller(world.config()), 2)
    assert world.told_to_end == left


def test_a_worker_that_stays_deaf_after_its_orphan_has_gone_is_restarted(world):
    controller = world.controller(world.config(min_workers=2, max_workers=2))
    world.run(controller, 5)
    world.kill_supervisord()
    world.workers["emails-02@host"].silent = True
    world.run(controller, 30)
    assert world.signalled == []
    world.orphaned.clear()
    world.run(controller, 15)
    assert world.signalled == [("emails-02", "TERM")]
    world.run(controller, 60)
    assert world.signalled == [("emails-02", "TERM")]


def test_a_program_that_an_operator_removed_is_added_again_while_its_section_is_there(world):
    controller = world.controller(world.config(min_workers=2, max_workers=2))
    world.run(controller, 5)
    del world.programs["emails-02"], world.processes_by_name["emails-02"], world.workers["emails-02@host"]
    world.run(controller, 5)
    assert world.alive == ["emails-01", "emails-02"]


def test_a_section_that_an_operator_added_is_ours_and_goes_if_it_is_one_too_many(world):
    controller = world.controller(world.config(min_workers=1, max_workers=1))
    world.run(controller, 5)
    section = world.file.read()["emails-01"].replace("emails-01", "emails-09")
    world.file.write(dict(world.file.read()) | {"emails-09": section})
    world.run(controller, 20)
    assert world.alive == ["emails-01"]
    assert list(world.file.read()) == world.alive


def test_a_crash_loop_is_told_while_no_worker_is_to_be_started_and_ends_by_itself(world):
    controller = world.controller(world.config(min_workers=2, max_workers=2))
    world.run(controller, 5)
    told = set()
    for _ in range(4):
        world.kill("emails-01")
        told.add(fleet(world.run(controller, 3)).trouble)
    assert [text.partition(";")[0] for text in sorted(told) if text] == [
        "3 crashes within 300 s: no new worker for 10 s after the last",
        "4 crashes within 300 s: no new worker for 20 s after the last",
    ]
    assert fleet(world.run(controller, 30)).trouble == ""


@pytest.mark.parametrize(
    ("on_timeout", "told", "signals"),
    [("wait", "it is left to finish", []), ("stop", "was told to stop", [("emails-02", "TERM")])],
)
def test_a_drain_that_takes_too_long_waits_or_is_told_to_stop_and_never_kills(
    world, on_timeout, told, signals
):
    keys = {"drain_timeout": 20.0, "drain_on_timeout": on_timeout, "stabilization": 0.0}
    controller = world.controller(world.config(min_workers=2, max_workers=2, **keys))
    world.queue += [60.0] * 4
    world.run(controller, 5)
    controller.reconfigure(world.config(min_workers=1, max_workers=1, **keys))
    tick = world.run(controller, 25)
    assert told in fleet(tick).trouble
    assert world.signalled == signals
    assert len(world.alive) == 2
    world.run(controller, 60)
    assert world.alive == ["emails-01"]
    assert world.done == 4
    assert world.stopped_busy == []


def test_the_successor_of_a_worker_whose_drain_took_too_long_is_drained_and_not_told_again(world):
    world.start_seconds = 0.2  # it answers before the next tick
    keys = {"drain_timeout": 20.0, "drain_on_timeout": "stop", "stabilization": 0.0}
    controller = world.controller(world.config(min_workers=2, max_workers=2, **keys))
    world.queue += [60.0] * 4 + [5.0] * 20
    world.run(controller, 5)
    controller.reconfigure(world.config(min_workers=1, max_workers=1, **keys))
    world.run(controller, 100)
    assert world.signalled == [("emails-02", "TERM")]
    assert world.alive == ["emails-01"]
    assert world.stopped_busy == []


def test_a_dry_run_leaves_orphans_alone(world):
    world.run(world.controller(), 5)
    world.kill_supervisord()
    world.run(world.controller(world.config(dry_run=True)), 3)
    assert world.told_to_end == []


def test_a_dry_run_changes_nothing(world):
    controller = world.controller(world.config(dry_run=True, min_workers=3))
    tick = world.run(controller, 10)
    assert fleet(tick).decision.desired == 3
    assert fleet(tick).dry_run
    assert world.alive == []
    assert not world.file.path.exists()


def test_a_removed_fleet_drains_away_with_its_held_workers(world):
    controller = world.controller(world.config(min_workers=2, max_workers=2))
    world.queue += [8.0] * 2
    world.run(controller, 5)
    world.processes_by_name["emails-02"] = world.processes_by_name["emails-02"].__class__(
        "emails-02", ProgramState.STOPPED, None, world.now
    )
    world.queue += world.workers.pop("emails-02@host").active
    controller.reconfigure(world.config(name="letters", queues=["letters"]))
    decision = fleet(controller.tick(world.now)).decision
    assert decision.reasons[-1].text == "no longer in the config, its workers drain away"
    tick = world.run(controller, 30)
    assert [worker for worker in world.alive if worker.startswith("emails")] == []
    assert [each.name for each in tick.fleets] == ["letters"]
    assert world.stopped_busy == []


def test_a_changed_worker_setting_replaces_every_worker_one_at_a_time(world):
    controller = world.controller(world.config(min_workers=3, max_workers=3))
    world.run(controller, 5)
    old = {worker.pid for worker in world.workers.values()}
    controller.reconfigure(world.config(min_workers=3, max_workers=3, options=["--loglevel", "info"]))
    fewest = 3
    for _ in range(60):
        world.run(controller, 1)
        fewest = min(fewest, len([w for w in world.workers.values() if w.consumes and w.starts_in <= 0]))
    assert not old & {worker.pid for worker in world.workers.values()}
    assert len(world.alive) == 3
    assert fewest >= 2
    assert all("--loglevel info" in text for text in world.file.read().values())


def serving(world):
    return sum(bool(worker.consumes) and worker.starts_in <= 0 for worker in world.workers.values())


def test_a_changed_worker_setting_never_leaves_a_fleet_with_room_without_its_workers(world):
    controller = world.controller(world.config(max_workers=2))
    world.run(controller, 5)
    controller.reconfigure(world.config(max_workers=2, options=["-E"]))
    seen = []
    for _ in range(30):
        world.run(controller, 1)
        seen.append((serving(world) >= 1, len(world.alive) <= 2))
    assert set(seen) == {(True, True)}
    assert (world.alive, world.starts) == (["emails-02"], 2)
    assert " -E" in world.file.read()["emails-02"]


def test_a_setting_that_supervisord_refuses_keeps_the_old_worker(world):
    controller = world.controller()
    world.run(controller, 5)
    world.refused_text = "user=nosuchuser"
    controller.reconfigure(world.config(user="nosuchuser"))
    tick = world.run(controller, 60)
    assert (world.alive, world.starts) == (["emails-01"], 1)
    assert "supervisord refuses the new" in fleet(tick).trouble
    controller.reconfigure(world.config())
    tick = world.run(controller, RETRY_REFUSED + 5)
    assert (world.alive, world.starts, fleet(tick).trouble) == (["emails-01"], 1, "")


@pytest.mark.parametrize("size", [1, 3])
def test_a_setting_that_supervisord_refuses_takes_no_worker_of_a_full_fleet(world, size):
    """There is no room to start one with the new settings first, so they are shown to supervisord."""
    keys = {"min_workers": size, "max_workers": size}
    controller = world.controller(world.config(**keys))
    world.run(controller, 5)
    before, text = world.alive, world.file.path.read_text()
    world.refused_text = "user=nosuchuser"
    controller.reconfigure(world.config(**keys, user="nosuchuser"))
    tick = world.run(controller, 60)
    assert (world.alive, world.starts, serving(world)) == (before, size, size)
    assert "supervisord refuses the new" in fleet(tick).trouble
    assert world.file.path.read_text() == text
    controller.reconfigure(world.config(**keys, user="shop"))
    tick = world.run(controller, 90)
    assert (world.starts, serving(world), fleet(tick).trouble) == (2 * size, size, "")
    assert all("user=shop" in text for text in world.file.read().values())
    assert world.steps.count("rehearsed") < 10


@pytest.mark.parametrize("step", ["rehearsed", "rolled back"])
def test_a_daemon_that_dies_while_it_shows_new_settings_leaves_nothing_of_them(world, step):
    def on_step(name):
        if name == step:
            raise Killed

    keys = {"min_workers": 2, "max_workers": 2}
    world.run(world.controller(world.config(**keys)), 5)
    changed = world.config(**keys, options=["-E"])
    with pytest.raises(Killed):
        world.run(world.controller(changed, on_step), 5)
    world.run(world.controller(changed), 60)
    assert sorted(world.programs) == sorted(world.file.read()) == world.alive
    assert (serving(world), world.starts) == (2, 4)
    assert all(" -E" in text for text in world.programs.values())


def test_a_setting_with_which_workers_would_be_root_s_takes_no_worker_of_a_full_fleet(world):
    keys = {"min_workers": 2, "max_workers": 2}
    world.is_root = True
    controller = world.controller(world.config(**keys, user="shop"))
    world.run(controller, 5)
    controller.reconfigure(world.config(**keys))
    tick = world.run(controller, 30)
    assert (world.alive, world.starts) == (["emails-01", "emails-02"], 2)
    assert "would run as root" in fleet(tick).trouble


def test_an_operator_s_order_is_carried_out_whatever_supervisord_thinks_of_new_settings(world):
    keys = {"min_workers": 2, "max_workers": 2}
    controller = world.controller(world.config(**keys))
    world.run(controller, 5)
    world.refused_text = "user=nosuchuser"
    controller.reconfigure(world.config(**keys, user="nosuchuser"))
    world.run(controller, 3)
    controller.carry_out(world.now, StopFleets(("emails",), terms=Terms("me")))
    world.run(controller, 10)
    assert world.alive == []


def test_a_setting_with_which_workers_crash_keeps_the_old_worker_and_a_mended_one_replaces_it(world):
    controller = world.controller()
    world.run(controller, 5)
    world.start_seconds = 1000.0
    controller.reconfigure(world.config(app="shopap"))
    world.run(controller, 2)
    for _ in range(6):
        world.kill("emails-02", 1)
        tick = world.run(controller, 8)
        assert (world.alive, serving(world)) == (["emails-01", "emails-02"], 1)
    assert "crashes within 300 s" in fleet(tick).trouble
    assert "emails-02 does not come up with the new settings" in fleet(tick).decision.reasons[-1].text
    world.start_seconds = 1.0
    controller.reconfigure(world.config(app="shop", options=["-E"]))
    world.run(controller, 2)
    world.kill("emails-02", 1)
    for _ in range(150):
        world.run(controller, 1)
        assert serving(world) >= 1
    assert len(world.alive) == 1
    assert all(" -E" in text for text in world.file.read().values())


def test_a_refused_change_is_not_tried_again_at_every_tick(world):
    controller = world.controller()
    reloads = []
    world.reload_really, world.reload = world.reload, lambda: reloads.append(1) or world.nothing_seen()
    world.nothing_seen = lambda: type(world.reload_really())(frozenset(), frozenset(), frozenset())
    tick = world.run(controller, RETRY_REFUSED - 2)
    assert "does not cover" in fleet(tick).trouble
    assert len(reloads) == 3
    assert world.file.read() == {}


@pytest.mark.parametrize("second", range(4))
def test_a_worker_that_is_restarted_while_it_drains_goes_all_the_same(world, second):
    """Its new process knows nothing of the drain, whatever the old one was told."""
    controller = world.controller(world.config(min_workers=2, max_workers=2))
    world.run(controller, 5)
    world.queue += [10.0] * 8
    world.run(controller, 2)
    controller.reconfigure(world.config(min_workers=1, max_workers=1))
    world.run(controller, second)
    world.restart("emails-02")
    world.run(controller, 30)
    assert world.alive == ["emails-01"]
    assert world.stopped_busy == []


@pytest.mark.parametrize("interval", [1.0, 25.0])
def test_a_busy_successor_of_a_draining_worker_is_never_killed(world, interval):
    """In a solo pool it cannot answer while its task runs."""
    controller = world.controller(world.config(min_workers=2, max_workers=2, drain_timeout=60.0))
    world.run(controller, 5)
    world.queue += [20.0] * 4
    world.run(controller, 2)
    controller.reconfigure(world.config(min_workers=1, max_workers=1, drain_timeout=60.0))
    world.run(controller, 2)
    world.kill("emails-02")
    world.queue[:0] = [600.0] * 2
    world.advance(3)
    successor = world.workers["emails-02@host"]
    successor.silent = True
    assert successor.active, "it runs a long task"
    world.run(controller, 300, interval)
    assert world.stopped_busy == [], "supervisord's stop ends in a KILL"
    successor.silent = False
    world.run(controller, 900, interval)
    assert world.alive == ["emails-01"]
    assert world.stopped_busy == []


@pytest.mark.parametrize("second", range(3))
def test_a_worker_that_is_restarted_while_it_is_taken_back_serves(world, second):
    controller = world.controller(world.config(min_workers=2, max_workers=2))
    world.run(controller, 5)
    world.queue += [100.0] * 8
    world.run(controller, 2)
    controller.reconfigure(world.config(min_workers=1, max_workers=1))
    world.run(controller, 3)
    controller.reconfigure(world.config(min_workers=2, max_workers=2))
    world.run(controller, second)
    world.restart("emails-02")
    tick = world.run(controller, 5)
    assert [(each.name, each.state.value) for each in fleet(tick).workers] == [
        ("emails-01", "running"),
        ("emails-02", "running"),
    ]
    assert world.workers["emails-02@host"].consumes == {"emails"}


@pytest.mark.parametrize("interval", [0.5, 2.0])
def test_restarting_the_daemon_changes_nothing(world, interval):
    world.queue += [1.0] * 20
    world.run(world.controller(), 20, interval)
    before = dict(world.processes_by_name)
    world.run(world.controller(), 3, interval)
    assert world.processes_by_name == before


def letters(**changes):
    settings = {"app": "shop", "queues": ["letters"], "concurrency": 1, "min_workers": 1, "max_workers": 1}
    return Fleet(name="letters", **settings | changes)


def test_one_fleets_bad_setting_does_not_hold_up_the_others(world):
    world.refused_text = "user=nosuchuser"
    controller = world.controller(world.config(letters(user="nosuchuser")))
    world.queue += [3.0] * 30
    tick = world.run(controller, 30)
    assert world.done == 30
    assert fleet(tick).trouble == ""
    assert "supervisord refuses the new" in fleet(tick, "letters").trouble
    controller.reconfigure(world.config(letters()))
    world.run(controller, RETRY_REFUSED + 5)
    assert "letters-01" in world.alive


def test_a_bad_section_that_a_crash_left_behind_is_taken_out(world):
    config = world.config(min_workers=2, user="nosuchuser")
    broken = world.controller(config, on_step=lambda step: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        broken.tick(world.now)
    assert len(world.file.read()) == 2
    world.refused_text = "user=nosuchuser"
    controller = world.controller(world.config(min_workers=2))
    world.run(controller, RETRY_REFUSED + 5)
    assert len(world.alive) == 2
    assert all("nosuchuser" not in text for text in world.file.read().values())


def test_a_fleet_of_workers_that_never_answer_still_grows(world):
    world.start_seconds = 10_000.0
    world.per_worker = lambda now, fleet, pids: 100 * 1024**2 if pids else None
    controller = world.controller()
    world.queue += [1.0] * 100
    world.run(controller, 40)
    assert len(world.alive) == 5


def test_workers_that_never_answered_are_not_drained_as_if_nothing_were_to_do(world):
    controller = world.controller()
    world.queue += [1.0] * 60
    world.start_seconds = 10_000.0
    world.run(controller, 60)
    world.queue.clear()  # they may have taken it all
    tick = world.run(controller, 60)
    assert len(world.alive) == 5
    assert "unknown" in [reason.code for reason in fleet(tick).decision.reasons]


def test_a_worker_stopped_by_hand_on_its_way_back_stays_stopped(world):
    controller = world.controller(world.config(max_workers=2))
    world.queue += [60.0] * 8
    world.run(controller, 8)
    controller.reconfigure(world.config(max_workers=1))
    world.run(controller, 2)
    controller.reconfigure(world.config(min_workers=2, max_workers=2))
    world.broker_up = False
    tick = world.run(controller, 2)
    (back,) = [worker.name for worker in fleet(tick).workers if worker.state is WorkerState.RESTORING]
    process = world.processes_by_name[back]
    world.processes_by_name[back] = replace(process, state=ProgramState.STOPPED, pid=None)
    world.broker_up = True
    starts = world.starts
    tick = world.run(controller, 10)
    assert world.starts == starts
    assert {worker.name: worker.state for worker in fleet(tick).workers}[back] is WorkerState.HELD


def test_a_programs_file_that_was_deleted_under_running_workers_is_told(world):
    controller = world.controller(world.config(min_workers=2))
    world.run(controller, 5)
    kept = world.file.path.read_text()
    world.file.path.unlink()
    tick = world.run(controller, 5)
    assert "emails-01, emails-02 run under supervisord, but their sections have gone" in fleet(tick).trouble
    assert world.starts == 2
    world.file.path.write_text(kept)
    assert fleet(world.run(controller, 2)).trouble == ""


def test_a_journal_line_that_is_left_does_not_make_somebody_elses_program_ours(world):
    world.run(world.controller(), 5)
    store = Store(world.store_folder)
    store.put_drain(Drain("emails-02", DrainPhase.DRAINING, world.now))
    world.processes_by_name["emails-02"] = Process("emails-02", ProgramState.RUNNING, 4711, world.now)
    world.run(world.controller(), 10)
    assert world.processes_by_name["emails-02"].pid == 4711
    assert store.drains() == {}


def test_workers_of_a_host_that_was_renamed_are_still_heard(world):
    world.run(world.controller(), 5)
    controller = world.controller(host_name="renamed")
    tick = controller.tick(world.now)
    (worker,) = fleet(tick).workers
    assert worker.node == "emails-01@host"
    assert worker.state is WorkerState.RUNNING
    assert worker.outdated


def test_a_silent_worker_of_a_removed_fleet_is_told_to_take_no_more(world):
    controller = world.controller()
    world.run(controller, 5)
    (worker,) = world.workers.values()
    worker.silent = True
    controller.reconfigure(world.config(name="letters", queues=["letters"]))
    world.run(controller, 3)
    assert worker.consumes == set()


def test_a_dry_run_that_begins_in_the_middle_of_a_drain_says_what_it_leaves(world):
    controller = world.controller(world.config(min_workers=2, max_workers=2))
    world.queue += [60.0] * 4
    world.run(controller, 5)
    controller.reconfigure(world.config(max_workers=1))
    world.run(controller, 2)
    controller.reconfigure(world.config(max_workers=1, dry_run=True))
    tick = world.run(controller, 2)
    assert fleet(tick).trouble == "dry_run leaves emails-02 draining"


def test_one_name_that_is_taken_does_not_refuse_the_others(world):
    world.processes_by_name["emails-03"] = Process("emails-03", ProgramState.RUNNING, 4711, world.now)
    world.programs["emails-03"] = "theirs"
    ours = world.reload
    world.reload = lambda: replace(ours(), removed=ours().removed - {"emails-03"})
    tick = world.run(world.controller(world.config(min_workers=4)), 5)
    assert world.alive == ["emails-01", "emails-02", "emails-03", "emails-04"]
    assert "somebody else's program is called emails-03" in fleet(tick).trouble


# --- whatever happens, whenever ---------------------------------------------------------------------------

EVENTS = st.sampled_from(
    ["burst", "broker", "supervisord", "kill worker", "silence", "fewer", "more", "daemon", "nothing"]
)


class Story:
    """Random faults on a world, with a daemon that dies after a random step and is started again."""

    def __init__(self, world, die_after):
        self.world = world
        self.published = 0
        self.largest = 5
        self._steps_left = die_after
        self.controller = world.controller(on_step=self._on_step)

    def _on_step(self, _):
        self._steps_left -= 1
        if self._steps_left == 0:
            raise Killed

    def config(self):
        return self.world.config(max_workers=self.largest)

    def run(self, seconds):
        return self._run(self.world.run, seconds)

    def run_out(self, seconds):
        return self._run(self.world.run_out, seconds)

    def _run(self, run, seconds):
        try:
            return run(self.controller, seconds)
        except Killed:
            self.restart_daemon(seconds)
            return run(self.controller, seconds)

    def burst(self, seconds):
        self.world.queue += [float(seconds)] * 10
        self.published += 10

    def toggle_broker(self, _):
        self.world.broker_up = not self.world.broker_up

    def toggle_supervisord(self, _):
        self.world.supervisord_up = not self.world.supervisord_up

    def kill_worker(self, _):
        running = [
            name
            for name, process in sorted(self.world.processes_by_name.items())
            if process.state is ProgramState.RUNNING
        ]
        if running:
            self.world.kill(running[0])

    def silence(self, _):
        for worker in list(self.world.workers.values())[:1]:
            worker.silent = not worker.silent

    def resize(self, seconds):
        self.largest = 1 if seconds % 2 else 5
        self.controller.reconfigure(self.config())

    def restart_daemon(self, _):
        self.controller = self.world.controller(self.config())

    def nothing(self, _):
        pass

    def all_well(self):
        self.world.broker_up = self.world.supervisord_up = True
        for worker in self.world.workers.values():
            worker.silent = False


EVENTS = st.sampled_from(
    [
        Story.burst,
        Story.toggle_broker,
        Story.toggle_supervisord,
        Story.kill_worker,
        Story.silence,
        Story.resize,
        Story.restart_daemon,
        Story.nothing,
    ]
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(st.tuples(EVENTS, st.integers(1, 8)), max_size=25), die_after=st.integers(0, 40))
def test_no_busy_worker_is_stopped_and_nothing_is_lost(make_world, events, die_after):
    world = make_world()
    story = Story(world, die_after)
    story.run(3)
    for event, seconds in events:
        event(story, seconds)
        story.run(seconds)
        assert len(world.alive) <= 5
    story.all_well()
    tick = story.run_out(700)
    assert world.done == story.published
    assert world.stopped_busy == []
    assert [worker.state for worker in fleet(tick).workers] == [WorkerState.RUNNING]
    assert list(world.file.read()) == world.alive == sorted(world.programs)
