"""The init script that is shipped, really run through all its states, with nothing changed but its paths."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

SCRIPT = Path(__file__).parents[2] / "deploy" / "init.d" / "autoscaler"
RUNNING, DEAD, STOPPED, UNKNOWN = 0, 1, 3, 4
USAGE, NOT_ROOT, NOT_INSTALLED, NOT_CONFIGURED, NOT_RUNNING = 2, 4, 5, 6, 7

CONFIG = """
broker: {{url: "memory://"}}
supervisord: {{url: "unix://{folder}/none.sock", programs_file: {folder}/autoscaler.conf}}
state_dir: {folder}/state
console: {{socket: {folder}/run/autoscaler/autoscaler.sock}}
polling_interval: 200ms
fleets: {{emails: {{app: shop, queues: [emails], concurrency: 1, min_workers: 1, max_workers: 1}}}}
"""


class Service:
    """A machine's folders around the script."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "etc" / "autoscaler.yaml"
        self.pid_file = folder / "run" / "autoscaler.pid"
        self.log = folder / "log" / "autoscaler.log"
        self.script = folder / "init.d" / "autoscaler"
        for name in ("etc", "run", "init.d"):
            (folder / name).mkdir()
        self.set_defaults()
        self.write_config()
        text = SCRIPT.read_text()
        for old, new in {
            "/run/": f"{folder}/run/",
            "/var/log/autoscaler": f"{folder}/log",
            "/etc/default/autoscaler": f"{folder}/default",
            "/lib/lsb/init-functions": f"{folder}/init-functions",
        }.items():
            assert old in text
            text = text.replace(old, new)
        self.script.write_text(text)
        self.script.chmod(0o755)

    def set_defaults(self, **settings: str) -> None:
        """Write what would be /etc/default/autoscaler."""
        daemon = Path(sys.executable).with_name("autoscaler")
        lines = {"DAEMON": str(daemon), "CONFIG": str(self.config), "RUN_AS": "root", **settings}
        (self.folder / "default").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))

    def write_config(self, text: str = CONFIG) -> None:
        """Replace the config."""
        self.config.write_text(text.format(folder=self.folder))

    def __call__(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*AS_ROOT, str(self.script), *words],
            env={"PATH": os.environ["PATH"], "RUNLEVEL": "2", **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def keeper(self) -> int:
        """Pid of the process that keeps the daemon running, by the pid file."""
        return int(self.pid_file.read_text())

    @property
    def daemons(self) -> list[int]:
        """Pids of the keeper's daemon; none while it waits before the next start."""
        return [each.pid for each in psutil.Process(self.keeper).children() if "run" in command(each)]

    @property
    def pid(self) -> int:
        """Of the daemon."""
        (daemon,) = self.daemons
        return daemon


def command(process: psutil.Process) -> list[str]:
    """The words of a process; none of one that has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def has_ended(pid: int) -> bool:
    """Whether there is no such process, or nobody has asked yet how it ended."""
    return not psutil.pid_exists(pid) or not command(psutil.Process(pid))


#: A user who is not root is root of a name space of their own.
AS_ROOT = [] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user"]


@pytest.fixture
def service(short_folder: Path, need: Callable[[str], None]) -> Iterator[Service]:
    need("start-stop-daemon")
    each = Service(short_folder)
    yield each
    with suppress(FileNotFoundError, ValueError, psutil.Error):
        process = psutil.Process(each.keeper)
        if str(short_folder) in " ".join(process.cmdline()):
            process.kill()  # its daemon ends with it


def test_a_service_starts_tells_reloads_and_stops(service: Service, eventually) -> None:
    assert service("status").returncode == STOPPED
    assert service("stop").returncode == 0, "a stopped one is stopped"
    assert service("reload").returncode == NOT_RUNNING
    assert service("try-restart").returncode == 0
    assert service("status").returncode == STOPPED, "try-restart starts nothing"

    started = service("start")
    assert (started.returncode, started.stderr) == (0, "")
    assert (service.folder / "run" / "autoscaler" / "autoscaler.sock").exists(), "start waits until it serves"
    first = service.pid
    assert service("start").returncode == 0, "a running one is started"
    assert service.pid == first
    assert f"pid {service.keeper}" in service("status").stdout
    eventually(lambda: "cannot see supervisord" in service.log.read_text(), what="it says what it waits for")

    service.write_config(CONFIG + "polling_interval: 1s\n")
    assert service("reload").returncode == NOT_CONFIGURED, "the key stands twice"
    service.write_config(CONFIG.replace("200ms", "300ms"))
    assert service("force-reload").returncode == 0
    eventually(lambda: "config read from" in service.log.read_text())
    assert service.pid == first

    assert service("try-restart").returncode == 0
    second = service.pid
    assert second != first
    assert service("restart").returncode == 0
    assert service.pid not in {first, second}
    assert service("stop").returncode == 0
    assert not service.pid_file.exists()
    assert service("status").returncode == STOPPED
    assert service.log.read_text().count("stopped; the workers run on") == 3


def test_a_wrong_config_leaves_the_running_daemon_alone(service: Service) -> None:
    assert service("start").returncode == 0
    pid = service.pid
    service.write_config("fleets: 7\n")
    for action in ("restart", "try-restart", "reload"):
        done = service(action)
        assert done.returncode == NOT_CONFIGURED, action
        assert "autoscaler.yaml:1: fleets" in done.stderr
    assert service("status").returncode == RUNNING
    assert service.pid == pid


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_daemon_that_dies_is_started_again(service: Service, eventually, number: signal.Signals) -> None:
    service.set_defaults(LONG_ENOUGH="0")
    assert service("start").returncode == 0
    first, keeper = service.pid, service.keeper
    os.kill(first, number)
    eventually(lambda: set(service.daemons) - {first})
    assert (service.keeper, service("status").returncode) == (keeper, RUNNING)
    assert f"the daemon ended with status {128 + number}" in service.log.read_text()
    second = service.pid
    os.kill(second, number)
    eventually(lambda: set(service.daemons) - {second})
    assert service("stop").returncode == 0
    assert has_ended(keeper)


def test_a_daemon_is_stopped_while_the_keeper_waits_to_start_it_again(service: Service, eventually) -> None:
    service.set_defaults(LONG_ENOUGH="0")
    assert service("start").returncode == 0
    keeper = service.keeper
    os.kill(service.pid, signal.SIGKILL)
    eventually(lambda: not service.daemons)
    assert service("stop").returncode == 0
    assert has_ended(keeper)


def test_a_config_that_is_wrong_at_the_next_start_ends_the_service(service: Service, eventually) -> None:
    service.set_defaults(LONG_ENOUGH="0")
    assert service("start").returncode == 0
    keeper = service.keeper
    service.write_config("fleets: 7\n")
    os.kill(service.pid, signal.SIGKILL)
    eventually(lambda: has_ended(keeper))
    assert service("status").returncode == DEAD
    assert "autoscaler.yaml:1: fleets" in service.log.read_text()


def test_a_daemon_stops_with_its_keeper_and_starts_again(service: Service, eventually) -> None:
    assert service("start").returncode == 0
    daemon = service.pid
    os.kill(service.keeper, signal.SIGKILL)
    eventually(lambda: has_ended(daemon), what="nobody would start it again")
    assert "stopped; the workers run on" in service.log.read_text()
    assert service("status").returncode == DEAD
    assert service("reload").returncode == NOT_RUNNING
    assert service("start").returncode == 0
    assert service("status").returncode == RUNNING


@pytest.mark.parametrize("content", ["1", "{own}", "999999999", "", "not a number", "-1", "1 2"])
def test_the_pid_of_another_process_is_not_taken_for_the_daemon(service: Service, content: str) -> None:
    service.pid_file.write_text(content.format(own=os.getpid()) + "\n")
    assert service("status").returncode == DEAD
    assert service("reload").returncode == NOT_RUNNING
    assert service("stop").returncode == 0, "and this process lives to see it"
    assert not service.pid_file.exists()


def test_a_daemon_starts_beside_the_stale_pid_of_another_process(service: Service) -> None:
    service.pid_file.write_text(f"{os.getpid()}\n")
    assert service("start").returncode == 0
    assert service.pid != os.getpid()
    assert service("status").returncode == RUNNING


@pytest.mark.parametrize(
    ("config", "said"),
    [("fleets: 7\n", "autoscaler.yaml:1: fleets"), (None, "there is no")],
    ids=["wrong", "missing"],
)
def test_a_service_that_is_not_configured_says_what_is_wrong(
    service: Service, config: str | None, said: str
) -> None:
    service.config.unlink() if config is None else service.write_config(config)
    for action in ("start", "restart"):
        done = service(action)
        assert (done.returncode, said in done.stderr) == (NOT_CONFIGURED, True)
    assert service("status").returncode == STOPPED
    assert service("stop").returncode == 0


def test_a_daemon_that_ends_at_once_is_told_with_its_words(service: Service) -> None:
    service.set_defaults(START_WITHIN="30")
    service.write_config(CONFIG.replace("{folder}/state", "/dev/null/state"))
    done = service("start")
    assert done.returncode == 1
    assert "state_dir /dev/null/state cannot be used" in done.stderr
    assert service("status").returncode == STOPPED


def test_a_service_that_is_not_installed_says_so(service: Service) -> None:
    service.set_defaults(DAEMON="/no/such/autoscaler")
    for action in ("start", "restart", "reload"):
        assert service(action).returncode == NOT_INSTALLED
    assert service("stop").returncode == 0
    assert service("status").returncode == STOPPED
    service.set_defaults(RUN_AS="no-such-user")
    done = service("start")
    assert (done.returncode, "no user no-such-user" in done.stderr) == (NOT_INSTALLED, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="has nobody to become")
def test_only_root_changes_it_and_everybody_sees_it(service: Service) -> None:
    service.folder.chmod(0o755)
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(service.script)]
    for action in ("start", "stop", "restart", "try-restart", "reload", "force-reload"):
        assert (
            subprocess.run([*as_nobody, action], check=False, stderr=subprocess.PIPE).returncode == NOT_ROOT
        )
    assert subprocess.run([*as_nobody, "status"], check=False).returncode == STOPPED
    assert service("start").returncode == 0
    assert subprocess.run([*as_nobody, "status"], check=False).returncode == RUNNING
    service.pid_file.chmod(0o600)
    assert subprocess.run([*as_nobody, "status"], check=False).returncode == UNKNOWN


@pytest.mark.parametrize("words", [(), ("begin",), ("",)])
def test_wrong_usage_shows_the_right_one(service: Service, words: tuple[str, ...]) -> None:
    done = service(*words)
    assert done.returncode == USAGE
    assert "{start|stop|restart|try-restart|reload|force-reload|status}" in done.stderr


def test_where_systemd_runs_the_action_is_its_own(service: Service) -> None:
    (service.folder / "init-functions").write_text('echo "systemctl $1"; exit 0\n')
    assert service("start").stdout == "systemctl start\n"


@pytest.mark.parametrize(("level", "drains"), [("0", True), ("1", True), ("6", True), ("2", False)])
def test_the_workers_are_drained_only_when_the_machine_goes_down(
    service: Service, drained: Callable[[], list[str]], level: str, drains: bool
) -> None:
    assert service("stop", RUNLEVEL=level).returncode == 0
    assert drained() == ([f"drain --all --within 7m --config {service.config}"] if drains else [])
    assert service("status").returncode == STOPPED


@pytest.fixture
def drained(service: Service, eventually) -> Iterator[Callable[[], list[str]]]:
    """A stand-in for the running daemon and its command, which notes the drains that it is told."""
    notes = service.folder / "notes"
    notes.touch()
    command = service.folder / "autoscaler"
    command.write_text(f'#!/bin/sh\ncase $1 in run) exec sleep 60 ;; *) echo "$@" >>{notes} ;; esac\n')
    command.chmod(0o755)
    process = subprocess.Popen(["bash", "-c", 'exec -a "/x/autoscaler run --config y" sleep 60'])
    # Reaped as soon as it ends, as init does.
    reaper = threading.Thread(target=process.wait)
    reaper.start()
    service.pid_file.write_text(f"{process.pid}\n")
    service.set_defaults(DAEMON=str(command), DRAIN_WITHIN="7m")
    eventually(lambda: service("status").returncode == RUNNING)
    yield lambda: notes.read_text().splitlines()
    process.kill()
    reaper.join()
