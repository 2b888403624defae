"""Commands of operators, carried out on a world in memory: the operator wins."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.operator.commanding import (
    ALICE,
    RELEASE,
    RESUME,
    START,
    codes,
    drain,
    fleet,
    give,
    pause,
    reason,
    scale,
    states,
    stop,
)

from autoscaler.errors import CommandRefused, UnknownName
from autoscaler.model import ProgramState, ReleaseWorker, Stopped, WorkerState
from autoscaler.store import Store
from autoscaler.store.history import History


def test_a_paused_fleet_stays_as_it_is_whatever_waits(world, three):
    said = give(world, three, pause(reason="sale"))
    assert said.startswith("emails: paused")
    assert "`autoscaler resume emails`" in said
    world.queue += [5.0] * 60
    tick = world.run(three, 20)
    assert len(world.alive) == 3
    assert "by alice (uid 1000): sale" in reason(tick, "paused")
    assert "3 workers" in reason(tick, "paused")
    give(world, three, RESUME)
    world.run(three, 5)
    assert len(world.alive) == 5


def test_a_stopped_fleet_drains_whatever_min_workers_says_and_no_worker_is_killed(world, three):
    world.queue += [8.0] * 6
    world.run(three, 2)
    give(world, three, stop())
    tick = world.run(three, 4)
    assert codes(tick)[-1] == "stopped"
    assert set(states(tick).values()) == {"draining"}
    world.run(three, 20)
    assert world.alive == []
    assert world.stopped_busy == []
    world.queue += [1.0] * 10
    world.run(three, 10)
    assert world.alive == []
    give(world, three, START)
    world.run(three, 20)
    assert len(world.alive) == 3
    assert world.done == 16


def test_a_stop_reaches_workers_that_are_silent_as_soon_as_they_answer(world, three):
    for worker in world.workers.values():
        worker.silent = True
    give(world, three, stop())
    world.run(three, 30)
    assert len(world.alive) == 3
    for worker in world.workers.values():
        worker.silent = False
    world.run(three, 15)
    assert world.alive == []


def test_a_drained_worker_finishes_stays_stopped_and_is_not_replaced(world, three):
    world.queue += [12.0] * 6
    world.run(three, 2)
    assert "goes out of service" in give(world, three, drain("emails-02"))
    tick = world.run(three, 4)
    assert states(tick)["emails-02"] == "draining"
    world.queue += [30.0] * 30  # the load returns, and takes it not back
    world.run(three, 14)
    tick = world.run(world.controller(world.config(min_workers=3, max_workers=3)), 5)
    assert states(tick)["emails-02"] == "held"
    assert "emails-02" in world.programs
    assert world.stopped_busy == []
    assert world.starts == 5, "two more for the load, none in its place"


def test_a_drained_worker_is_started_again_by_release(world, three):
    give(world, three, drain("emails-02", reason="debug"))
    tick = world.run(three, 10)
    assert world.alive == ["emails-01", "emails-03"]
    (worker,) = [each for each in fleet(tick).workers if each.state is WorkerState.HELD]
    assert (worker.hold.by, worker.hold.reason, worker.hold.out) == (ALICE.by, "debug", True)
    assert give(world, three, ReleaseWorker("emails-02", "bob")) == "emails-02: released and started"
    tick = world.run(three, 5)
    assert set(states(tick).values()) == {"running"}
    assert Store(world.store_folder).worker_holds() == {}


def test_a_drain_by_hand_can_be_taken_back_while_the_worker_is_busy(world, three):
    world.queue += [30.0] * 6
    world.run(three, 2)
    give(world, three, drain("emails-02"))
    world.run(three, 3)
    assert "its fleet decides" in give(world, three, ReleaseWorker("emails-02", "alice"))
    tick = world.run(three, 3)
    assert states(tick)["emails-02"] == "running"
    assert world.workers["emails-02@host"].consumes == {"emails"}


def test_history_has_each_worker_that_was_out_of_service_and_that_it_came_back(world, three):
    give(world, three, drain("emails-02", reason="debug"))
    world.run(three, 10)
    stopped = world.processes_by_name["emails-03"]
    world.processes_by_name["emails-03"] = replace(stopped, state=ProgramState.STOPPED, pid=None)
    world.run(three, 3)
    for name in ("emails-02", "emails-03"):
        give(world, three, ReleaseWorker(name, "alice"))
        world.run(three, 5)
    past = reversed(History(world.store_folder).decisions("emails", 100))
    held = [[each.text for each in decision.reasons if each.code == "held"] for decision in past]
    changes = [each for i, each in enumerate(held) if i == 0 or each != held[i - 1]]
    names = [[text.partition(" ")[0] for text in texts] for texts in changes]
    assert names == [[], ["emails-02"], ["emails-02", "emails-03"], ["emails-03"], []]
    assert all("by alice (uid 1000): debug" in text for text in changes[1])
    assert all("stopped by hand" in text for text in changes[3])


def test_a_worker_stopped_with_supervisorctl_is_started_by_release(world, three):
    stopped = world.processes_by_name["emails-02"]
    world.processes_by_name["emails-02"] = replace(stopped, state=ProgramState.STOPPED, pid=None)
    tick = world.run(three, 3)
    assert states(tick)["emails-02"] == "held"
    give(world, three, ReleaseWorker("emails-02", "alice"))
    assert set(states(world.run(three, 5)).values()) == {"running"}


def test_release_of_a_fleet_starts_its_held_workers_too(world, three):
    give(world, three, drain("emails-02"))
    world.run(three, 10)
    give(world, three, pause())
    said = three.carry_out(world.now, RELEASE)
    assert said == (
        "emails: released, was paused by alice (uid 1000)",
        "emails-02: released and started",
    )
    world.run(three, 5)
    assert len(world.alive) == 3


def test_a_worker_released_in_a_stopped_fleet_is_taken_out(world, three):
    give(world, three, drain("emails-02"))
    world.run(three, 10)
    give(world, three, stop())
    world.run(three, 10)
    starts = world.starts
    assert "removed" in give(world, three, ReleaseWorker("emails-02", "alice"))
    world.run(three, 5)
    assert world.programs == {}
    assert world.starts == starts


@pytest.mark.parametrize(
    ("command", "error", "words"),
    [
        (pause(("emial",)), UnknownName, r"there is no fleet 'emial'; did you mean emails\?"),
        (drain("emails-20"), UnknownName, r"there is no worker 'emails-20'; did you mean emails-0"),
        (drain("emails"), UnknownName, "'emails' is a fleet: `autoscaler stop emails`"),
        (ReleaseWorker("emails", "a"), UnknownName, "'emails' is a fleet: `autoscaler release emails`"),
        (pause(("emails-02",)), UnknownName, "'emails-02' is a worker; its fleet is emails"),
        (
            replace(RELEASE, fleets=("emails-02",)),
            UnknownName,
            "'emails-02' is a worker; its fleet is emails",
        ),
        (ReleaseWorker("x", "a"), UnknownName, "there is no worker 'x'; there are emails-01, emails-02"),
        (scale(9), CommandRefused, r"9 is more than max_workers \(5\)"),
        (scale(1), CommandRefused, r"1 is less than min_workers \(3\).*`autoscaler stop emails`"),
    ],
)
def test_a_command_that_cannot_be_is_refused_with_a_hint(world, three, command, error, words):
    with pytest.raises(error, match=words):
        three.carry_out(world.now, command)
    assert Store(world.store_folder).holds() == {}


def test_resume_does_not_start_what_was_stopped(world, three):
    give(world, three, stop())
    with pytest.raises(CommandRefused, match="`autoscaler start emails`"):
        give(world, three, RESUME)
    assert "is stopped by alice" in give(world, three, replace(RESUME, fleets=None))
    assert isinstance(Store(world.store_folder).holds()["emails"], Stopped)


@pytest.mark.parametrize("command", [pause(lasts=4.0), scale(4)])
@pytest.mark.parametrize("this_boot", [False, True])
def test_a_pause_or_a_size_does_not_start_what_was_stopped(world, three, command, this_boot):
    give(world, three, stop(this_boot=this_boot, reason="sale"))
    with pytest.raises(CommandRefused, match=r"is stopped by alice.*: sale; `autoscaler start emails`"):
        give(world, three, command)
    said = give(world, three, replace(command, fleets=None))
    assert "`autoscaler start emails`" in said
    assert said.endswith("it stays stopped")
    world.run(three, 30)
    assert world.alive == []


def test_a_stop_whose_time_is_over_refuses_nothing(world, three):
    give(world, three, stop(lasts=4.0))
    world.now += 5.0
    assert give(world, three, pause()).startswith("emails: paused")


@pytest.mark.parametrize("command", [pause(), pause(None), scale(4), stop(), stop(None, this_boot=True)])
def test_a_command_says_which_hold_it_replaces(world, three, command):
    give(world, three, scale(5, reason="sale"))
    assert give(world, three, command).endswith("(was kept at 5 workers by alice (uid 1000): sale)")


def test_a_drain_says_which_hold_it_replaces(world, three):
    assert "was" not in give(world, three, drain("emails-02", reason="debug"))
    assert give(world, three, drain("emails-02")).endswith("(was drained by alice (uid 1000): debug)")


def test_single_workers_cannot_be_drained_while_supervisord_is_away(world, three):
    world.supervisord_up = False
    with pytest.raises(CommandRefused, match="cannot see the workers: supervisord away"):
        give(world, three, drain("emails-02"))
    assert "paused" in give(world, three, pause())
    assert fleet(world.run(three, 1)).hold.by == ALICE.by


COMMANDS = st.sampled_from(
    [
        pause(),
        scale(1),
        scale(5),
        scale(2, lasts=7.0),
        stop(),
        stop(lasts=9.0),
        stop(this_boot=True),
        drain("emails-01"),
        drain("emails-02", lasts=6.0),
        START,
        RELEASE,
        ReleaseWorker("emails-01", "alice"),
        None,
    ]
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(st.tuples(COMMANDS, st.integers(0, 12), st.integers(1, 8)), max_size=14))
def test_whatever_the_command_no_busy_worker_is_stopped_and_no_task_is_lost(make_world, story):
    world = make_world()
    controller = world.controller()
    world.run(controller, 3)
    published = 0
    for command, tasks, seconds in story:
        world.queue += [float(seconds)] * tasks
        published += tasks
        if command is None:
            controller = world.controller()
        else:
            with suppress(CommandRefused, UnknownName):
                controller.carry_out(world.now, command)
        world.run(controller, seconds)
        assert len(world.alive) <= 5
    controller.carry_out(world.now, RELEASE)
    tick = world.run_out(controller, 400)
    assert world.done == published
    assert world.stopped_busy == []
    assert [worker.state for worker in fleet(tick).workers] == [WorkerState.RUNNING]
    assert list(world.file.read()) == world.alive == sorted(world.programs)
    store = Store(world.store_folder)
    assert (store.holds(), store.worker_holds(), store.drains()) == ({}, {}, {})


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(loads=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), min_size=1, max_size=8))
def test_a_paused_fleet_never_changes(make_world, loads):
    world = make_world()
    controller = world.controller()
    world.run(controller, 3)
    world.queue += [4.0] * 10
    world.run(controller, 8)
    controller.carry_out(world.now, pause())
    tick = world.run(controller, 1)
    size = fleet(tick).decision.desired
    for tasks, seconds in loads:
        world.queue += [float(seconds)] * tasks
        tick = world.run(controller, seconds)
        assert fleet(tick).decision.desired == size
        controller = world.controller()


def test_a_drain_says_that_a_dry_run_leaves_it_undone(world, three):
    three.reconfigure(world.config(min_workers=3, dry_run=True))
    assert give(world, three, drain("emails-02")).endswith("(dry_run: nothing is changed)")
