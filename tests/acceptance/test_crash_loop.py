"""A fleet whose workers die is given new ones ever more slowly, and the others do not notice."""

from __future__ import annotations

import os
import signal

import yaml


def test_a_crash_loop_backs_off_is_told_and_ends_by_itself(system, eventually):
    shaky = system.fleet_config(queues=["shaky"], max_workers=2)
    system.config["fleets"] = {"emails": system.fleet_config(max_workers=2), "shaky": shaky}
    system.write_text(yaml.safe_dump(system.config))
    system.start_daemon()
    eventually(lambda: system.settled_at(1) and system.settled_at(1, "shaky"), 30, "both fleets run")

    def runs():
        # One that ends within supervisord's startsecs is tried again by supervisord, and is no crash yet.
        return system.processes()["shaky-01"]["statename"] == "RUNNING"

    for _ in range(3):
        eventually(runs, 20, "it stays up")
        victim = system.pids()["shaky-01"]
        os.kill(victim, signal.SIGKILL)
        eventually(lambda dead=victim: system.pids().get("shaky-01", dead) != dead, 20, "it is started again")
        eventually(lambda: system.workers()["shaky-01"].pid == system.pids()["shaky-01"], 20, "it is seen")
    # More than one worker could do while the back-off lasts.
    for queue in ("shaky", "emails"):
        system.publish(160, seconds=0.5, queue=queue)

    text = eventually(lambda: system.fleet("shaky").trouble, 10, "the crash loop is told")
    assert "3 crashes within 300 s: no new worker for 10 s after the last" in text
    assert str(system.folder / "state" / "log") in text
    eventually(lambda: system.states().get("running") == 2, 20, "the other fleet grows")
    eventually(lambda: system.states("shaky").get("running") == 2, 30, "this one grows a while later")
    assert system.fleet("shaky").trouble == ""
    log = system.log
    assert log.index("emails-02: started") < log.index("shaky-02: started")
