"""The command's exit codes and what it prints."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from autoscaler import __version__
from autoscaler.cli import main
from autoscaler.http.api import make_app
from autoscaler.http.server import Server
from autoscaler.loop.snapshot import Snapshot

GOOD = """\
broker:
  url: amqp://guest:secret@localhost//
supervisord:
  programs_file: {folder}/autoscaler.conf
state_dir: {folder}/state
console:
  socket: {folder}/a.sock
fleets:
  emails:
    app: shop
    queues: [emails]
    concurrency: 2
    max_workers: 4
    scale: {{backlog_per_worker: 20}}
"""


@pytest.fixture
def autoscaler(short_folder, monkeypatch):
    monkeypatch.chdir(short_folder)
    monkeypatch.delenv("AUTOSCALER_CONFIG", raising=False)

    def run(*arguments):
        return CliRunner().invoke(main, arguments, env={"NO_COLOR": "1", "COLUMNS": "160"})

    return run


@pytest.fixture
def good(short_folder):
    path = short_folder / "autoscaler.yaml"
    path.write_text(GOOD.format(folder=short_folder))
    return path


def test_check_of_a_good_config(autoscaler, good):
    result = autoscaler("check")
    assert result.exit_code == 0
    assert result.output == "autoscaler.yaml: fine, 1 fleet: emails\n"
    assert json.loads(autoscaler("check", "--json").output) == {"problems": [], "notes": []}


def test_check_notes_a_wait_that_no_new_worker_can_keep(autoscaler, good):
    good.write_text(good.read_text().replace("backlog_per_worker: 20", "max_wait: 5s"))
    result = autoscaler("check")
    assert result.exit_code == 0
    assert "note: autoscaler.yaml:14: fleets.emails.scale.max_wait: 5 s is less than" in result.output
    (note,) = json.loads(autoscaler("check", "--json").output)["notes"]
    assert note["key"] == "fleets.emails.scale.max_wait"


def test_check_of_a_bad_config_tells_every_problem_with_its_line(autoscaler, good):
    good.write_text(good.read_text().replace("max_workers: 4", "max_wokers: 4").replace("[emails]", "[]"))
    result = autoscaler("check", "--config", str(good))
    assert result.exit_code == 3
    assert f"{good}:11: fleets.emails.queues: is an empty list" in result.stderr
    assert f"{good}:13: fleets.emails.max_wokers:" in result.stderr
    assert "max_workers" in result.stderr
    problems = json.loads(autoscaler("check", "--json").output)["problems"]
    assert [problem["line"] for problem in problems if problem["key"].endswith(("queues", "max_wokers"))] == [
        11,
        13,
    ]


def test_a_config_that_supervisord_could_not_be_told_is_found_by_check(autoscaler, good):
    good.write_text(good.read_text() + "    log_dir: /var/log/100%(here)s\n")
    result = autoscaler("check")
    assert result.exit_code == 3
    assert "autoscaler.yaml:" in result.stderr


def test_check_notes_what_this_machine_lacks(autoscaler, good):
    lacking = "user: nosuchuser\n    directory: /nowhere\n    celery: /nowhere/celery"
    good.write_text(
        good.read_text()
        .replace("app: shop", f"app: shop\n    {lacking}")
        .replace("/autoscaler.conf", "/conf.d/autoscaler.conf")
    )
    result = autoscaler("check")
    assert result.exit_code == 0
    notes = [line.split(": ", 3)[2] for line in result.output.splitlines() if line.startswith("note: ")]
    assert notes == [
        "supervisord.programs_file",
        "fleets.emails.user",
        "fleets.emails.directory",
        "fleets.emails.celery",
    ]
    assert "there is no user nosuchuser on this machine" in result.output


def test_no_config_at_all(autoscaler):
    result = autoscaler("check")
    assert result.exit_code == 3
    assert "there is no config file" in result.stderr


def test_status_without_a_daemon(autoscaler, good):
    result = autoscaler("status")
    assert result.exit_code == 4
    assert "no daemon listens on" in result.stderr
    assert "autoscaler run" in result.stderr


def test_status_without_a_config_says_where_one_was_looked_for(autoscaler):
    result = autoscaler("status")
    assert result.exit_code == 4
    assert "there is no config file: neither --config nor $AUTOSCALER_CONFIG is given" in result.stderr
    assert "/etc/autoscaler/autoscaler.yaml exists" in result.stderr
    assert "no config file" not in autoscaler("status", "--socket", "/nowhere.sock").stderr


def test_wrong_usage(autoscaler):
    assert autoscaler("staus").exit_code == 2
    assert autoscaler("status", "--colour").exit_code == 2
    assert autoscaler("demo", "--broker", "kafka").exit_code == 2


def test_help_has_examples(autoscaler):
    for command in ("run", "check", "status", "demo"):
        result = autoscaler(command, "--help")
        assert result.exit_code == 0
        assert f"autoscaler {command}" in result.output
    assert __version__ in autoscaler("--version").output


@pytest.fixture
def daemon(world, good, short_folder):
    """A daemon's API with a snapshot, on the config's socket."""
    controller = world.controller()
    world.queue += [50.0] * 30
    tick = world.run(controller, 5)
    problem = "autoscaler.yaml:3: fleets.emails.min_workers: 9 is more than max_workers (4)"
    seen = Snapshot(good, tick.at, tick.at, 2.0, tick, (problem,))
    with Server(make_app(lambda: seen, lambda: tick.at), short_folder / "a.sock"):
        yield seen


def test_status_shows_the_fleets_and_what_is_wrong(autoscaler, daemon):
    result = autoscaler("status", "--workers")
    assert result.exit_code == 0
    assert "emails" in result.output
    assert "emails-05" in result.output
    assert "! config not used, the last good one stays in use: autoscaler.yaml:3:" in result.output


def test_status_as_json(autoscaler, daemon):
    shown = json.loads(autoscaler("status", "--json", "--workers").output)
    assert shown["fleets"][0]["desired"] == 5
    assert len(shown["workers"]) == 5


def test_status_finds_the_daemon_while_the_config_is_wrong(autoscaler, daemon, good):
    good.write_text(good.read_text() + "nonsense: 1\n")
    assert autoscaler("status").exit_code == 0


def test_status_of_a_socket_that_is_named(autoscaler, daemon, good, short_folder):
    good.unlink()
    assert autoscaler("status", "--socket", str(short_folder / "a.sock")).exit_code == 0


def test_status_finds_the_daemon_while_the_config_is_no_yaml_at_all(autoscaler, daemon, good):
    good.write_text(good.read_text().replace("[emails]", "[emails"))
    assert autoscaler("status").exit_code == 0


def test_status_of_a_config_that_is_no_yaml_and_names_no_socket_says_so(autoscaler, good):
    good.write_text("fleets: [\n")
    result = autoscaler("status")
    assert result.exit_code == 3
    assert "the daemon's socket is unknown: name it with --socket" in result.stderr
