"""The daemon's loop goes on after a failed tick, and stops where it is no longer alone."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import pytest

from autoscaler.errors import AutoscalerError, ReloadRefused, SourceError, StoreError
from autoscaler.loop.daemon import Daemon

CONFIG = """
broker: {{url: "memory://"}}
supervisord: {{url: "unix://{folder}/none.sock", programs_file: {folder}/autoscaler.conf}}
state_dir: {folder}/state
polling_interval: 100ms
fleets: {{emails: {{app: shop, queues: [emails], concurrency: 1, min_workers: 1, max_workers: 1}}}}
"""


@pytest.fixture
def daemon(short_folder: Path) -> Daemon:
    """One without a supervisord, whose ticks see nothing and change nothing."""
    path = short_folder / "autoscaler.yaml"
    path.write_text(CONFIG.format(folder=short_folder))
    return Daemon(path, environ={}, host_name="host")


class FailingController:
    """Fails so."""

    def __init__(self, error: AutoscalerError) -> None:
        self.error = error

    def tick(self, now: float) -> None:
        raise self.error


@pytest.mark.parametrize("error", [StoreError("disk full"), ReloadRefused("no"), SourceError("away")])
def test_a_tick_that_fails_as_a_whole_is_told_once_and_the_loop_goes_on(
    daemon: Daemon, caplog: pytest.LogCaptureFixture, error: AutoscalerError
) -> None:
    for _ in range(3):
        daemon._tick(FailingController(error), None)
    assert daemon.snapshot.trouble == str(error)
    assert [record.getMessage() for record in caplog.records] == [f"tick failed: {error}"]


def test_a_daemon_whose_lock_was_deleted_stops(
    daemon: Daemon, short_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Beside:
        """Stands for the console: notes that it is left."""

        left = False

        def __enter__(self) -> None:
            (short_folder / "state" / "lock").unlink()

        def __exit__(self, *_: object) -> None:
            self.left = True

    beside = Beside()
    with (
        caplog.at_level(logging.ERROR),
        pytest.raises(StoreError, match=r"lock file in state_dir .* deleted"),
    ):
        daemon.run(beside)
    assert beside.left
    assert "stopped: the lock file" in caplog.text
    assert daemon.snapshot.tick is None, "it did not tick any more"


def test_a_daemon_ticks_until_it_is_stopped(daemon: Daemon, short_folder: Path) -> None:
    told: list[int] = []
    daemon.after_each_tick(lambda: told.append(daemon.snapshot.counts.ticks))
    loop = threading.Thread(target=daemon.run)
    loop.start()
    ends = time.monotonic() + 10
    while daemon.snapshot.tick is None and time.monotonic() < ends:
        loop.join(0.02)
    daemon.stop()
    loop.join(5)
    assert not loop.is_alive()
    assert told == list(range(1, daemon.snapshot.counts.ticks + 1)), "one word after each tick"
    assert "no such socket" in daemon.snapshot.tick.fleets[0].trouble


def test_what_check_notes_of_the_config_is_logged_once(
    short_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = short_folder / "autoscaler.yaml"
    path.write_text(CONFIG.format(folder=short_folder).replace("app: shop", "app: shop, user: nosuch"))
    daemon = Daemon(path, environ={}, host_name="host")
    daemon.reload()
    daemon.stop()
    with caplog.at_level(logging.WARNING):
        daemon.run()
    told = [record.getMessage() for record in caplog.records if "nosuch" in record.getMessage()]
    assert told == [
        f"{path}:6: fleets.emails.user: there is no user nosuch on this machine: supervisord will refuse it"
    ]
