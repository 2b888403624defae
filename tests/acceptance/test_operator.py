"""The operator's hand on everything real, with a daemon that is killed and started again in between."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from autoscaler.cli import main

FIXED = {"min_workers": 2, "max_workers": 4}


def autoscaler(system: Any, *arguments: str) -> Result:
    """Run the command as an operator does."""
    return CliRunner().invoke(main, [*arguments, "--config", str(system.config_file)])


def ordered(system: Any, *arguments: str) -> str:
    """What a command that is carried out says."""
    done = autoscaler(system, *arguments)
    assert done.exit_code == 0, done.output
    return done.output


def restarted(system: Any) -> None:
    """End the daemon as a crash would, and start another."""
    system.daemon.kill()
    system.start_daemon()


def busy(system: Any) -> dict[str, int]:
    """Tasks that each worker runs, by name, as far as it answers."""
    return {name: worker.running or 0 for name, worker in system.workers().items()}


def test_the_operators_hand(system, eventually):
    system.write_config(**FIXED)
    system.start_daemon()
    eventually(lambda: system.settled_at(2), 30, "two workers run")

    # A paused fleet stays as it is, also for the next daemon.
    said = ordered(system, "pause", "emails", "--for", "10m", "--reason", "broker maintenance")
    assert said.startswith("emails: paused until ")
    pids = system.pids()
    system.publish(60, 0.2)
    restarted(system)
    eventually(lambda: system.fleet() and system.fleet().hold, 20, "the next daemon knows of the pause")
    hold = system.fleet().hold
    assert "uid" in hold.by
    assert (hold.kind, hold.reason, hold.release) == (
        "paused",
        "broker maintenance",
        "autoscaler resume emails",
    )
    assert "held: emails: paused by" in ordered(system, "status")
    assert system.pids() == pids

    # A size set by hand.
    ordered(system, "scale", "emails", "3")
    eventually(lambda: system.settled_at(3), 30, "three workers")
    refused = autoscaler(system, "scale", "emails", "9")
    assert (refused.exit_code, "max_workers (4)" in refused.stderr) == (1, True)
    assert "did you mean emails?" in autoscaler(system, "pause", "emial").stderr
    eventually(lambda: system.tally.done == 60, 60, "the load is done")

    # A busy worker is drained, finishes, stays stopped, and is not replaced; also not by the next daemon.
    system.publish(20, 1.5)  # more than two workers prefetch
    eventually(lambda: busy(system).get("emails-03"), 20, "emails-03 is busy")
    ordered(system, "drain", "emails-03", "--reason", "debugger")
    eventually(lambda: system.workers()["emails-03"].state == "draining", 10, "it drains")
    restarted(system)
    eventually(lambda: system.states().get("held") == 1, 30, "emails-03 is held")
    assert system.processes()["emails-03"]["statename"] == "STOPPED"
    assert sorted(system.pids()) == ["emails-01", "emails-02"]
    assert "taken out of service by" in ordered(system, "status", "--workers")
    ordered(system, "release", "emails-03")
    eventually(lambda: system.settled_at(3), 30, "emails-03 is back")

    # One that was stopped past us is held as well, and released as well.
    system.supervisord.call("supervisor.stopProcess", "emails-02")
    eventually(lambda: system.states().get("held") == 1, 20, "emails-02 is held")
    ordered(system, "release", "emails")
    eventually(lambda: len(system.pids()) == 3, 30, "emails-02 is back")

    # A stopped fleet drains, whatever min_workers says.
    system.publish(4, 3.0)
    eventually(lambda: any(busy(system).values()), 20, "workers are busy")
    assert "stopped" in ordered(system, "stop", "emails")
    eventually(lambda: system.processes() == {}, 40, "nobody is left")
    restarted(system)
    eventually(lambda: system.fleet() and system.fleet().hold, 20, "the next daemon knows of the stop")
    assert system.processes() == {}
    assert autoscaler(system, "resume", "emails").exit_code == 1
    ordered(system, "start", "emails")
    eventually(lambda: system.settled_at(2), 30, "the fleet works again")

    # Before the machine goes down.
    system.publish(2, 8.0)
    eventually(lambda: any(busy(system).values()), 20, "a worker is busy")
    late = autoscaler(system, "drain", "--all", "--within", "1s")
    assert late.exit_code == 1
    assert "not gone within 1s: emails-0" in late.stderr
    done = autoscaler(system, "drain", "--all", "--json")
    assert (done.exit_code, json.loads(done.output)["left"]) == (0, [])
    assert system.processes() == {}
    eventually(lambda: system.tally.done == len(system.published), 20, "every task is done")
    assert system.tally.run_twice == 0
