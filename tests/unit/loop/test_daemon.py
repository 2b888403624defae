"""The daemon's loop goes on after a failed tick, and stops where it is no longer alone."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from autoscaler.config import Config
from autoscaler.errors import AutoscalerError, ReloadRefused, SourceError, StoreError
from autoscaler.loop.daemon import Daemon
from autoscaler.loop.wiring import Sources, Target
from autoscaler.model import Command, Tick

CONFIG = """
broker: {{url: "memory://"}}
supervisord: {{url: "unix://{folder}/none.sock", programs_file: {folder}/autoscaler.conf}}
state_dir: {folder}/state
polling_interval: 100ms
fleets: {{emails: {{app: shop, queues: [emails], concurrency: 1, min_workers: 1, max_workers: 1}}}}
"""


@pytest.fixture
def config_file(short_folder: Path) -> Path:
    path = short_folder / "autoscaler.yaml"
    path.write_text(CONFIG.format(folder=short_folder))
    return path


@pytest.fixture
def daemon(config_file: Path) -> Daemon:
    """One without a supervisord, whose ticks see nothing and change nothing."""
    return Daemon(config_file, environ={}, host_name="host")


class FailingController:
    """Fails each tick; stops the daemon at the third."""

    def __init__(self, error: AutoscalerError) -> None:
        self._error = error
        self.failed = 0
        self.stop = lambda: None

    def __call__(self, *_: object, **__: object) -> FailingController:
        return self

    def tick(self, _now: float) -> Tick:
        self.failed += 1
        if self.failed == 3:
            self.stop()
        raise self._error

    def carry_out(self, _now: float, _command: Command) -> tuple[str, ...]:
        return ()

    def reconfigure(self, config: Config) -> None: ...
    def reconnect(self, sources: Sources, target: Target) -> None: ...


@pytest.mark.parametrize("error", [StoreError("disk full"), ReloadRefused("no"), SourceError("away")])
def test_a_tick_that_fails_as_a_whole_is_logged_once_and_the_loop_goes_on(
    config_file: Path, caplog: pytest.LogCaptureFixture, error: AutoscalerError
) -> None:
    controller = FailingController(error)
    daemon = Daemon(config_file, environ={}, host_name="host", make_controller=controller)
    controller.stop = daemon.stop
    with caplog.at_level(logging.ERROR):
        daemon.run()
    assert controller.failed == 3
    assert daemon.snapshot.trouble == str(error)
    assert (daemon.snapshot.counts.ticks, daemon.snapshot.counts.failed) == (3, 3)
    assert len([record for record in caplog.records if str(error) in record.getMessage()]) == 1


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


def test_a_daemon_ticks_until_it_is_stopped(daemon: Daemon) -> None:
    ticks: list[int] = []
    ticked = threading.Event()

    def note() -> None:
        ticks.append(daemon.snapshot.counts.ticks)
        ticked.set()

    daemon.after_each_tick(note)
    loop = threading.Thread(target=daemon.run)
    loop.start()
    assert ticked.wait(10)
    daemon.stop()
    loop.join(5)
    assert not loop.is_alive()
    assert ticks == list(range(1, daemon.snapshot.counts.ticks + 1)), "one call after each tick"
    assert "no such socket" in daemon.snapshot.tick.fleets[0].trouble


def test_a_warning_about_the_config_is_logged_once(
    config_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config_file.write_text(config_file.read_text().replace("app: shop", "app: shop, user: nosuch"))
    daemon = Daemon(config_file, environ={}, host_name="host")
    daemon.reload()
    daemon.stop()
    with caplog.at_level(logging.WARNING):
        daemon.run()
    (warning,) = [text for record in caplog.records if "nosuch" in (text := record.getMessage())]
    assert warning.startswith(f"{config_file}:6: fleets.emails.user: ")


def test_a_config_that_cannot_be_used_leaves_the_one_in_use(config_file: Path, daemon: Daemon) -> None:
    before = daemon.config
    config_file.write_text(config_file.read_text().replace("min_workers: 1", "min_workers: 9"))
    daemon.stop()
    daemon.run()
    assert daemon.config == before
    assert "min_workers" in daemon.snapshot.config_problems[0]
