"""What runs once beside the fleets: started, kept, replaced, rested, held and taken out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoscaler.config import Singleton
from autoscaler.errors import SupervisordFault
from autoscaler.loop.log_lines import tick_lines
from autoscaler.model import (
    DOWN,
    Beat,
    Process,
    ProgramState,
    SingletonRecord,
    SingletonState,
    app_of_beat,
    folder_of_program,
)
from autoscaler.singletons.states import (
    DEATHS_OF_A_LOOP,
    LONGEST_REST,
    REST,
    STREAK,
    Look,
    SingletonStep,
    advance,
    rest_after,
)
from autoscaler.store import Store

BEAT = ("/opt/shop/bin/celery", "-A", "shop.tasks", "beat")


class Killed(BaseException):
    """The daemon dies here."""


def with_beat(world, *singletons, **changes):
    beat = Singleton(**{"name": "beat", "command": BEAT, "directory": "/opt/shop"} | changes)
    return world.config(max_workers=2).model_copy(
        update={"singletons": {each.name: each for each in (beat, *singletons)}}
    )


def beat(tick, name="beat"):
    return next((each for each in tick.singletons if each.name == name), None)


def stop_by_hand(world, name="beat"):
    process = world.processes_by_name[name]
    world.processes_by_name[name] = replace(process, state=ProgramState.STOPPED, pid=None)
    world.workers.pop(f"{name}@host")


# --- the whole tick ---


def test_a_singleton_is_started_once_and_never_scaled(world):
    controller = world.controller(with_beat(world))
    world.queue += [1.0] * 200
    tick = world.run(controller, 20)
    assert beat(tick).state is SingletonState.RUNNING
    assert "command=/opt/shop/bin/celery -A shop.tasks beat\ndirectory=/opt/shop\n" in world.programs["beat"]
    assert [name for name in world.alive if name.startswith("beat")] == ["beat"]


def test_another_daemon_leaves_it_running(world):
    first = beat(world.run(world.controller(with_beat(world)), 5)).pid
    assert beat(world.run(world.controller(with_beat(world)), 5)).pid == first


def test_changed_settings_stop_it_before_it_is_started_anew(world):
    controller = world.controller(with_beat(world))
    old = beat(world.run(controller, 5)).pid
    steps = len(world.steps)
    controller.reconfigure(with_beat(world, command=(*BEAT, "--max-interval", "5")))
    new = beat(world.run(controller, 6))
    assert new.pid != old
    assert new.state is SingletonState.RUNNING
    assert not new.outdated
    assert "--max-interval 5" in world.programs["beat"]
    order = [step for step in world.steps[steps:] if step in {"rehearsed", "stopped", "removed", "added"}]
    assert order == ["rehearsed", "stopped", "removed", "added"]


def test_settings_that_supervisord_refuses_leave_the_old_one_running(world):
    controller = world.controller(with_beat(world))
    old = beat(world.run(controller, 5))
    world.refused_text = "user=nobody-here"
    controller.reconfigure(with_beat(world, user="nobody-here"))
    tick = world.run(controller, 30)
    assert beat(tick).pid == old.pid
    assert beat(tick).state is SingletonState.RUNNING
    assert "CANT_REREAD" in beat(tick).trouble
    assert "user=" not in world.file.read()["beat"]
    controller.reconfigure(with_beat(world))
    assert beat(world.run(controller, 3)).trouble == ""


def test_one_that_left_the_config_is_stopped_and_removed(world):
    controller = world.controller(with_beat(world))
    world.run(controller, 5)
    controller.reconfigure(world.config(max_workers=2))
    tick = world.run(controller, 5)
    assert beat(tick) is None
    assert "beat" not in world.programs
    assert "beat" not in world.file.read()
    assert Store(world.store_folder).singletons() == {}


def start_behind_the_back(world):
    """Somebody starts it between its end and its removal from supervisord."""
    remove_all = world.remove_all

    def refuse(names):
        world._spawn("beat")
        world.remove_all = remove_all
        return {name: SupervisordFault("removeProcessGroup", 91, "STILL_RUNNING") for name in names}

    world.remove_all = refuse


def test_one_that_is_started_while_it_is_taken_out_is_stopped_again(world):
    controller = world.controller(with_beat(world))
    world.run(controller, 5)
    controller.reconfigure(world.config(max_workers=2))
    start_behind_the_back(world)
    world.run(controller, 1)
    assert "beat" in world.alive
    world.run(world.controller(world.config(max_workers=2)), 5)
    assert "beat" not in world.programs


def test_one_that_is_started_while_it_gets_new_settings_gets_them(world):
    controller = world.controller(with_beat(world))
    world.run(controller, 5)
    controller.reconfigure(with_beat(world, command=(*BEAT, "--max-interval", "5")))
    start_behind_the_back(world)
    world.run(controller, 10)
    assert "--max-interval 5" in world.programs["beat"]


def test_one_that_has_moved_to_another_file_meanwhile_is_left_alone(world):
    controller = world.controller(with_beat(world))
    world.run(controller, 5)
    controller.reconfigure(world.config(max_workers=2))
    start_behind_the_back(world)
    world.run(controller, 1)
    reload = world.reload

    def reload_with_another_file():
        got = reload()
        return replace(got, removed=got.removed - {"beat"})

    world.reload = reload_with_another_file
    tick = world.run(controller, 5)
    assert "beat" in world.alive
    assert "somebody else's program is called beat" in beat(tick).trouble


def test_one_stopped_by_hand_stays_stopped_and_is_told(world):
    controller = world.controller(with_beat(world))
    world.run(controller, 5)
    stop_by_hand(world)
    before = controller.tick(world.now - 0.5)
    tick = world.run(controller, 60)
    assert beat(tick).state is SingletonState.HELD
    assert "beat" not in world.alive
    again = world.run(world.controller(with_beat(world)), 5)
    assert beat(again).state is SingletonState.HELD
    assert [line for line in tick_lines(None, before) if line.text.startswith("beat: stopped by hand")]
    world.start("beat")
    assert beat(world.run(controller, 3)).state is SingletonState.RUNNING


def test_one_stopped_by_hand_gets_new_settings_when_it_is_started(world):
    controller = world.controller(with_beat(world))
    world.run(controller, 5)
    stop_by_hand(world)
    world.run(controller, 3)
    controller.reconfigure(with_beat(world, command=(*BEAT, "-l", "info")))
    tick = world.run(controller, 10)
    assert beat(tick).state is SingletonState.HELD
    assert beat(tick).outdated
    world.start("beat")
    assert beat(world.run(controller, 6)).state is SingletonState.RUNNING
    assert "-l info" in world.programs["beat"]


def test_one_stopped_by_hand_and_taken_out_of_the_config_is_removed(world):
    controller = world.controller(with_beat(world))
    world.run(controller, 5)
    stop_by_hand(world)
    world.run(controller, 3)
    controller.reconfigure(world.config(max_workers=2))
    world.run(controller, 3)
    assert "beat" not in world.programs


def test_one_that_is_killed_comes_back_at_once(world):
    controller = world.controller(with_beat(world))
    world.run(controller, 5)
    world.kill("beat")
    tick = world.run(controller, 2)
    assert beat(tick).state is SingletonState.RUNNING
    assert beat(tick).trouble == ""


def test_one_that_dies_again_and_again_is_started_ever_more_slowly(world):
    controller = world.controller(with_beat(world))
    world.run(controller, 5)
    rests = []
    for _ in range(5):
        world.kill("beat")
        tick = world.run(controller, 2)
        if beat(tick).state is SingletonState.RESTING:
            rests.append(round(beat(tick).rest_until - world.now + 2))
            assert "has died" in beat(tick).trouble
            assert "its log is" in beat(tick).trouble
            world.run(controller, rests[-1] + 3)
    assert rests == [10, 20, 40]
    assert beat(world.run(controller, STREAK + 5, 30.0)).state is SingletonState.RUNNING
    world.kill("beat")
    assert beat(world.run(controller, 2)).trouble == ""


def test_one_that_supervisord_gave_up_on_is_tried_again(world):
    controller = world.controller(with_beat(world))
    world.run(controller, 5)
    fatal = replace(
        world.processes_by_name["beat"], state=ProgramState.FAILED, pid=None, failure="no such file"
    )
    world.processes_by_name["beat"] = fatal
    tick = world.run(controller, 2)
    assert beat(tick).state is SingletonState.RESTING
    assert "no such file" in beat(tick).trouble
    assert beat(world.run(controller, REST + 2)).state is SingletonState.RUNNING


def test_a_rest_outlives_the_daemon_and_ends_with_a_start_by_hand(world):
    controller = world.controller(with_beat(world))
    world.run(controller, 5)
    for _ in range(DEATHS_OF_A_LOOP):
        world.kill("beat")
        world.run(controller, 2)
    tick = world.run(world.controller(with_beat(world)), 2)
    assert beat(tick).state is SingletonState.RESTING
    world.start("beat")
    assert beat(world.run(controller, 3)).state is SingletonState.RUNNING


def test_a_name_that_somebody_else_has_is_refused(world):
    world.programs["beat"] = "[program:beat]\ncommand=/bin/theirs\n"
    world.processes_by_name["beat"] = Process("beat", ProgramState.RUNNING, 42, world.now)
    tick = world.run(world.controller(with_beat(world)), 5)
    assert "somebody else's program is called beat" in beat(tick).trouble
    assert beat(tick).state is SingletonState.MISSING
    assert beat(tick).pid is None
    assert world.processes_by_name["beat"].pid == 42


def test_nothing_is_started_as_root_unless_the_config_says_so(world):
    world.is_root = True
    controller = world.controller(with_beat(world))
    tick = world.run(controller, 3)
    assert "singletons.beat has no user" in beat(tick).trouble
    assert "beat" not in world.programs
    controller.reconfigure(with_beat(world, user="root"))
    assert beat(world.run(controller, 3)).state is SingletonState.RUNNING


def test_a_dry_run_starts_and_stops_nothing(world):
    config = with_beat(world).model_copy(update={"dry_run": True})
    tick = world.run(world.controller(config), 5)
    assert beat(tick).state is SingletonState.MISSING
    assert beat(tick).dry_run
    assert world.programs == {}


def test_supervisord_away_is_told_and_nothing_is_known(world):
    controller = world.controller(with_beat(world))
    world.run(controller, 5)
    world.supervisord_up = False
    tick = world.run(controller, 3)
    assert beat(tick).state is None
    assert beat(tick).trouble == "supervisord away"


@pytest.mark.parametrize("step", ["written", "reloaded", "added", "rehearsed", "stopped", "removed"])
@pytest.mark.parametrize("after", ["changed", "gone"])
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nth=st.integers(1, 3))
def test_a_daemon_killed_anywhere_comes_to_the_same_end(make_world, step, after, nth):
    world = make_world()
    seen = []

    def on_step(name):
        seen.append(name)
        if seen.count(step) == nth:
            raise Killed

    old = with_beat(world)
    new = with_beat(world, command=(*BEAT, "-l", "info")) if after == "changed" else world.config()
    controller = world.controller(old, on_step)
    try:
        world.run(controller, 6)
        controller.reconfigure(new)
        world.run(controller, 6)
    except Killed:
        pass
    starts = world.starts
    tick = world.run(world.controller(new), 10)
    assert sorted(world.file.read()) == sorted(world.programs)
    assert ("beat" in world.alive) == (after == "changed")
    assert not [name for name in world.programs if "trial" in name]
    assert world.starts - starts <= 2
    if after == "changed":
        assert "-l info" in world.programs["beat"]
        assert beat(tick).trouble == ""


# --- a second beat ---


def stranger(**changes):
    values = {"pid": 4711, "app": "shop.tasks", "parents": frozenset({1}), "directory": "/root"}
    return Beat(**values | {"program": "/opt/shop/bin"} | changes)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (stranger(), "pid 4711 in /root sends the periodic tasks of shop.tasks as well"),
        (stranger(program="/usr/bin", directory="/opt/shop"), "pid 4711 in /opt/shop"),
        (stranger(directory=None, program=None), "pid 4711 sends"),
        (stranger(pid=77), "pid 77 in /root (supervisord's program old-beat)"),
        (stranger(app="other"), ""),
        (stranger(directory="/srv/other", program="/srv/other/bin"), ""),
    ],
)
def test_a_beat_that_somebody_left_is_told(world, other, told):
    world.processes_by_name["old-beat"] = Process("old-beat", ProgramState.RUNNING, 77, world.now)
    world.programs["old-beat"] = "[program:old-beat]\ncommand=/x\n"
    world.foreign = True
    world.beats.append(other)
    tick = world.run(world.controller(with_beat(world)), 5)
    assert told in beat(tick).trouble
    assert bool(told) == bool(beat(tick).trouble)


def test_its_own_process_and_its_children_are_no_second_beat(world):
    controller = world.controller(with_beat(world))
    pid = beat(world.run(controller, 3)).pid
    world.beats += [stranger(pid=pid), stranger(pid=999999, parents=frozenset({pid, 1}))]
    assert beat(world.run(controller, 3)).trouble == ""


def test_two_singletons_of_the_same_app_are_told_on_both(world):
    twin = Singleton(name="clock", command=["celery", "--app=shop.tasks:app", "beat"])
    tick = world.run(world.controller(with_beat(world, twin)), 5)
    assert "the singleton clock sends the periodic tasks" in beat(tick).trouble
    assert "the singleton beat sends the periodic tasks" in beat(tick, "clock").trouble


@pytest.mark.parametrize(
    ("command", "app"),
    [
        ("celery -A shop beat", "shop"),
        ("/opt/venv/bin/python /opt/venv/bin/celery --app=shop.celery:app beat -s /x", "shop"),
        ("python3 -m celery -Ashop.tasks beat", "shop.tasks"),
        ("celery beat -A shop", "shop"),
        ("celery beat", ""),
        ("celery -A shop worker -B -Q beat", "shop"),
        ("celery -A shop worker --beat", "shop"),
        ("celery -A shop worker -Q beat", None),
        ("celery -A shop flower", None),
        ("vim beat", None),
        ("", None),
    ],
)
def test_a_beat_is_known_by_its_command(command, app):
    assert app_of_beat(command.split()) == app


def test_a_beat_is_known_by_the_title_that_celery_gives_it():
    assert app_of_beat(["[celery beat] -A shop.tasks beat -l info", "", ""]) == "shop.tasks"


@pytest.mark.parametrize(
    ("command", "folder"),
    [(["/a/bin/celery"], "/a/bin"), (["python", "/a/b/celery"], "/a/b"), (["celery", "-A", "/x/y"], None)],
)
def test_the_folder_of_a_program(command, folder):
    assert folder_of_program(command) == folder


# --- the life, as a table and as properties ---

RUNNING = Process("beat", ProgramState.RUNNING, 7, 100.0)


@pytest.mark.parametrize(
    ("look", "step"),
    [
        (Look(None, None, "a"), SingletonStep.ADD),
        (Look(None, "a", "a"), SingletonStep.ADD),
        (Look(None, "a", "b"), SingletonStep.REMOVE),
        (Look(None, None, None), SingletonStep.WAIT),
        (Look(RUNNING, "a", "a"), SingletonStep.WAIT),
        (Look(RUNNING, "a", "b"), SingletonStep.TRY),
        (Look(RUNNING, "a", "b", tried=True), SingletonStep.STOP),
        (Look(RUNNING, "a", None), SingletonStep.STOP),
        (Look(RUNNING, None, "a"), SingletonStep.ADD),
        (Look(RUNNING, None, None), SingletonStep.WAIT),
        (Look(replace(RUNNING, state=ProgramState.STOPPING), "a", None), SingletonStep.WAIT),
        (Look(replace(RUNNING, state=ProgramState.STOPPED, pid=None), "a", None), SingletonStep.REMOVE),
        (Look(replace(RUNNING, state=ProgramState.STOPPED, pid=None), "a", "a"), SingletonStep.WAIT),
        (Look(replace(RUNNING, state=ProgramState.RETRYING, pid=None), "a", "a"), SingletonStep.WAIT),
    ],
)
def test_the_next_step(look, step):
    assert advance(200.0, SingletonRecord(), look)[1] is step


def test_one_stopped_for_an_edit_that_was_taken_back_is_started_again():
    stopped = replace(RUNNING, state=ProgramState.STOPPED, pid=None)
    memory = SingletonRecord(leaving=True)
    assert advance(200.0, memory, Look(stopped, "a", "a"))[1] is SingletonStep.START
    memory, step = advance(200.0, memory, Look(RUNNING, "a", "a"))
    assert (memory.leaving, step) == (False, SingletonStep.WAIT)


@given(st.integers(1, 100), st.booleans())
def test_a_rest_grows_and_has_an_end(deaths, gave_up):
    rest = rest_after(deaths, gave_up=gave_up)
    assert 0.0 <= rest <= LONGEST_REST < STREAK
    assert rest <= rest_after(deaths + 1, gave_up=gave_up)
    assert rest > 0 or not gave_up


looks = st.builds(
    Look,
    st.none()
    | st.builds(
        Process,
        st.just("beat"),
        st.sampled_from(ProgramState),
        st.none() | st.integers(1, 3),
        st.sampled_from([0.0, 1.0, 2.0]),
        st.sampled_from([0, 1]),
    ),
    st.sampled_from([None, "a", "b"]),
    st.sampled_from([None, "a", "b"]),
    st.booleans(),
)


@given(st.lists(looks, max_size=12))
def test_nothing_is_stopped_started_or_taken_out_without_a_cause(seen):
    memory = SingletonRecord()
    for now, look in enumerate(seen):
        before = memory
        memory, step = advance(float(now), memory, look)
        if step is SingletonStep.STOP:
            assert memory.leaving or memory.rest_until is not None
        if step is SingletonStep.START:
            assert before.leaving or before.rest_until is not None
        if step is SingletonStep.REMOVE:
            assert look.outdated or before.leaving
            assert look.process is None or look.process.pid is None or look.process.state in DOWN
        if step is SingletonStep.ADD:
            assert look.wanted is not None
        assert len(memory.deaths) <= 20
