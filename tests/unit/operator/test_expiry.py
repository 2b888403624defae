"""Holds that end with their time, the boot, their fleet or their worker, on a world in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.operator.commanding import codes, drain, fleet, give, pause, reason, scale, states, stop

from autoscaler.errors import CommandRefused, SupervisordFault
from autoscaler.model import ProgramState, ReleaseWorker
from autoscaler.store import Store


@pytest.mark.parametrize("command", [pause(), scale(4), stop()])
def test_a_hold_survives_a_restart_of_the_daemon(world, three, command):
    give(world, three, command)
    world.run(three, 15)
    before = world.alive
    world.queue += [5.0] * 60
    world.run(world.controller(world.config(min_workers=3)), 10)
    assert world.alive == before


def test_a_size_set_by_hand_holds_until_its_time_is_over_and_the_log_says_so(world, three):
    assert "kept at 5 workers until " in give(world, three, scale(5, lasts=20.0))
    assert fleet(world.run(three, 19)).decision.desired == 5
    ticks = [world.run(three, 1) for _ in range(30)]
    (ended,) = [reason(tick, "hold_ended") for tick in ticks if "hold_ended" in codes(tick)]
    assert "5 workers by alice (uid 1000)" in ended
    (action,) = [action for tick in ticks for action in tick.actions if "time is over" in action]
    assert action.startswith("emails: no longer kept at 5 workers by alice (uid 1000)")
    assert len(world.alive) == 3
    assert Store(world.store_folder).holds() == {}


def test_the_hold_of_a_fleet_that_leaves_the_config_ends_and_says_so(world, three):
    give(world, three, pause(reason="sale"))
    three.reconfigure(world.config(name="letters", queues=["letters"]))
    tick = world.run(three, 0)
    assert tick.actions[0].startswith("emails: no longer paused by alice (uid 1000): sale")
    assert "left the config" in tick.actions[0]
    world.run(three, 20)
    assert not [name for name in world.alive if name.startswith("emails")]
    assert Store(world.store_folder).holds() == {}


def test_a_clock_that_was_set_back_makes_no_hold_longer(world, three):
    give(world, three, scale(5, lasts=20.0))
    world.now -= 86400.0
    again = world.controller(world.config(min_workers=3))
    world.run(again, 1)
    assert Store(world.store_folder).holds()["emails"].until == pytest.approx(world.now - 1 + 20.0)


def test_drain_all_lasts_as_long_as_the_machine_is_up(world, three):
    assert "ends when the machine starts again" in give(world, three, stop(None, this_boot=True))
    world.run(three, 10)
    assert world.alive == []
    world.run(world.controller(world.config(min_workers=3)), 10)
    assert world.alive == []
    tick = world.run(world.controller(world.config(min_workers=3), boot="next boot"), 0)
    assert tick.actions[0].endswith("the machine has started again")
    world.run(world.controller(world.config(min_workers=3), boot="next boot"), 5)
    assert len(world.alive) == 3


@pytest.mark.parametrize(("command", "size"), [(pause(), 3), (scale(4), 4), (stop(), 0)])
def test_what_was_held_before_drain_all_is_held_again_in_the_next_boot(world, three, command, size):
    give(world, three, command)
    world.run(three, 10)
    for _ in range(2):
        give(world, three, stop(None, this_boot=True))
        world.run(three, 10)
    assert world.alive == []
    again = world.controller(world.config(min_workers=0), boot="next boot")
    world.queue += [100.0] * 60
    world.run(again, 10)
    assert len(world.alive) == size


def test_a_drained_worker_comes_back_when_its_time_is_over(world, three):
    give(world, three, drain("emails-02", lasts=30.0))
    world.run(three, 28)
    assert world.alive == ["emails-01", "emails-03"]
    world.run(three, 5)
    assert len(world.alive) == 3


def test_a_drained_worker_started_with_supervisorctl_is_in_service_again(world, three):
    give(world, three, drain("emails-02"))
    world.run(three, 10)
    world.start("emails-02")
    tick = world.run(three, 5)
    assert states(tick)["emails-02"] == "running"
    assert Store(world.store_folder).worker_holds() == {}


def test_a_held_worker_goes_with_its_fleet(world, three):
    give(world, three, drain("emails-02"))
    world.run(three, 10)
    three.reconfigure(world.config(name="letters", queues=["letters"]))
    world.run(three, 20)
    assert world.alive == ["letters-01"]
    assert list(world.programs) == ["letters-01"]
    assert Store(world.store_folder).worker_holds() == {}


def test_a_worker_that_cannot_be_started_when_its_time_is_over_stays_stopped_and_says_so_once(world, three):
    give(world, three, drain("emails-02", lasts=15.0))
    world.run(three, 10)
    world.start = _refusing
    (text,) = [action for _ in range(10) for action in world.run(three, 1).actions if "emails-02" in action]
    assert "could not be started" in text
    assert text.endswith("it stays stopped")


def _refusing(name):
    raise SupervisordFault("startProcess", 20, "NO_FILE")


def give_up(world, name):
    """What supervisord does with a program that does not come up."""
    process = world.processes_by_name[name]
    world.processes_by_name[name] = replace(process, state=ProgramState.FAILED, pid=None)
    del world.workers[f"{name}@host"]


def test_a_held_worker_that_failed_is_no_crash_loop(world, three):
    give(world, three, drain("emails-02"))
    world.run(three, 1)
    give_up(world, "emails-02")
    tick = world.run(three, 10)
    assert states(tick)["emails-02"] == "held"
    world.queue += [5.0] * 30
    tick = world.run(three, 4)
    assert not fleet(tick).trouble
    assert len(world.alive) == 4, "at most five, the held one included"


def test_a_held_worker_that_failed_is_started_when_its_time_is_over(world, three):
    give(world, three, drain("emails-02", lasts=15.0))
    world.run(three, 1)
    give_up(world, "emails-02")
    world.run(three, 12)
    starts = world.starts
    tick = world.run(three, 8)
    assert world.starts == starts + 1
    assert set(states(tick).values()) == {"running"}
    assert Store(world.store_folder).drains() == {}


def test_a_dry_run_starts_no_held_worker_and_the_end_of_the_dry_run_does(world, three):
    give(world, three, drain("emails-02", lasts=15.0))
    world.run(three, 10)
    three.reconfigure(world.config(min_workers=3, dry_run=True))
    starts = world.starts
    world.run(three, 10)
    with pytest.raises(CommandRefused, match="not started in a dry run"):
        give(world, three, ReleaseWorker("emails-02", "alice"))
    assert world.starts == starts
    three.reconfigure(world.config(min_workers=3))
    world.run(three, 3)
    assert len(world.alive) == 3


@pytest.mark.parametrize("command", [scale(4, lasts=500.0), drain("emails-02", lasts=500.0)])
def test_a_clock_that_was_set_back_ends_no_tick_where_nothing_can_be_written(world, three, command):
    give(world, three, command)
    world.run(three, 10)
    world.now -= 3600.0
    again = world.controller(world.config(min_workers=3))
    world.refuse_writes()
    world.queue += [5.0] * 30
    world.run(again, 10)
    assert len(world.alive) == 4


def test_a_boot_ends_drain_all_also_where_nothing_can_be_written(world, three):
    give(world, three, scale(4))
    give(world, three, stop(None, this_boot=True))
    world.run(three, 10)
    again = world.controller(world.config(min_workers=3), boot="next boot")
    world.refuse_writes()
    world.run(again, 10)
    assert len(world.alive) == 4


def test_a_held_worker_is_drained_again_when_supervisord_was_restarted(world, three):
    give(world, three, drain("emails-02"))
    world.run(three, 10)
    world.restart_supervisord()
    world.queue += [5.0] * 6
    tick = world.run(three, 0)
    assert tick.actions[0].startswith("emails-02: a restarted supervisord has started it")
    tick = world.run(three, 20)
    assert states(tick)["emails-02"] == "held"
    assert not world.stopped_busy
    world.start("emails-02")
    assert states(world.run(three, 5))["emails-02"] == "running"


def test_a_drain_that_cannot_be_journalled_holds_up_no_growth(world, three):
    give(world, three, drain("emails-02"))
    world.refuse_writes()
    world.queue += [5.0] * 40
    world.run(three, 10)
    assert len(world.alive) == 5
    world.allow_writes()
    tick = world.run(three, 20)
    assert states(tick)["emails-02"] == "held"
    assert not world.stopped_busy
