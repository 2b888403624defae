"""The messages that systemd gets about the daemon."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autoscaler.loop.daemon import Daemon
from autoscaler.loop.service_manager import STATUS_LENGTH, Notifier, status_line
from autoscaler.loop.snapshot import Snapshot
from autoscaler.model import Known, Observation, Tick, Unknown

FIRST = Snapshot(Path("autoscaler.yaml"), 1.0, 1.0, 2.0, None)

CONFIG = """
broker: {{url: "memory://"}}
supervisord: {{url: "unix://{folder}/none.sock", programs_file: {folder}/autoscaler.conf}}
state_dir: {folder}/state
polling_interval: {interval}
fleets: {{emails: {{app: shop, queues: [emails], concurrency: 1, min_workers: 1, max_workers: 1}}}}
"""


class Listener:
    """Listens as a service manager does, at a path or an abstract name."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(10)

    def next(self) -> dict[str, str]:
        """The next message."""
        lines = self._socket.recv(4096).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def until(self, key: str) -> list[dict[str, str]]:
        """All messages up to the first that has this key."""
        seen = [self.next()]
        while key not in seen[-1]:
            seen.append(self.next())
        return seen

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener(short_folder: Path) -> Iterator[Listener]:
    each = Listener(str(short_folder / "notify"))
    yield each
    each.close()


@pytest.fixture
def environ(listener: Listener, short_folder: Path) -> dict[str, str]:
    return {"NOTIFY_SOCKET": str(short_folder / "notify")}


def test_it_reports_start_reload_and_stop(listener: Listener, environ: dict[str, str]) -> None:
    notifier = Notifier(environ)
    notifier.ready()
    assert listener.next() == {"READY": "1"}
    notifier.reloading()
    message = listener.next()
    assert message["RELOADING"] == "1"
    assert int(message["MONOTONIC_USEC"]) > 0
    notifier.stopping()
    assert listener.next() == {"STOPPING": "1"}


def test_a_status_is_one_line_of_bounded_length_and_sent_once(
    listener: Listener, environ: dict[str, str]
) -> None:
    notifier = Notifier(environ)
    for text in ("two\nlines READY=1", "two lines  READY=1", "x" * 9999):
        notifier.status(text)
    assert listener.next() == {"STATUS": "two lines READY=1"}
    assert listener.next() == {"STATUS": "x" * STATUS_LENGTH}


def test_an_abstract_socket_is_reached(short_folder: Path) -> None:
    name = f"autoscaler-test-{short_folder.name}"
    listener = Listener(f"\0{name}")
    Notifier({"NOTIFY_SOCKET": f"@{name}"}).ready()
    assert listener.next() == {"READY": "1"}
    listener.close()


@pytest.mark.parametrize("address", ["", "@", "relative", "/no/such/socket"])
def test_no_listener_is_no_trouble(address: str) -> None:
    Notifier({"NOTIFY_SOCKET": address}).ready()


@pytest.mark.parametrize(
    ("usec", "pid", "period"),
    [
        ("20000000", None, 10.0),
        ("20000000", "42", 10.0),
        ("20000000", "43", 3600.0),
        ("0", None, 3600.0),
        ("", None, 3600.0),
        ("soon", None, 3600.0),
        ("²", None, 3600.0),
    ],
)
def test_a_watchdog_gets_two_beats_in_its_time(usec: str, pid: str | None, period: float) -> None:
    environ = {"WATCHDOG_USEC": usec} | ({"WATCHDOG_PID": pid} if pid else {})
    assert Notifier(environ, pid=42).period == period


def test_only_a_watched_daemon_beats(listener: Listener, environ: dict[str, str]) -> None:
    Notifier(environ).beat()
    Notifier(environ | {"WATCHDOG_USEC": "1000000"}).beat()
    assert listener.next() == {"WATCHDOG": "1"}


def test_a_daemon_reports_its_life(listener: Listener, environ: dict[str, str], short_folder: Path) -> None:
    path = short_folder / "autoscaler.yaml"
    path.write_text(CONFIG.format(folder=short_folder, interval="1h"))
    watched = environ | {"WATCHDOG_USEC": "100000"}
    daemon = Daemon(path, environ={}, host_name="host", notifier=Notifier(watched))
    loop = threading.Thread(target=daemon.run)
    loop.start()
    try:
        assert listener.next() == {"READY": "1"}
        status = listener.until("STATUS")[-1]["STATUS"]
        assert status.startswith("1 fleet, 0 workers; waiting for supervisord: ")
        beats = [listener.next(), listener.next()]
        assert beats == [{"WATCHDOG": "1"}] * 2, "it beats while it waits for its next tick"
        daemon.reload()
        assert "READY" in [*listener.until("RELOADING"), listener.next()][-1]
    finally:
        daemon.stop()
        loop.join(5)
    assert listener.until("STOPPING")


def _snapshot(**unknown: str) -> Snapshot:
    queues = {name: Unknown(why, 1.0) for name, why in unknown.items()}
    tick = Tick(1.0, 0.0, Observation(1.0, queues, {}, Known({}, 1.0), Unknown("no /proc", 1.0)), ())
    return replace(FIRST, tick=tick)


def test_a_status_names_each_reason_once_with_all_that_is_waited_for() -> None:
    line = status_line(_snapshot(emails="refused", orders="refused"))
    assert line == "0 fleets, 0 workers; waiting for queue emails, queue orders: refused"


def test_a_status_reports_a_wrong_config_and_a_failed_tick() -> None:
    assert status_line(FIRST) == "starting"
    assert status_line(FIRST.after_failure("disk full")) == "disk full"
    line = status_line(replace(_snapshot(), trouble="disk full", config_problems=("a.yaml:3: wrong",)))
    assert "config file is wrong" in line
    assert "disk full" in line
