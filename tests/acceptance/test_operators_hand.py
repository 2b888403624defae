"""What an operator does to workers beside the autoscaler has one defined outcome: docs/operators-hand.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from autoscaler.console.tables import workers_table

COMMANDS = Path(sys.executable).parent


def supervisorctl(system, *words):
    command = [COMMANDS / "supervisorctl", "-s", system.supervisord.url, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout


def control(system, *words):
    """Tell the second worker something, as `celery control` does."""
    node = system.workers()["emails-02"].node
    command = [COMMANDS / "celery", "-b", system.amqp_url, "control", "-d", node, *words]
    subprocess.run(command, capture_output=True, timeout=60, check=False)


def notes(system):
    note = list(workers_table(system.client.workers()).columns)[-1]
    return " ".join(map(str, note.cells))


def two_run(system, eventually):
    system.write_config(min_workers=2, max_workers=2)
    system.start_daemon()
    eventually(lambda: system.settled_at(2), 30, "two workers run")
    return system.pids()


def test_stop_holds_a_worker_start_brings_it_back_and_reread_and_update_touch_nothing(system, eventually):
    before = two_run(system, eventually)

    supervisorctl(system, "stop", "emails-02")
    eventually(lambda: system.states() == {"running": 1, "held": 1}, 10, "it is held")
    assert "supervisorctl start emails-02" in notes(system)
    system.publish(60, seconds=0.1)
    eventually(lambda: system.tally.done == 60, 30, "the other one works")
    assert list(system.pids()) == ["emails-01"]

    supervisorctl(system, "start", "emails-02")
    eventually(lambda: system.settled_at(2), 20, "it is back")

    assert supervisorctl(system, "reread") == "No config updates to processes\n"
    assert supervisorctl(system, "update") == ""
    assert system.pids()["emails-01"] == before["emails-01"]
    assert system.tally.run_twice == 0


def test_restart_and_shutdown_give_a_new_process_and_count_as_no_crash(system, eventually):
    before = two_run(system, eventually)
    system.publish(40, seconds=0.2)

    supervisorctl(system, "restart", "emails-02")
    second = eventually(lambda: system.pids().get("emails-02"), 10, "it runs again")
    assert second != before["emails-02"]
    eventually(lambda: system.settled_at(2), 20, "both serve")

    control(system, "shutdown")
    eventually(
        lambda: system.pids().get("emails-02") not in (None, second), 20, "supervisord starts it again"
    )
    eventually(lambda: system.settled_at(2), 20, "both serve")
    eventually(lambda: system.tally.done == 40, 30, "all tasks are done")
    assert system.pids()["emails-01"] == before["emails-01"]
    assert system.tally.run_twice == 0
    assert system.fleet().trouble == ""


def test_a_resized_pool_is_shown_and_an_edited_section_is_written_again(system, eventually):
    before = two_run(system, eventually)

    control(system, "pool_grow", "2")
    eventually(lambda: "resized to 4 by hand" in notes(system), 10, "it is shown")

    file = system.supervisord.programs_file
    written = file.read_text()
    one, _, two = written.partition("[program:emails-02]")
    file.write_text(f"{one}[program:emails-02]{two.replace(' -c 2 ', ' -c 7 ')}")
    eventually(lambda: file.read_text().count(" -c 2 ") == 2, 40, "the section is as the config says again")
    eventually(lambda: system.settled_at(2), 30, "both serve")
    assert "resized" not in notes(system)
    assert system.pids()["emails-01"] == before["emails-01"]
