"""`supervisorctl autoscale` through a real supervisorctl, with the daemon's API behind it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from autoscaler.ctlplugin import make_controller_plugin
from autoscaler.errors import UnknownName
from autoscaler.http.api import make_app
from autoscaler.http.server import Server
from autoscaler.loop.snapshot import Snapshot
from autoscaler.model import DrainWorker, PauseFleets, ReleaseWorker
from autoscaler.operator.inbox import Answer


class Loop:
    """Notes what is ordered, as the daemon's loop would carry it out."""

    def __init__(self):
        self.ordered = []

    def ask(self, command):
        self.ordered.append(command)
        if isinstance(command, PauseFleets) and command.fleets == ("emial",):
            raise UnknownName("there is no fleet 'emial'; did you mean emails?")
        return Answer(1.0, ("done",))


@pytest.fixture
def loop(supervisord, short_folder):
    """A loop behind the socket that supervisorctl's config names."""
    path = supervisord.folder / "supervisord.conf"
    path.write_text(
        path.read_text()
        + f"\n[supervisorctl]\nserverurl={supervisord.url}\n\n[ctlplugin:autoscale]\n"
        + "supervisor.ctl_factory = autoscaler.ctlplugin:make_controller_plugin\n"
        + f"socket = {short_folder}/a.sock\n"
    )
    loop = Loop()
    snapshot = Snapshot(path, 1.0, 1.0, 2.0, None)
    with Server(make_app(lambda: snapshot, lambda: 1.0, loop.ask), short_folder / "a.sock"):
        yield loop


@pytest.fixture
def supervisorctl(supervisord):
    """Run supervisorctl: its exit status and what it prints."""

    def run(*words, typed=""):
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c"]
        done = subprocess.run(
            [*command, str(supervisord.folder / "supervisord.conf"), *words],
            capture_output=True,
            text=True,
            input=typed,
            timeout=20,
            check=False,
        )
        return done.returncode, done.stdout

    return run


def test_commands_reach_the_loop_with_who_ordered_them(loop, supervisorctl):
    assert supervisorctl("autoscale", "pause", "emails", "10m", "broker", "away") == (0, "done\n")
    # A second call for several: supervisorctl takes half a second to start.
    typed = (
        "autoscale scale emails 5\nautoscale drain emails-03\nautoscale release emails-03\nhelp autoscale\n"
    )
    _, shown = supervisorctl(typed=typed)
    pause, scale, drain, release = loop.ordered
    assert (pause.fleets, pause.terms.lasts) == (("emails",), 600.0)
    assert pause.terms.reason == "broker away"
    assert "uid" in pause.who
    assert (scale.workers, scale.terms.lasts) == (5, None)
    assert isinstance(drain, DrainWorker)
    assert isinstance(release, ReleaseWorker)
    assert "autoscale pause <fleet>" in shown
    assert "No help on" not in shown


def test_what_fails_says_why_and_has_an_exit_status(loop, supervisorctl):
    assert supervisorctl("autoscale", "pause", "emial") == (
        1,
        "there is no fleet 'emial'; did you mean emails?\n",
    )
    status, shown = supervisorctl("autoscale", "puase")
    assert (status, shown.splitlines()[0]) == (2, "there is no `autoscale puase`")
    status, shown = supervisorctl("autoscale", "pause", "emails", "10", "broker", "away")
    assert (status, shown.splitlines()[0]) == (2, "10 has no unit; write 10s, 10m or 10h")
    assert loop.ordered == [PauseFleets(("emial",), terms=loop.ordered[0].terms)]


def test_without_a_daemon_it_says_so(loop, supervisorctl, short_folder):
    (short_folder / "a.sock").rename(short_folder / "elsewhere")
    status, shown = supervisorctl("autoscale", "status")
    assert status == 7
    assert "no daemon listens on" in shown


def test_words_are_completed(loop, short_folder):
    class Controller:
        class options:  # noqa: N801 (supervisorctl's name)
            plugins = ()

        def complete(self, text, state, line=None):
            return "theirs"

    controller = Controller()
    plugin = make_controller_plugin(controller, socket=str(short_folder / "a.sock"))
    assert controller.complete("p", 0, "autoscale p") == "pause "
    assert controller.complete("p", 1, "autoscale p") is None
    assert controller.complete("s", 0, "s") == "theirs"
    plugin._names = lambda before: ["emails", "exports"]
    assert plugin.completions("autoscale pause e", "e") == ["emails ", "exports "]
