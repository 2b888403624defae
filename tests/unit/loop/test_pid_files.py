"""The workers' pids in files."""

from __future__ import annotations

import logging

import pytest

from autoscaler.loop.pid_files import PidFiles


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "pids"


@pytest.fixture
def config(world, folder):
    """The config of the world's controller, with a `pid_dir`."""

    def make(**changes):
        given = world.config()
        fleet = given.fleets["emails"].model_copy(update={"pid_dir": folder, **changes})
        return given.model_copy(update={"fleets": {"emails": fleet}})

    return make


def held(folder):
    return {path.name: int(path.read_text()) for path in folder.iterdir()}


def test_each_worker_has_its_pid_in_a_file(world, config, folder):
    tick = world.run(world.controller(), 5)
    PidFiles().keep(config(), tick)
    assert held(folder) == {"emails-01.pid": tick.fleets[0].workers[0].pid}


def test_a_new_process_has_its_own_and_an_ended_one_has_none(world, config, folder):
    controller, files = world.controller(), PidFiles()
    files.keep(config(), world.run(controller, 5))
    before = held(folder)
    world.kill("emails-01")
    files.keep(config(), world.run(controller, 5))
    assert held(folder).keys() == before.keys()
    assert held(folder) != before
    world.stop("emails-01")
    world.advance(1)
    files.keep(config(), world.run(controller, 1))
    assert held(folder) == {}


def test_files_of_another_daemon_s_time_go_and_others_stay(world, config, folder):
    folder.mkdir()
    for name in ("emails-07.pid", "nginx.pid", "news-01.pid"):
        (folder / name).write_text("1\n")
    PidFiles().keep(config(), world.run(world.controller(), 5))
    assert held(folder).keys() == {"emails-01.pid", "nginx.pid", "news-01.pid"}


def test_workers_that_cannot_be_seen_keep_their_files(world, config, folder):
    controller, files = world.controller(), PidFiles()
    files.keep(config(), world.run(controller, 5))
    before = held(folder)
    world.supervisord_up = False
    files.keep(config(), world.run(controller, 1))
    assert held(folder) == before


def test_a_folder_that_is_no_longer_wanted_is_emptied(world, config, folder, tmp_path):
    files, tick = PidFiles(), world.run(world.controller(), 5)
    files.keep(config(), tick)
    files.keep(config(pid_dir=tmp_path / "other"), tick)
    assert held(folder) == {}
    assert held(tmp_path / "other").keys() == {"emails-01.pid"}
    files.keep(config(pid_dir=None), tick)
    assert held(tmp_path / "other") == {}


def test_a_folder_that_cannot_be_made_is_told_once(world, config, folder, caplog):
    folder.write_text("in the way")
    files, tick = PidFiles(), world.run(world.controller(), 5)
    with caplog.at_level(logging.WARNING):
        files.keep(config(), tick)
        files.keep(config(), tick)
    assert [record.message for record in caplog.records] == [f"emails: pid_dir: {folder}: File exists"]
