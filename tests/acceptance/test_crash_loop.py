"""A fleet whose workers cannot start is given new ones ever more slowly, and the others do not notice."""

from __future__ import annotations

import yaml

APP = """
import pathlib, sys
if pathlib.Path(__file__).with_name("broken").exists():
    sys.exit(3)
from autoscaler.examples.shop import app
"""


def test_a_crash_loop_backs_off_is_told_and_ends_by_itself(system, eventually):
    (system.folder / "shaky.py").write_text(APP)
    (system.folder / "broken").touch()
    shaky = system.fleet_config(app="shaky", queues=["shaky"], max_workers=3, min_workers=3)
    system.config["fleets"] = {"emails": system.fleet_config(), "shaky": shaky}
    system.write_text(yaml.safe_dump(system.config))
    system.start_daemon()

    def trouble():
        fleet = system.fleet("shaky")
        return fleet.trouble if fleet else ""

    text = eventually(trouble, 60, "the crash loop is told")

    assert "crashes within 300 s: no new worker for" in text
    assert str(system.folder / "state" / "log") in text
    system.publish(40, seconds=0.2)
    eventually(lambda: system.tally.done == 40, 40, "the other fleet works")
    assert system.log.count("shaky-") < 40

    (system.folder / "broken").unlink()
    eventually(lambda: system.settled_at(3, "shaky"), 90, "it comes back by itself")
    assert system.settled_at(1) or system.states()["running"] >= 1
