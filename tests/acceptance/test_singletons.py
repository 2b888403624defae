"""A real celery beat that publishes every second: there is exactly one, whatever happens."""

from __future__ import annotations

import getpass
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import yaml

from autoscaler.model import Known
from autoscaler.net.deadline import Deadline
from autoscaler.observe.kombu_queues import KombuQueues
from autoscaler.tools.demo.process import marked_processes

APP = """\
import os
from celery import Celery

app = Celery("ticker", broker=os.environ["CELERY_BROKER_URL"])
app.conf.task_default_queue = "ticks"
app.conf.beat_schedule = {"tick": {"task": "tick", "schedule": 1.0}}
"""


@pytest.fixture
def beats(system):
    """The system with a beat as its only singleton, and ways to look at it."""
    return Beats(system)


class Beats:
    def __init__(self, system):
        self.system = system
        (system.folder / "ticker.py").write_text(APP)
        self.command = [str(Path(sys.executable).parent / "celery"), "-A", "ticker", "beat"]
        self.most = 0
        self.queues = KombuQueues(system.amqp_url, {})

    def write(self, *options, **singletons):
        beat = {"command": [*self.command, *options], "directory": str(self.system.folder)}
        if os.geteuid() == 0:
            beat["user"] = "root"
        self.system.config |= {"fleets": {}, "singletons": singletons or {"beat": beat}}
        self.system.write_text(yaml.safe_dump(self.system.config))

    def look(self):
        """The daemon's word for it; counts the processes, so that no two at once are missed."""
        self.most = max(self.most, len(self.running()))
        found = self.system.client.singletons().singletons if self.system.look() else []
        return next((each for each in found if each.name == "beat"), None)

    def running(self):
        """Pids of all beats of this system, from the kernel."""
        found = []
        for process in marked_processes(self.system.folder):
            with suppress(psutil.Error):  # it has just ended
                if {"ticker", "beat"} <= set(process.cmdline()):
                    found.append(process.pid)
        return found

    def runs_as_another_than(self, pid):
        seen = self.look()
        return seen and seen.pid and seen.pid != pid and seen

    def published(self):
        queue = self.queues.queues(["ticks"], Deadline.within(5))["ticks"]
        return queue.value.ready if isinstance(queue, Known) else 0


def test_there_is_exactly_one_beat_over_kills_edits_and_restarts(beats, eventually):
    system = beats.system
    beats.write()
    system.start_daemon()
    first = eventually(lambda: beats.runs_as_another_than(None), 30, "the beat runs").pid
    assert beats.running() == [first]
    before = beats.published()
    eventually(lambda: beats.published() > before, 15, "it publishes")

    system.daemon.kill()
    system.start_daemon()
    assert eventually(lambda: beats.runs_as_another_than(None), 20, "the new daemon sees it").pid == first

    os.kill(first, signal.SIGKILL)
    second = eventually(lambda: beats.runs_as_another_than(first), 30, "a killed beat comes back").pid

    beats.write("--max-interval", "7")
    third = eventually(lambda: beats.runs_as_another_than(second), 40, "it is replaced").pid
    assert beats.running() == [third]
    assert " --max-interval 7" in system.supervisord.programs_file.read_text()

    system.supervisord.call("supervisor.stopProcess", "beat")
    eventually(
        lambda: beats.look().state == "held" and not beats.running(), 10, "a stop by hand is respected"
    )
    system.supervisord.call("supervisor.startProcess", "beat", False)
    fourth = eventually(lambda: beats.runs_as_another_than(third), 20, "started by hand").pid

    beats.write("-l", "info")
    eventually(lambda: beats.look().outdated, 10, "the edit is seen")
    system.daemon.kill()
    system.start_daemon()
    eventually(lambda: beats.runs_as_another_than(fourth) and not beats.look().outdated, 40, "and finished")
    eventually(lambda: beats.look().state == "running", 20, "supervisord says so too")
    assert len(beats.running()) == 1

    beats.write(unused={"command": "sleep 100", "user": getpass.getuser()})
    eventually(lambda: not beats.running() and "beat" not in system.processes(), 30, "it is removed")
    assert beats.most == 1
