"""The operator wins: holds of fleets and of single workers, on a world in memory."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoscaler.errors import CommandRefused, SupervisordFault, UnknownName
from autoscaler.model import (
    DrainWorker,
    HoldFleets,
    ProgramState,
    ReleaseFleets,
    ReleaseWorker,
    Terms,
    WorkerState,
)
from autoscaler.store import Store
from autoscaler.store.history import History

ALICE = Terms("alice (uid 1000)")
FLEET = ("emails",)


def pause(fleets=FLEET, **terms):
    return HoldFleets(fleets, None, replace(ALICE, **terms))


def scale(workers, **terms):
    return HoldFleets(FLEET, workers, replace(ALICE, **terms))


def stop(fleets=FLEET, *, this_boot=False, **terms):
    return HoldFleets(fleets, 0, replace(ALICE, **terms), stopped=True, this_boot=this_boot)


def drain(worker, **terms):
    return DrainWorker(worker, replace(ALICE, **terms))


START = ReleaseFleets(FLEET, "alice")
RESUME = ReleaseFleets(FLEET, "alice", stopped=False)
RELEASE = ReleaseFleets(FLEET, "alice", workers=True)


def fleet(tick):
    return next(each for each in tick.fleets if each.name == "emails")


def codes(tick):
    return [reason.code for reason in fleet(tick).decision.reasons]


def states(tick):
    return {worker.name: worker.state.value for worker in fleet(tick).workers}


def order(world, controller, command):
    (said,) = controller.carry_out(world.now, command)
    return said


@pytest.fixture
def three(world):
    """A fleet of three idle workers, and its controller."""
    controller = world.controller(world.config(min_workers=3))
    world.run(controller, 5)
    assert len(world.alive) == 3
    return controller


# --- fleets ---


def test_a_paused_fleet_stays_as_it_is_whatever_waits(world, three):
    said = order(world, three, pause(reason="sale"))
    assert said == "emails: paused; `autoscaler resume emails` ends that"
    world.queue += [5.0] * 60
    tick = world.run(three, 20)
    assert len(world.alive) == 3
    assert fleet(tick).decision.reasons[-1].text == ("paused by alice (uid 1000): sale; stays at 3 workers")
    order(world, three, RESUME)
    world.run(three, 5)
    assert len(world.alive) == 5


def test_a_size_set_by_hand_holds_until_its_time_is_over_and_the_log_says_so(world, three):
    assert "kept at 5 workers until " in order(world, three, scale(5, lasts=20.0))
    assert fleet(world.run(three, 19)).decision.desired == 5
    told = []
    for _ in range(30):
        tick = world.run(three, 1)
        told += [action for action in tick.actions if "time is over" in action]
        if "hold_ended" in codes(tick):
            ended = fleet(tick).decision.reasons[0].text
    assert ended == "set to 5 workers by alice (uid 1000): its time is over"
    assert told == ["emails: no longer set to 5 workers by alice (uid 1000): its time is over"]
    assert len(world.alive) == 3
    assert Store(world.store_folder).holds() == {}


def test_a_stopped_fleet_drains_whatever_min_workers_says_and_nobody_is_killed(world, three):
    world.queue += [8.0] * 6
    world.run(three, 2)
    order(world, three, stop())
    tick = world.run(three, 4)
    assert codes(tick)[-1] == "stopped"
    assert set(states(tick).values()) == {"draining"}
    world.run(three, 20)
    assert world.alive == []
    assert world.stopped_busy == []
    world.queue += [1.0] * 10
    world.run(three, 10)
    assert world.alive == []
    order(world, three, START)
    world.run(three, 20)
    assert len(world.alive) == 3
    assert world.done == 16


def test_a_stop_reaches_workers_that_are_silent_as_soon_as_they_answer(world, three):
    for worker in world.workers.values():
        worker.silent = True
    order(world, three, stop())
    world.run(three, 30)
    assert len(world.alive) == 3
    for worker in world.workers.values():
        worker.silent = False
    world.run(three, 15)
    assert world.alive == []


@pytest.mark.parametrize("command", [pause(), scale(4), stop()])
def test_a_hold_survives_a_restart_of_the_daemon(world, three, command):
    order(world, three, command)
    world.run(three, 15)
    before = world.alive
    world.queue += [5.0] * 60
    world.run(world.controller(world.config(min_workers=3)), 10)
    assert world.alive == before


def test_the_hold_of_a_fleet_that_leaves_the_config_ends_and_is_told(world, three):
    order(world, three, pause(reason="sale"))
    three.reconfigure(world.config(name="letters", queues=["letters"]))
    tick = world.run(three, 0)
    assert "emails: has left the config; it was paused by alice (uid 1000): sale" in tick.actions[0]
    world.run(three, 20)
    assert not [name for name in world.alive if name.startswith("emails")]
    assert Store(world.store_folder).holds() == {}


def test_a_clock_that_was_set_back_makes_no_hold_longer(world, three):
    order(world, three, scale(5, lasts=20.0))
    world.now -= 86400.0
    again = world.controller(world.config(min_workers=3))
    world.run(again, 1)
    assert Store(world.store_folder).holds()["emails"].until == pytest.approx(world.now - 1 + 20.0)


# --- before the machine goes down ---


def test_drain_all_lasts_as_long_as_the_machine_is_up(world, three):
    assert "ends when the machine starts again" in order(world, three, stop(None, this_boot=True))
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
    order(world, three, command)
    world.run(three, 10)
    for _ in range(2):
        order(world, three, stop(None, this_boot=True))
        world.run(three, 10)
    assert world.alive == []
    again = world.controller(world.config(min_workers=0), boot="next boot")
    world.queue += [100.0] * 60
    world.run(again, 10)
    assert len(world.alive) == size


# --- single workers ---


def test_a_drained_worker_finishes_stays_stopped_and_is_not_replaced(world, three):
    world.queue += [12.0] * 6
    world.run(three, 2)
    assert "finishes what it has and goes out of service" in order(world, three, drain("emails-02"))
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
    order(world, three, drain("emails-02", reason="debug"))
    tick = world.run(three, 10)
    assert world.alive == ["emails-01", "emails-03"]
    (worker,) = [each for each in fleet(tick).workers if each.state is WorkerState.HELD]
    assert (worker.hold.by, worker.hold.reason, worker.hold.out) == (ALICE.by, "debug", True)
    assert order(world, three, ReleaseWorker("emails-02", "bob")) == "emails-02: released, and started"
    tick = world.run(three, 5)
    assert set(states(tick).values()) == {"running"}
    assert Store(world.store_folder).worker_holds() == {}


def test_a_drained_worker_comes_back_when_its_time_is_over(world, three):
    order(world, three, drain("emails-02", lasts=30.0))
    world.run(three, 28)
    assert world.alive == ["emails-01", "emails-03"]
    world.run(three, 5)
    assert len(world.alive) == 3


def test_a_drained_worker_started_with_supervisorctl_is_in_service_again(world, three):
    order(world, three, drain("emails-02"))
    world.run(three, 10)
    world.start("emails-02")
    tick = world.run(three, 5)
    assert states(tick)["emails-02"] == "running"
    assert Store(world.store_folder).worker_holds() == {}


def test_a_drain_by_hand_can_be_taken_back_while_the_worker_is_busy(world, three):
    world.queue += [30.0] * 6
    world.run(three, 2)
    order(world, three, drain("emails-02"))
    world.run(three, 3)
    assert "its fleet decides" in order(world, three, ReleaseWorker("emails-02", "alice"))
    tick = world.run(three, 3)
    assert states(tick)["emails-02"] == "running"
    assert world.workers["emails-02@host"].consumes == {"emails"}


def test_history_has_who_was_taken_out_of_service_and_that_it_came_back(world, three):
    order(world, three, drain("emails-02", reason="debug"))
    world.run(three, 10)
    stopped = world.processes_by_name["emails-03"]
    world.processes_by_name["emails-03"] = replace(stopped, state=ProgramState.STOPPED, pid=None)
    world.run(three, 3)
    for name in ("emails-02", "emails-03"):
        order(world, three, ReleaseWorker(name, "alice"))
        world.run(three, 5)
    past = reversed(History(world.store_folder).decisions("emails", 100))
    held = [[each.text for each in decision.reasons if each.code == "held"] for decision in past]
    out, by_hand = "emails-02 is out of service by alice (uid 1000): debug", "emails-03 is stopped by hand"
    told = [each for i, each in enumerate(held) if i == 0 or each != held[i - 1]]
    assert told == [[], [out], [out, by_hand], [by_hand], []]


def test_a_worker_stopped_with_supervisorctl_is_started_by_release(world, three):
    stopped = world.processes_by_name["emails-02"]
    world.processes_by_name["emails-02"] = replace(stopped, state=ProgramState.STOPPED, pid=None)
    tick = world.run(three, 3)
    assert states(tick)["emails-02"] == "held"
    order(world, three, ReleaseWorker("emails-02", "alice"))
    assert set(states(world.run(three, 5)).values()) == {"running"}


def test_release_of_a_fleet_starts_its_held_workers_too(world, three):
    order(world, three, drain("emails-02"))
    world.run(three, 10)
    order(world, three, pause())
    said = three.carry_out(world.now, RELEASE)
    assert said == (
        "emails: released, was paused by alice (uid 1000)",
        "emails-02: released, and started",
    )
    world.run(three, 5)
    assert len(world.alive) == 3


def test_a_worker_released_in_a_stopped_fleet_is_taken_out(world, three):
    order(world, three, drain("emails-02"))
    world.run(three, 10)
    order(world, three, stop())
    world.run(three, 10)
    starts = world.starts
    assert "taken out" in order(world, three, ReleaseWorker("emails-02", "alice"))
    world.run(three, 5)
    assert world.programs == {}
    assert world.starts == starts


def test_a_held_worker_goes_with_its_fleet(world, three):
    order(world, three, drain("emails-02"))
    world.run(three, 10)
    three.reconfigure(world.config(name="letters", queues=["letters"]))
    world.run(three, 20)
    assert world.alive == ["letters-01"]
    assert list(world.programs) == ["letters-01"]
    assert Store(world.store_folder).worker_holds() == {}


def test_a_worker_that_cannot_be_started_when_its_time_is_over_stays_stopped_and_is_told_once(world, three):
    order(world, three, drain("emails-02", lasts=15.0))
    world.run(three, 10)
    world.start = _refusing
    told = [action for _ in range(10) for action in world.run(three, 1).actions if "emails-02" in action]
    (text,) = told
    assert "could not be started" in text
    assert text.endswith("it stays stopped")


def _refusing(name):
    raise SupervisordFault("startProcess", 20, "NO_FILE")


# --- what is refused ---


@pytest.mark.parametrize(
    ("command", "error", "words"),
    [
        (pause(("emial",)), UnknownName, r"there is no fleet 'emial'; did you mean emails\?"),
        (drain("emails-20"), UnknownName, r"there is no worker 'emails-20'; did you mean emails-0"),
        (drain("emails"), UnknownName, "'emails' is a fleet: `autoscaler stop emails` drains all of it"),
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
    order(world, three, stop())
    with pytest.raises(CommandRefused, match="`autoscaler start emails` ends that"):
        order(world, three, RESUME)
    assert "is stopped by alice" in order(world, three, replace(RESUME, fleets=None))
    assert Store(world.store_folder).holds()["emails"].stopped


@pytest.mark.parametrize("command", [pause(lasts=4.0), scale(4)])
@pytest.mark.parametrize("this_boot", [False, True])
def test_a_pause_or_a_size_does_not_start_what_was_stopped(world, three, command, this_boot):
    order(world, three, stop(this_boot=this_boot, reason="sale"))
    with pytest.raises(
        CommandRefused, match=r"is stopped by alice.*: sale; `autoscaler start emails` ends that"
    ):
        order(world, three, command)
    said = order(world, three, replace(command, fleets=None))
    assert said.endswith("`autoscaler start emails` ends that, and it is left stopped")
    world.run(three, 30)
    assert world.alive == []


def test_a_stop_whose_time_is_over_refuses_nothing(world, three):
    order(world, three, stop(lasts=4.0))
    world.now += 5.0
    assert order(world, three, pause()) == "emails: paused; `autoscaler resume emails` ends that"


@pytest.mark.parametrize("command", [pause(), pause(None), scale(4), stop(), stop(None, this_boot=True)])
def test_an_order_says_which_one_it_replaces(world, three, command):
    order(world, three, scale(5, reason="sale"))
    assert order(world, three, command).endswith("(was set to 5 workers by alice (uid 1000): sale)")


def test_a_drain_says_which_one_it_replaces(world, three):
    assert "was" not in order(world, three, drain("emails-02", reason="debug"))
    assert order(world, three, drain("emails-02")).endswith("(was drained by alice (uid 1000): debug)")


def test_single_workers_cannot_be_ordered_about_while_supervisord_is_away(world, three):
    world.supervisord_up = False
    with pytest.raises(CommandRefused, match="cannot be looked at just now: supervisord away"):
        order(world, three, drain("emails-02"))
    assert "paused" in order(world, three, pause())
    assert fleet(world.run(three, 1)).hold.by == ALICE.by


# --- whatever happens ---

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
def test_whatever_is_ordered_nobody_busy_is_stopped_and_nothing_is_lost(make_world, story):
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


# --- workers that supervisord gives up on, and a supervisord that is restarted ---


def give_up(world, name):
    """What supervisord does with a program that does not come up."""
    process = world.processes_by_name[name]
    world.processes_by_name[name] = replace(process, state=ProgramState.FAILED, pid=None)
    del world.workers[f"{name}@host"]


def test_a_held_worker_that_failed_is_no_crash_loop(world, three):
    order(world, three, drain("emails-02"))
    world.run(three, 1)
    give_up(world, "emails-02")
    tick = world.run(three, 10)
    assert states(tick)["emails-02"] == "held"
    world.queue += [5.0] * 30
    tick = world.run(three, 4)
    assert not fleet(tick).trouble
    assert len(world.alive) == 4, "at most five, the held one included"


def test_a_held_worker_that_failed_is_started_when_its_time_is_over(world, three):
    order(world, three, drain("emails-02", lasts=15.0))
    world.run(three, 1)
    give_up(world, "emails-02")
    world.run(three, 12)
    starts = world.starts
    tick = world.run(three, 8)
    assert world.starts == starts + 1
    assert set(states(tick).values()) == {"running"}
    assert Store(world.store_folder).drains() == {}


# --- dry runs ---


def test_a_dry_run_starts_no_held_worker_and_the_end_of_the_dry_run_does(world, three):
    order(world, three, drain("emails-02", lasts=15.0))
    world.run(three, 10)
    three.reconfigure(world.config(min_workers=3, dry_run=True))
    starts = world.starts
    world.run(three, 10)
    with pytest.raises(CommandRefused, match="not started in a dry run"):
        order(world, three, ReleaseWorker("emails-02", "alice"))
    assert world.starts == starts
    three.reconfigure(world.config(min_workers=3))
    world.run(three, 3)
    assert len(world.alive) == 3


def test_a_drain_by_order_says_that_a_dry_run_leaves_it_undone(world, three):
    three.reconfigure(world.config(min_workers=3, dry_run=True))
    assert order(world, three, drain("emails-02")).endswith("(dry_run: nothing is changed)")


@pytest.mark.parametrize("command", [scale(4, lasts=500.0), drain("emails-02", lasts=500.0)])
def test_a_clock_that_was_set_back_ends_no_tick_where_nothing_can_be_written(world, three, command):
    order(world, three, command)
    world.run(three, 10)
    world.now -= 3600.0
    again = world.controller(world.config(min_workers=3))
    again._store._db.connection.execute("PRAGMA query_only = 1")
    world.queue += [5.0] * 30
    world.run(again, 10)
    assert len(world.alive) == 4


def test_a_boot_ends_drain_all_also_where_nothing_can_be_written(world, three):
    order(world, three, scale(4))
    order(world, three, stop(None, this_boot=True))
    world.run(three, 10)
    again = world.controller(world.config(min_workers=3), boot="next boot")
    again._store._db.connection.execute("PRAGMA query_only = 1")
    world.run(again, 10)
    assert len(world.alive) == 4


def test_a_worker_that_was_ordered_out_goes_out_again_when_supervisord_was_restarted(world, three):
    order(world, three, drain("emails-02"))
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


def test_an_order_that_cannot_be_journalled_holds_up_no_growth(world, three):
    order(world, three, drain("emails-02"))
    three._store._db.connection.execute("PRAGMA query_only = 1")
    world.queue += [5.0] * 40
    world.run(three, 10)
    assert len(world.alive) == 5
    three._store._db.connection.execute("PRAGMA query_only = 0")
    tick = world.run(three, 20)
    assert states(tick)["emails-02"] == "held"
    assert not world.stopped_busy
