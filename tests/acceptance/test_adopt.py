"""Old workers are taken over without a task lost or run twice, and come back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from autoscaler.http.client import Client

CELERY = Path(sys.executable).parent / "celery"
#: As dangerous as people write them: a stop while a task runs would lose it.
OLD = f"""\
; our workers
[program:mail]
command={CELERY} -A autoscaler.examples.shop worker -Q emails -c 1 -n mail-%(process_num)02d@%%h
process_name=%(program_name)s_%(process_num)02d
numprocs=2
stopasgroup=true
stopsignal=QUIT
stopwaitsecs=1

[program:other]
command=/bin/sleep 600
"""


def init(system, vhost, *more):
    command = [sys.executable, "-m", "autoscaler.cli", "init", "--config", str(system.config_file)]
    command += ["--supervisord", system.supervisord.url, "--management-url", vhost.management_url]
    command += [
        "--state-dir",
        str(system.folder / "state"),
        "--directory",
        str(system.folder),
        "--wait",
        "60s",
        *more,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)


def test_old_workers_are_taken_over_while_one_is_busy_and_brought_back(system, vhost, eventually):
    old = system.supervisord.conf_d / "mail.conf"
    old.write_text(OLD)
    for call in (["reloadConfig"], ["addProcessGroup", "mail"], ["addProcessGroup", "other"]):
        system.supervisord.call(f"supervisor.{call[0]}", *call[1:])
    system.publish(1, 10, task="shop.send_early")
    busy = eventually(lambda: system.runs, 30, "an old worker is busy")[0]
    other = system.pids()["other"]

    first = init(system, vhost, "--adopt")
    assert first.returncode == 4, first.stdout + first.stderr
    assert "autoscaler run --config" in first.stderr
    assert "stopasgroup=true" in first.stderr

    system.client = Client(system.folder / "state" / "autoscaler.sock")
    system.start_daemon()
    eventually(system.look, 30, "the daemon answers")
    system.publish(60, 0.2)
    taken = init(system, vhost, "--adopt")

    assert taken.returncode == 0, taken.stdout + taken.stderr
    done = [entry for entry in system.runs if entry.id == busy.id]
    assert [(entry.event, entry.pid, entry.node) for entry in done] == [
        ("start", busy.pid, busy.node),
        ("done", busy.pid, busy.node),
    ]
    assert all(line.startswith(";") for line in old.read_text().splitlines()[1:10] if line.strip())
    assert "the way back: autoscaler init --undo-adopt" in old.read_text()
    assert not [name for name in system.processes() if name.startswith("mail_")]
    assert system.pids()["other"] == other
    eventually(lambda: system.tally.lost == 0, 60, "all is done")
    assert system.tally.run_twice == 0

    back = init(system, vhost, "--undo-adopt")

    assert back.returncode == 0, back.stdout + back.stderr
    assert old.read_text() == OLD
    eventually(lambda: {"mail_00", "mail_01"} <= system.pids().keys(), 30, "the old workers run")
    assert system.pids()["other"] == other
