"""Editing the config file of a running daemon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import requests

from autoscaler.tools.demo.process import free_port


def status(system, *options):
    return autoscaler(system, "status", *options)


def autoscaler(system, *words):
    command = [sys.executable, "-m", "autoscaler.cli", *words, "--config", str(system.config_file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_wrong_edit_leaves_the_old_config_working_and_is_told(system, eventually):
    system.start_daemon()
    eventually(lambda: system.settled_at(1), 30, "the fleet runs")
    good = system.config_file.read_text()

    system.write_text(good.replace("min_workers: 1", "min_workers: 9"))

    problem = eventually(lambda: system.look().config_problems, 10, "the problem is told")[0]
    assert "fleets.emails.min_workers: 9 is more than max_workers (6)" in problem
    assert problem in system.log
    shown = status(system)
    assert shown.returncode == 0
    assert "9 is more than max_workers (6)" in shown.stdout
    assert system.settled_at(1)

    system.write_text(good.replace("min_workers: 1", "min_workers: 2"))
    eventually(lambda: system.settled_at(2), 20, "the next good edit is used")
    assert not system.look().config_problems


def test_a_changed_threshold_takes_effect_without_restarting_a_worker(system, eventually):
    system.start_daemon()
    eventually(lambda: system.settled_at(1), 30, "the fleet runs")
    first = system.pids()

    system.write_config(min_workers=2)
    eventually(lambda: system.settled_at(2), 20, "the new minimum is used")
    assert first.items() <= system.pids().items()

    system.write_text(system.config_file.read_text().replace("min_workers: 2", "min_workers: 2  # for now"))
    would = autoscaler(system, "set", "emails", "min_workers=3", "--dry-run")
    assert "emails: would want 3 instead of 2 (" in would.stdout, would.stderr
    assert "starts 1 new worker" in would.stdout
    done = autoscaler(system, "set", "emails", "min_workers=3")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "in use"), done.stderr
    assert "min_workers: 3  # for now" in system.config_file.read_text()
    eventually(lambda: system.settled_at(3), 20, "the minimum that was set is used")
    assert first.items() <= system.pids().items()


def test_a_changed_worker_setting_rolls_the_fleet_one_drained_worker_at_a_time(system, eventually):
    system.write_config(min_workers=2, max_workers=2)
    system.start_daemon()
    eventually(lambda: system.settled_at(2), 30, "the fleet runs")
    old = set(system.pids().values())
    system.publish(2, seconds=6)
    eventually(lambda: len(system.runs) == 2, 10, "workers are busy")
    serving = []

    def rolled():
        states = system.states()
        serving.append(states.get("running", 0) + states.get("starting", 0))
        return system.settled_at(2) and not old & set(system.pids().values())

    system.write_config(min_workers=2, max_workers=2, concurrency=3)
    eventually(rolled, 60, "both workers are replaced")

    assert min(serving) >= 1
    assert system.tally.done == 2
    assert system.tally.run_twice == 0
    assert system.supervisord.programs_file.read_text().count(" -c 3 ") == 2


def test_a_setting_that_supervisord_refuses_takes_no_worker_of_a_full_fleet(system, eventually):
    system.write_config(min_workers=2, max_workers=2)
    system.start_daemon()
    eventually(lambda: system.settled_at(2), 30, "the fleet runs")
    first, text = system.pids(), system.supervisord.programs_file.read_text()

    system.write_config(min_workers=2, max_workers=2, user="nosuchuser")
    trouble = eventually(lambda: system.fleet().trouble, 20, "it is told")

    assert "supervisord refuses the new" in trouble
    assert "nosuchuser" in trouble
    assert (system.pids(), system.supervisord.programs_file.read_text()) == (first, text)
    assert system.settled_at(2)


def test_a_removed_fleet_drains_away_and_an_added_one_starts(system, eventually):
    system.start_daemon()
    eventually(lambda: system.settled_at(1), 30, "the fleet runs")
    system.publish(1, seconds=4)
    eventually(lambda: len(system.runs) == 1, 10, "its worker is busy")

    text = system.config_file.read_text()
    system.write_text(text.replace("  emails:\n", "  letters:\n").replace("- emails\n", "- letters\n"))

    eventually(lambda: system.settled_at(1, "letters"), 30, "the added fleet starts")
    eventually(lambda: list(system.pids()) == ["letters-01"], 30, "the removed fleet has drained away")
    assert system.tally.done == 1
    assert system.tally.run_twice == 0


def test_a_token_is_rotated_by_rewriting_its_file(system, eventually):
    tokens, file = ["first-0123456789abcdef", "second-0123456789abcdef"], system.folder / "token"
    file.write_text(tokens[0])
    port = free_port()
    system.config["console"] |= {"listen": f"127.0.0.1:{port}", "token_file": "token"}
    system.start_daemon()
    eventually(lambda: system.settled_at(1), 30, "the fleet runs")

    def let_in():
        """Which of the tokens may change something."""
        url = f"http://127.0.0.1:{port}/api/v1/fleets/emails/resume"
        headers = [{"Authorization": f"Bearer {token}"} for token in tokens]
        return [requests.post(url, headers=each, timeout=10).status_code != 401 for each in headers]

    assert let_in() == [True, False]
    new = file.with_name("new")
    new.write_text(tokens[1])
    new.rename(file)
    eventually(lambda: let_in() == [False, True], 10, "the new token is used, the old one no more")

    file.unlink()
    (problem,) = eventually(lambda: system.look().config_problems, 10, "the missing file is told")
    assert "console.token_file" in problem
    assert "there is no such file" in problem
    assert problem in status(system).stdout.replace("\n", " ")
    assert let_in() == [False, True]


def test_hup_reads_the_config_again(system, eventually):
    system.start_daemon()
    eventually(lambda: system.settled_at(1), 30, "the fleet runs")
    read_at = system.client.health().config_read_at
    os.kill(system.daemon.pid, signal.SIGHUP)
    eventually(lambda: system.client.health().config_read_at > read_at, 10, "the config is read again")
    assert system.daemon.exit_code is None


def test_a_dry_run_decides_and_tells_but_changes_nothing(system, eventually):
    system.write_config(dry_run=True, min_workers=3)
    system.start_daemon()
    fleet = eventually(lambda: (system.fleet() or None) and system.fleet(), 30, "the daemon decides")
    assert fleet.dry_run
    assert fleet.desired == 3
    assert system.processes() == {}
    assert not system.supervisord.programs_file.exists()
