"""The doctor's probes, as far as they need no service."""

from __future__ import annotations

import getpass
import grp
import os
import shlex
import sys
import threading
import time
from pathlib import Path

import pytest

from autoscaler.cli.exits import Exit
from autoscaler.cli.findings import exit_of_findings, summary
from autoscaler.config import Broker, Config, Console, Fleet, Singleton, Supervisord
from autoscaler.errors import SourceError, SupervisordUnreachable
from autoscaler.model import Process, ProgramState
from autoscaler.singletons.program import singleton_program
from autoscaler.supervisord.process import SupervisordProcess, _given, supervisord_process
from autoscaler.supervisord.program_file import render
from autoscaler.tools.doctor import Level, examine, files, singletons, supervisor
from autoscaler.tools.doctor.app import interpreter
from autoscaler.tools.doctor.broker import _clock, _policy, _refused
from autoscaler.tools.doctor.command import CannotStart, Surroundings, run
from autoscaler.tools.doctor.deadline import within
from autoscaler.tools.doctor.finding import error, note, ok, unreachable, warning
from autoscaler.tools.doctor.subject import Subject
from autoscaler.tools.doctor.supervisor import _covered
from autoscaler.tools.doctor.workers import option_multiplier


@pytest.mark.parametrize(
    ("files", "ours", "covered"),
    [
        ("conf.d/*.conf", "conf.d/autoscaler.conf", True),
        ("a.conf  conf.d/auto*.conf ; ours", "conf.d/autoscaler.conf", True),
        ("%(here)s/conf.d/*.conf", "conf.d/autoscaler.conf", True),
        ("conf.d/*.conf", "conf.d/deep/autoscaler.conf", False),
        ("conf.d/*.conf", "conf.d/.autoscaler.conf", False),
        ("conf.d/*.ini", "conf.d/autoscaler.conf", False),
        ("", "conf.d/autoscaler.conf", False),
    ],
)
def test_an_include_covers_a_file_as_supervisord_s_glob_does(tmp_path, files, ours, covered):
    main = tmp_path / "supervisord.conf"
    main.write_text(f"[supervisord]\nlogfile=/x%%y\n[include]\nfiles = {files}\n")
    finding = _covered(main, tmp_path / ours)
    assert finding.level is (Level.OK if covered else Level.ERROR)
    assert covered or str(tmp_path / ours) in finding.todo


def test_a_main_file_that_cannot_be_read_is_unknown_and_not_wrong(tmp_path):
    assert _covered(tmp_path / "nothing.conf", tmp_path / "a.conf").unknown
    (tmp_path / "bad.conf").write_text("no section\n")
    assert _covered(tmp_path / "bad.conf", tmp_path / "a.conf").unknown


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (["python", "supervisord", "-c", "/a"], "/a"),
        (["supervisord", "-n", "--configuration=/b"], "/b"),
        (["supervisord", "-c/c"], "/c"),
        (["supervisord", "-n"], None),
    ],
)
def test_supervisord_s_file_is_found_in_its_arguments(words, file):
    assert _given(words) == file


def test_a_process_that_is_no_supervisord_tells_nothing():
    init = 1  # somebody else's
    assert supervisord_process(init) is None
    assert supervisord_process(2**22 + 1) is None


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("#!/srv/venv/bin/python3.11\n", ["/srv/venv/bin/python3.11"]),
        ("#!/usr/bin/env python3\n", ["/usr/bin/env", "python3"]),
        ("#!/bin/sh\n'''exec' \"/a b/bin/python\" \"$0\" \"$@\"\n' '''\n", ["/a b/bin/python"]),
        ("#!/bin/sh\nexec celery\n", None),
        ("\x7fELF", None),
    ],
)
def test_the_interpreter_of_a_command_is_in_its_first_lines(tmp_path, first, words):
    (tmp_path / "celery").write_text(first)
    assert interpreter(str(tmp_path / "celery")) == words


@pytest.mark.parametrize(
    ("options", "multiplier"),
    [
        (("--prefetch-multiplier=1",), 1),
        (("-E", "--prefetch-multiplier", "2"), 2),
        (("--prefetch-multiplier=x",), None),
        ((), None),
    ],
)
def test_the_prefetch_multiplier_is_found_in_the_options(options, multiplier):
    assert option_multiplier(options) == multiplier


def test_the_clocks_may_differ_by_what_the_header_cannot_say():
    date, at = "Fri, 20 Nov 2026 16:19:34 GMT", 1795191574.0
    assert _clock(date, at - 0.5, at + 2).level is Level.OK
    assert _clock(date, at + 0.99, at + 1).level is Level.OK
    assert "10 s" in _clock(date, at + 11, at + 12).seen
    assert "60 s" in _clock(date, at - 61, at - 60).seen
    assert _clock("", at, at).unknown


def test_a_probe_that_hangs_or_fails_is_told_as_unknown():
    ends = threading.Event()

    def hangs():
        yield ok("it", "the first")
        ends.wait(30)

    def fails():
        raise SourceError("no answer")

    first, late = within(0.2, "it", hangs)
    ends.set()
    assert (first.seen, late.unknown, late.seen) == ("the first", True, "no result within 0.2 s")
    (failed,) = within(5, "it", fails)
    assert (failed.unknown, failed.seen) == (True, "could not be looked at: no answer")


def test_a_command_that_does_not_end_is_ended_with_its_children():
    where = Surroundings(None, dict(os.environ), None)
    began = time.monotonic()
    outcome = run(["/bin/sh", "-c", "echo begun; sleep 60 & sleep 60"], where, 0.3)
    assert (outcome.code, outcome.last_line) == (None, "begun")
    assert time.monotonic() - began < 20


def test_a_command_that_cannot_be_started_says_why(tmp_path):
    (tmp_path / "celery").write_text("#!/bin/sh\n")
    with pytest.raises(CannotStart, match="Permission denied"):
        run([str(tmp_path / "celery")], Surroundings(None, {}, None), 1)
    with pytest.raises(CannotStart, match="No such file"):
        run([sys.executable], Surroundings(tmp_path / "nowhere", {}, None), 1)


def test_a_command_can_be_pasted_whatever_the_names_in_it_are():
    todo = _policy("my vhost", "a.b$(id)", "delivery-limit", 20)
    assert shlex.split(todo.partition(", or ")[0]) == [
        *("rabbitmqctl", "set_policy", "-p", "my vhost", "--apply-to", "queues"),
        *("a.b$(id)", r"^a\.b\$\(id\)$", '{"delivery-limit": 20}'),
    ]
    refused = _refused("broker", "NOT_ALLOWED", Broker(url="amqp://u:sesame00@127.0.0.1/my%20vhost"))
    assert shlex.split(refused.todo) == [
        *("rabbitmqctl", "set_permissions", "-p", "my vhost", "u", ".*", ".*", ".*")
    ]


def test_the_exit_code_is_that_of_the_worst():
    fine, told = ok("a", "b"), [note("a", "b"), warning("a", "b", "c")]
    assert exit_of_findings([fine, *told]) is Exit.FINE
    assert exit_of_findings([error("a", "b", "c"), fine]) is Exit.FAILED
    assert exit_of_findings([error("a", "b", "c"), unreachable("a", "b", "c")]) is Exit.UNREACHABLE
    assert summary([fine, *told]) == "0 errors, 1 warning, 1 note, 1 ok"


@pytest.fixture
def nothing_there(short_folder):
    """A config whose services do not exist."""
    fleet = Fleet(
        name="emails",
        app="shop",
        queues=["emails"],
        concurrency=2,
        max_workers=3,
        scale={"backlog_per_worker": 9},
        celery="/nowhere/celery",
        user="nosuchuser",
        environment={"TOKEN": "hunter22"},
    )
    return Config(
        broker=Broker(url="amqp://guest:sesame00@127.0.0.1:1//"),
        supervisord=Supervisord(
            url=f"unix://{short_folder}/s.sock", programs_file=short_folder / "conf.d" / "a.conf"
        ),
        console=Console(socket=short_folder / "a.sock"),
        state_dir=short_folder / "state",
        fleets={"emails": fleet},
    )


def test_with_nothing_there_everything_is_told_and_nothing_raised_or_made(nothing_there, short_folder):
    findings = list(examine(nothing_there))
    told = {finding.about: finding for finding in findings}
    assert told["supervisord"].unreachable
    assert told["broker"].unreachable
    assert told["management_url"].unreachable
    assert told["include"].unknown
    assert told["programs_file"].level is Level.ERROR
    assert told["emails: celery"].unknown  # nobody may become that user
    assert not list(short_folder.iterdir())
    text = repr(findings)
    assert "hunter22" not in text
    assert "sesame00" not in text
    for finding in findings:
        assert finding.todo or finding.level in (Level.OK, Level.NOTE)


def test_a_file_with_a_password_is_not_for_everybody(nothing_there, short_folder):
    file = short_folder / "autoscaler.yaml"
    file.write_text("broker: {url: 'amqp://guest:sesame00@127.0.0.1:1//'}")
    file.chmod(0o644)
    told = {finding.about: finding for finding in examine(nothing_there, config_file=file)}
    assert told["secrets"].level is Level.WARNING
    assert "chmod 0640" in told["secrets"].todo


def test_a_socket_that_may_not_be_opened_is_granted_by_two_commands() -> None:
    problem = SupervisordUnreachable("/run/supervisor.sock: permission denied")
    problem.__cause__ = PermissionError()
    todo = supervisor._way_in(problem, "unix:///run/supervisor.sock", Path("/nowhere/a.conf"))
    assert f"chgrp {supervisor._my_group()} /run/supervisor.sock && chmod 0770 /run/supervisor.sock" in todo
    assert rf"chmod=0770\nchown=root:{supervisor._my_group()}" in todo


@pytest.mark.parametrize(
    ("listens", "label"),
    [
        ("[unix_http_server]\nfile=%(here)s/s.sock ; ours", "unix://{folder}/s.sock"),
        ("[inet_http_server]\nport=*:9123", "http://127.0.0.1:9123"),
        ("[inet_http_server]\nport=10.0.0.7:9123", "http://10.0.0.7:9123"),
    ],
)
def test_the_supervisord_to_start_is_the_one_that_listens_there(tmp_path, listens, label):
    main, gone = tmp_path / "supervisord.conf", SupervisordUnreachable("nobody")
    main.write_text(listens)
    label = label.format(folder=tmp_path)
    todo = supervisor._way_in(gone, label, tmp_path / "conf.d" / "a.conf")
    assert todo == f"start it: supervisord -c {main}"
    todo = supervisor._way_in(gone, "unix:///elsewhere.sock", tmp_path / "conf.d" / "a.conf")
    assert "listen on unix:///elsewhere.sock, with its own file: supervisord -c FILE" in todo


def test_where_the_broker_is_down_its_plugin_is_not_blamed(nothing_there):
    told = {finding.about: finding for finding in examine(nothing_there)}
    assert told["broker"].unreachable
    assert told["management_url"].todo == "the broker itself does not answer: mend that first"


@pytest.mark.parametrize("there", [True, False])
def test_a_group_is_named_only_where_it_exists(monkeypatch, there):
    monkeypatch.setattr(files, "DAEMON", grp.getgrgid(os.getegid()).gr_name if there else "nosuchgroup")
    for todo in (files._for_us(Path("/etc/x")), files._only_for_us(Path("/etc/x"))):
        assert ("chgrp" in todo) is there


# --- singletons -------------------------------------------------------------------------------------------


def subject_with_beat(config, tmp_path, *, uid=1234567, **keys):
    """What the probes see of a config with a beat, which runs under a supervisord of some user."""
    beat = Singleton(name="beat", **{"command": ["/bin/sh", "-c", "exit"], **keys})
    subject = Subject(config.model_copy(update={"singletons": {"beat": beat}}), None, {}, "host", {})
    subject.process = SupervisordProcess(2, uid, 1024, None, {})
    subject.sections = {"beat": render(singleton_program(subject.config, beat))}
    subject.processes = {"beat": Process("beat", ProgramState.RUNNING, 7, 1.0)}
    return subject


def test_a_singleton_has_the_time_to_stop_that_its_own_setting_gives_it(nothing_there, tmp_path):
    subject = subject_with_beat(nothing_there, tmp_path)
    (finding,) = supervisor.waits_long_enough(subject)
    assert (finding.level, finding.seen) == (Level.OK, "each of 1 program has the time to stop")
    longer = subject_with_beat(nothing_there, tmp_path, stop_timeout="30s")
    longer.sections = subject.sections
    (finding,) = supervisor.waits_long_enough(longer)
    assert finding.seen == "stopwaitsecs is 10, less than stop_timeout (30 s)"
    assert "drain" not in finding.todo


def test_a_singleton_is_neither_a_worker_nor_somebody_else_s_program(nothing_there, tmp_path):
    (finding,) = supervisor.has_descriptors(subject_with_beat(nothing_there, tmp_path))
    assert "3 workers, 1 singleton and 0 other programs take up to 50" in finding.seen


@pytest.mark.parametrize(
    ("keys", "level", "seen"),
    [
        ({"user": getpass.getuser(), "uid": 0}, Level.OK, "/bin/sh is there"),
        (
            {"user": getpass.getuser(), "command": ["/nowhere/celery", "beat"]},
            Level.ERROR,
            "/nowhere/celery is not an executable file",
        ),
        (
            {"user": getpass.getuser(), "command": "nosuchcommand beat"},
            Level.ERROR,
            "nosuchcommand is not an executable file on",
        ),
        ({"user": "nosuchuser"}, Level.ERROR, "there is no user nosuchuser on this machine"),
        ({"uid": 0}, Level.ERROR, "the singleton has no user: it is not started"),
        ({"uid": 1234567, "user": "root"}, Level.ERROR, "as uid 1234567 and cannot become root"),
    ],
)
def test_a_singleton_s_command_and_user_are_looked_at(nothing_there, tmp_path, keys, level, seen):
    subject = subject_with_beat(nothing_there, tmp_path, **keys)
    findings = list(singletons.can_start(subject))
    assert any(each.level is level and seen in each.seen for each in findings), findings
