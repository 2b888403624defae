"""`autoscaler set`: what is written, what is told, and what a running daemon makes of it."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace

import pytest
from click.testing import CliRunner

from autoscaler.cli import main
from autoscaler.config.watch import WatchedConfig
from autoscaler.errors import ConfigError
from autoscaler.http.api import make_app
from autoscaler.http.server import Server
from autoscaler.loop.snapshot import Snapshot
from autoscaler.store import Lock

TEXT = """\
broker:
  url: amqp://guest:secret@localhost//  # ours
supervisord:
  programs_file: {folder}/autoscaler.conf
state_dir: {folder}/state
console:
  socket: {folder}/a.sock
defaults:
  drain_timeout: 1h
fleets:
  emails:
    app: shop
    queues: [emails]
    concurrency: 2
    max_workers: 5   # enough
    scale: {{backlog_per_worker: 4}}
"""


@pytest.fixture
def file(short_folder):
    path = short_folder / "autoscaler.yaml"
    path.write_text(TEXT.format(folder=short_folder))
    return path


@pytest.fixture
def set_(short_folder, monkeypatch, file):
    monkeypatch.chdir(short_folder)
    monkeypatch.delenv("AUTOSCALER_CONFIG", raising=False)

    def run(*words):
        return CliRunner().invoke(main, ["set", *words], env={"NO_COLOR": "1", "COLUMNS": "80"})

    return run


class Reader:
    """Reads the config as a daemon does, whenever it is asked."""

    def __init__(self, path, tick):
        self.seen = Snapshot(path, tick.at, tick.at, 2.0, tick)
        self._file = WatchedConfig(path, {})
        self._config = self._file.load()

    def __call__(self):
        if self._file.changed():
            tried, problems = (self.seen.config_tried_at or 0.0) + 1.0, ()
            try:
                self._config = self._file.load(instead_of=self._config)
            except ConfigError as error:
                problems = tuple(map(str, error.problems))
            self.seen = replace(self.seen, config_tried_at=tried, config_problems=problems)
        return self.seen


@pytest.fixture
def daemon(world, file, short_folder):
    controller = world.controller(world.config(max_workers=5))
    world.queue += [50.0] * 60
    reader = Reader(file, world.run(controller, 5))
    with Server(make_app(reader, lambda: world.now), short_folder / "a.sock"):
        yield reader


def test_a_threshold_is_changed_and_nothing_else(set_, file):
    before = file.read_text()
    result = set_("emails", "max_workers=20")
    assert result.exit_code == 0
    assert file.read_text() == before.replace("max_workers: 5 ", "max_workers: 20 ")
    assert file.with_name("autoscaler.yaml.bak").read_text() == before
    assert "-    max_workers: 5   # enough\n+    max_workers: 20   # enough\n" in result.output
    assert "written, the old one is" in result.output
    assert "no daemon runs" in result.output
    assert "secret" not in result.output


def test_several_keys_at_once_and_keys_of_no_fleet(set_, file):
    assert set_("emails", "scale.max_wait=30s", "min_workers=2").exit_code == 0
    assert "    scale: {backlog_per_worker: 4, max_wait: 30s}\n" in file.read_text()
    assert "    max_workers: 5   # enough\n    min_workers: 2\n" in file.read_text()
    assert set_("polling_interval=1s").exit_code == 0
    assert f"\nstate_dir: {file.parent}/state\npolling_interval: 1s\nconsole:" in file.read_text()
    assert set_("defaults.drain_timeout=30m", "host.reserve_memory=2GiB").exit_code == 0
    assert "  drain_timeout: 30m\n" in file.read_text()


def test_a_wrong_value_is_told_with_its_line_and_not_written(set_, file):
    before = file.read_text()
    for words, said in [
        (("emails", "max_workers=0"), "max_workers: 0 is less than 1"),
        (("emails", "min_workers=9"), "min_workers: 9 is more than max_workers (5)"),
        (
            ("max_workers=3",),
            "is not a known key here: it is a fleet's: `autoscaler set FLEET max_workers=3`",
        ),
        (("emails", "max_wait=3s"), "max_wait: is not a known key; did you mean scale.max_wait?"),
        (("emails", "max_wokers=9"), "max_wokers: is not a known key; did you mean max_workers?"),
        (("polling_interval=1",), "polling_interval: 1 has no unit; write a duration such as"),
        (("emails", "user=a%b c"), "user: 'a%b c' is not a user name"),
    ]:
        result = set_(*words)
        assert result.exit_code == 3
        assert said in result.stderr
        assert "autoscaler.yaml" not in result.stderr, "it is not in the file"
        assert "nothing is written" in result.stderr
    result = set_("emails", "max_workers=0", "--json")
    (problem,) = json.loads(result.output)["problems"]
    assert (problem["key"], problem["line"]) == ("fleets.emails.max_workers", 0)
    assert file.read_text() == before
    assert not file.with_name("autoscaler.yaml.bak").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("emial", "max_workers=3"), "there is no fleet 'emial'; did you mean emails?"),
        (("fleets.emial.max_workers=3",), "there is no fleet 'emial'; did you mean emails?"),
        (("emails.max_workers=3",), "did you mean `autoscaler set emails max_workers=3`?"),
        (("emails",), "autoscaler set emails KEY=VALUE"),
        (("emails", "max_workers"), "'max_workers' is not KEY=VALUE"),
        (("emails", "max_workers="), "max_workers has no value; write null for none"),
        (("emails", "scale..up=1"), "'scale..up' is not a key such as"),
        (("emails", "max_workers=3", "--here", "--everywhere"), "give one of them"),
        (("emails", "drain_timeout=3m"), "drain_timeout of emails comes from defaults:, line 9"),
    ],
)
def test_wrong_usage(set_, words, said):
    result = set_(*words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_a_default_that_does_not_reach_every_fleet_says_so(set_):
    assert set_("emails", "drain_timeout=3m", "--here").exit_code == 0
    assert "not for emails: there drain_timeout is given" in set_("defaults.drain_timeout=4m").output


def test_what_is_so_already_is_not_written_again(set_, file):
    result = set_("emails", "max_workers=5")
    assert result.output == "autoscaler.yaml:15: fleets.emails.max_workers has that value already\n"
    assert not file.with_name("autoscaler.yaml.bak").exists()


def test_a_broker_url_of_the_daemons_own_environment_is_no_obstacle(set_, file):
    file.write_text(file.read_text().replace("secret", "${ONLY_THE_DAEMON_KNOWS}"))
    assert set_("emails", "max_workers=6").exit_code == 0
    management = (
        "amqp://guest:${ONLY_THE_DAEMON_KNOWS}@localhost//  # ours\n  management_url: http://localhost:15672"
    )
    for url in (management, management.replace("amqp://guest:", "").replace("@localhost//", "")):
        file.write_text(
            TEXT.format(folder=file.parent).replace("amqp://guest:secret@localhost//  # ours", url)
        )
        assert set_("emails", "max_workers=6").exit_code == 0, url
        assert set_("broker.management_url=nonsense").exit_code == 3
    assert set_("broker.url=nonsense").exit_code == 3


def test_a_running_daemon_says_that_it_is_in_use(set_, daemon):
    result = set_("emails", "max_workers=20")
    assert result.output.endswith("\nin use\n")
    data = json.loads(set_("emails", "max_workers=21", "--json").output)
    assert (data["written"], data["in_use"]) == (True, True)
    assert data["changes"][0]["key"] == "fleets.emails.max_workers"


def test_a_running_daemon_says_why_it_is_not(set_, daemon, file):
    file.write_text(file.read_text().replace("  socket:", "  listen: 127.0.0.1:8085\n  socket:"))
    result = set_("emails", "max_workers=20")
    assert result.exit_code == 1
    assert "not in use, the last good config goes on: " in result.output
    assert "console.listen: cannot change while the daemon runs" in result.output
    assert set_("console.listen=null").output.endswith("\nin use\n"), "it may be changed back"


def test_what_needs_a_restart_is_foretold_and_not_written(set_, daemon, file):
    before = file.read_text()
    words = ("state_dir=/elsewhere", "console.listen=127.0.0.1:8085")
    for more in ((), ("--dry-run",), ("--dry-run", "--json")):
        result = set_(*words, *more)
        assert result.exit_code == 1
        assert file.read_text() == before
        assert "console.listen" in result.output
    said = "state_dir cannot change while the daemon runs: edit the file and restart the daemon"
    assert said in set_(*words).output
    assert said in set_(*words, "--dry-run").output
    written = set_(*words, "--restart-needed")
    assert written.exit_code == 0
    assert "in use once the daemon is restarted" in written.output
    assert "state_dir: /elsewhere\n" in file.read_text()


def test_a_key_that_is_not_written_is_not_called_written(set_, file):
    text = file.read_text().replace("  emails:\n", "  emails: &emails\n")
    file.write_text(text + "  copy:\n    <<: *emails\n")
    result = set_("emails", "user=null")
    assert result.exit_code == 2
    assert "user is not written yet; there it would be for fleets.copy.user as well" in result.stderr


def test_what_check_would_note_of_the_change_is_told(set_, file):
    note = "note: fleets.emails.user: there is no user nosuch on this machine: supervisord will refuse it"
    assert note in set_("emails", "user=nosuch", "--dry-run").output
    noted = json.loads(set_("emails", "user=nosuch", "--json").output)["notes"]
    assert [each["key"] for each in noted] == ["fleets.emails.user"]
    assert "note:" not in set_("emails", "max_workers=7").output, "it was there before"
    assert "no file /nowhere on this machine" in set_("emails", "celery=/nowhere").output


def test_without_a_daemon_every_key_can_be_written(set_):
    assert set_("state_dir=/elsewhere").exit_code == 0


def test_a_daemon_is_found_by_the_socket_that_it_started_with(set_, daemon, file):
    folder = file.parent
    with closing(Lock(folder / "state", folder / "a.sock")):
        assert set_(f"console.socket={folder}/b.sock", "--restart-needed").exit_code == 0
        result = CliRunner().invoke(main, ["status", "--config", str(file)])
    assert result.exit_code == 0
    assert f"still listens on {folder}/a.sock" in result.stderr


def test_a_daemon_of_another_file_is_not_waited_for(set_, daemon, file):
    other = file.with_name("other.yaml")
    other.write_text(file.read_text())
    result = set_("emails", "max_workers=20", "--config", str(other))
    assert result.exit_code == 0
    assert f"the daemon uses another file, {file}" in result.output


def test_a_dry_run_tells_what_the_fleet_would_do_now(set_, daemon, file):
    before = file.read_text()
    result = set_("emails", "max_workers=8", "--dry-run")
    assert result.exit_code == 0
    assert "+    max_workers: 8   # enough" in result.output
    assert "emails: would want 8 instead of 5 (" in result.output
    assert "starts 3 new workers" in result.output
    assert file.read_text() == before
    (would,) = json.loads(set_("emails", "max_workers=8", "--dry-run", "--json").output)["would"]
    assert (would["desired"], would["would_desire"]) == (5, 8)
    assert "would" not in set_("polling_interval=3s", "--dry-run").output
    rolled = set_("emails", "options=[-E]", "--dry-run").output
    assert rolled.endswith("emails: its workers would be replaced, one drained worker at a time\n")


def test_a_dry_run_without_a_daemon_shows_the_change(set_):
    result = set_("emails", "max_workers=8", "--dry-run")
    assert result.exit_code == 0
    assert "emails: unknown: no daemon listens on" in result.output


def test_workers_are_completed_from_the_daemon(set_, daemon):
    words = {"COMP_WORDS": "autoscaler drain emails-0", "COMP_CWORD": "2"}
    environ = {"_AUTOSCALER_COMPLETE": "bash_complete", **words}
    shown = CliRunner().invoke(main, [], prog_name="autoscaler", env=environ)
    assert shown.stdout.split() == [f"plain,emails-0{number}" for number in range(1, 6)]
