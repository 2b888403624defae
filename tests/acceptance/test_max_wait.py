"""A promised wait is held on real parts, by what the daemon has measured itself."""

from __future__ import annotations

import json
import subprocess
import sys

from autoscaler.store import stored_tracks

#: Seconds; of a wait that is long beside the noise of a busy machine.
WAIT = 30.0


def waits(system) -> list[float]:
    """Seconds from publishing to starting, of every task, the shortest first."""
    begun = {entry.id: entry.at for entry in system.runs if entry.event == "start"}
    return sorted(begun[task] - published for task, published in system.published.items())


def test_tasks_start_within_the_wait_and_the_daemon_explains_how(system, eventually):
    system.write_config(scale={"max_wait": f"{WAIT:g}s"}, options=["--prefetch-multiplier=1"])
    system.start_daemon()
    eventually(lambda: system.settled_at(1), 30, "the fleet starts with one worker")

    system.publish(30, seconds=0.5)
    eventually(lambda: system.tally.done == 30, 30, "the first tasks are done")
    system.publish(370, seconds=0.5)
    eventually(lambda: len(system.states()) and sum(system.states().values()) > 1, 30, "workers are added")

    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "autoscaler.cli",
            "explain",
            "emails",
            "--json",
            "--config",
            system.config_file,
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    explained = json.loads(told.stdout)
    assert explained["recommendations"][0]["policy"] == "max_wait"
    assert explained["desired"] > 1
    assert any("A task runs" in sentence for sentence in explained["seen"])

    eventually(lambda: system.tally.done == 400, 120, "all tasks are done")
    eventually(lambda: system.settled_at(1), 40, "the fleet shrinks again")
    assert system.tally.run_twice == 0
    waited = waits(system)
    assert waited[int(0.95 * len(waited))] < WAIT
    assert waited[-1] < 1.5 * WAIT


def test_what_was_measured_outlives_the_daemon(system, eventually):
    system.write_config(scale={"max_wait": "10s"}, min_workers=2)
    system.start_daemon()
    eventually(lambda: system.settled_at(2), 30, "two workers run")
    system.publish(100, seconds=0.5)
    eventually(lambda: system.tally.done == 100, 60, "all tasks are done")

    def measured():
        track = stored_tracks(system.folder / "state").get("emails")
        return track if track and track.accepted == 100 else None

    track = eventually(measured, 20, "it is stored")
    assert 0.3 < track.measures.service.value < 0.8
    assert 0 < track.measures.start_seconds.value < 20
    system.daemon.stop(10)
    system.start_daemon()
    system.publish(4, seconds=0.5)
    eventually(lambda: system.tally.done == 104, 30, "more are done")
    eventually(
        lambda: stored_tracks(system.folder / "state")["emails"].accepted == 104, 20, "it is counted on"
    )
