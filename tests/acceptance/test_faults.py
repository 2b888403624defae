"""Services that fail in the middle of the load: nothing shrinks on unknown, nothing is lost, all recovers."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

#: Seconds within which a pool ends; billiard waits for half a minute at times (`_ensure_messages_consumed`).
POOL_ENDS = 60


@pytest.fixture
def loaded(broken_system, eventually):
    """A fleet of three that has tasks for some 15 seconds."""
    system, node = broken_system
    system.write_config(max_workers=3)
    system.start_daemon()
    eventually(lambda: system.settled_at(1), 30, "the fleet runs")
    system.publish(180, seconds=0.5)
    eventually(lambda: system.settled_at(3), 40, "the fleet has grown")
    return system, node


class Watch:
    """Notes the smallest size that the daemon wanted while something was unknown."""

    def __init__(self, system):
        self._system = system
        self.unknown = []
        self.wanted = []

    def look(self):
        view = self._system.look()
        fleet = next(iter(view.fleets), None) if view else None
        if fleet is None:
            return
        unknown = [*view.unknown, *(fleet.demand.unknown if fleet.demand else ())]
        if unknown:
            self.unknown += unknown
            if fleet.desired is not None:
                self.wanted.append(fleet.desired)


def recovers(system, eventually, first):
    """Everything that was published is done, and the fleet goes back to one worker by itself."""
    eventually(lambda: system.tally.lost == 0, 90, "all tasks are done")
    eventually(lambda: system.settled_at(1), 60, "the fleet shrinks again")
    assert system.daemon.pid == first
    assert system.daemon.exit_code is None


def test_the_management_api_stops(loaded, eventually):
    system, node = loaded
    node.stop_management()
    assert not node.management_answers()
    # Passive declares go on telling the queue's length, so nothing becomes unknown.
    eventually(lambda: system.tally.done > 60, 30, "work goes on")
    assert system.look().unknown == {}
    assert system.fleet().desired == 3
    recovers(system, eventually, system.daemon.pid)
    node.start_management()


def test_the_broker_stops(loaded, eventually):
    system, node = loaded
    watch = Watch(system)
    node.stop()

    def unknown_for_a_while():
        watch.look()
        return len(watch.wanted) >= 20

    eventually(unknown_for_a_while, 40, "the daemon goes on without knowing")
    assert min(watch.wanted) == 3
    node.start()
    recovers(system, eventually, system.daemon.pid)


def test_supervisord_restarts(loaded, eventually):
    system, _ = loaded
    daemon = system.daemon.pid
    system.supervisord.restart(grace=20)
    eventually(lambda: len(system.pids()) == 3, 20, "supervisord has started all three again")
    recovers(system, eventually, daemon)
    assert len(system.nodes()) == 1


def test_supervisord_is_killed_and_its_orphans_finish_and_end(loaded, eventually):
    system, _ = loaded
    daemon, before = system.daemon.pid, set(system.pids().values())
    system.supervisord.kill()
    system.supervisord.start()
    eventually(lambda: "of an earlier supervisord" in system.fleet().trouble, 20, "the orphans are told")
    eventually(lambda: not any(map(psutil.pid_exists, before)), POOL_ENDS, "the orphans have ended")
    recovers(system, eventually, daemon)
    assert system.tally.run_twice == 0
    assert len(system.nodes()) == 1


#: An app whose workers are as those of Celery before 5.7: they say something before they heed TERM, which
#: fails where nobody reads it, and those of one name share a mailbox.
SAYS_FIRST = """
import os, signal
from celery.signals import worker_ready
from autoscaler.examples.shop import app
app.conf.control_queue_exclusive = False

@worker_ready.connect
def say_first(**_):
    heed = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *said: (os.write(1, b"warm shutdown"), heed(*said)))
"""


def test_an_orphan_that_loses_its_term_is_told_through_the_broker(broken_system, eventually):
    system, _ = broken_system
    (system.folder / "says_first.py").write_text(SAYS_FIRST)
    system.write_config(app="says_first", min_workers=2, max_workers=2)
    system.start_daemon()
    eventually(lambda: system.settled_at(2), 30, "the fleet runs")
    before = system.pids()
    system.supervisord.kill()
    system.supervisord.start()
    eventually(lambda: "still answers: told again to end" in system.log, 60, "an orphan is told again")
    eventually(lambda: not any(map(psutil.pid_exists, before.values())), 60, "the orphans have ended")
    eventually(lambda: system.settled_at(2) and not system.fleet().trouble, 30, "the fleet is as before")
    assert not set(system.pids().values()) & set(before.values())


def test_supervisord_is_away_for_a_while(loaded, eventually):
    system, _ = loaded
    before = system.pids()
    system.supervisord.pause()
    eventually(lambda: "supervisord" in (system.look() or system).unknown, 20, "supervisord is unknown")
    assert system.fleet().desired is None
    assert system.fleet().trouble
    system.supervisord.resume()
    eventually(lambda: system.states() != {}, 20, "supervisord is known again")
    assert system.pids() == before
    recovers(system, eventually, system.daemon.pid)


def test_a_worker_is_killed(loaded, eventually):
    system, _ = loaded
    victim = system.pids()["emails-02"]
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: system.pids().get("emails-02") not in (None, victim), 20, "supervisord restarts it")
    recovers(system, eventually, system.daemon.pid)
