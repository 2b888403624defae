"""All services of a demo in one folder, which is deleted when the demo ends."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from autoscaler.errors import DaemonNotRunning, ServiceUnavailable
from autoscaler.http.client import Client
from autoscaler.http.views import FleetView
from autoscaler.tools.demo.broker import Broker
from autoscaler.tools.demo.load import QUEUE
from autoscaler.tools.demo.process import MARK, Child, free_port, kill_all, marked_processes, wait_until
from autoscaler.tools.demo.supervisord import SupervisordInstance

FLEET = "emails"

#: Seconds.
_DAEMON_START = 30.0
_DAEMON_STOP = 10.0
_WORKERS_STOP = 5.0
_REQUEST = 2.0


class Stage:
    """The services of a demo.

    Parameters
    ----------
    folder : where all of it lives; must exist.
    broker : not started yet.
    """

    def __init__(self, folder: Path, broker: Broker) -> None:
        self.folder = folder
        self.broker = broker
        self.journal = folder / "journal"
        self.config_file = folder / "autoscaler.yaml"
        self._socket = folder / "a.sock"
        self._listen = f"127.0.0.1:{free_port()}"
        self._token = secrets.token_hex(8)
        self._client = Client(self._socket, timeout=_REQUEST)
        self._temporary = folder / "tmp"
        self._supervisord = SupervisordInstance(folder / "sv", self._app_environment())
        self._daemon: Child | None = None

    def open(self, say: Callable[[str], None]) -> None:
        """Start everything, telling what.

        Raises
        ------
        ServiceUnavailable : something could not be started; call `close` then, too.
        """
        self._temporary.mkdir()
        say(f"Starting {self.broker.label} ...")
        self.broker.start()
        say("Starting supervisord and the daemon ...")
        self._supervisord.start()
        self.config_file.touch(mode=0o600)  # it holds the broker's password
        self.config_file.write_text(yaml.safe_dump(self._config(), sort_keys=False))
        self._daemon = self._start_daemon()
        wait_until(
            lambda: self.fleet() is not None, seconds=_DAEMON_START, what="the daemon tells of its fleet"
        )
        say(f"In a browser: http://{self._listen}/ (the token to unlock changes: {self._token})")

    def close(self) -> None:
        """End every process and delete nothing; call it however far `open` got."""
        with ExitStack() as stack:  # each step is taken, whatever the one before it raised
            stack.callback(lambda: kill_all(marked_processes(self.folder)))
            stack.callback(self.broker.stop)
            stack.callback(self._supervisord.stop, _WORKERS_STOP)
            if self._daemon is not None:
                stack.callback(self._daemon.stop, _DAEMON_STOP)

    def fleet(self) -> FleetView | None:
        """Give the fleet as the daemon tells it; None if it does not answer in time or has not looked yet.

        Raises
        ------
        ServiceUnavailable : the daemon has ended.
        """
        if self._daemon is not None and self._daemon.exit_code is not None:
            raise ServiceUnavailable(f"the daemon ended with {self._daemon.exit_code}: {self._daemon.output}")
        try:
            fleets = self._client.fleets().fleets
        except (DaemonNotRunning, ServiceUnavailable):
            return None
        return next((fleet for fleet in fleets if fleet.name == FLEET), None)

    @property
    def daemon_log(self) -> str:
        """The end of what the daemon wrote."""
        return self._daemon.output if self._daemon else ""

    # --- inside -------------------------------------------------------------------------------------------

    def _environment(self) -> dict[str, str]:
        # The embedded broker passes messages through TMPDIR; what a killed worker leaves there must go, too.
        return {**os.environ, MARK: str(self.folder), "TMPDIR": str(self._temporary)}

    def _app_environment(self) -> dict[str, str]:
        return {
            "TMPDIR": str(self._temporary),
            "CELERY_BROKER_URL": self.broker.url,
            "CELERY_BROKER_TRANSPORT_OPTIONS": json.dumps(dict(self.broker.options)),
            "SHOP_JOURNAL": str(self.journal),
        }

    def _config(self) -> dict[str, Any]:
        return {
            "broker": {
                "url": self.broker.url,
                "management_url": self.broker.management_url,
                "transport_options": dict(self.broker.options),
            },
            "supervisord": {
                "url": self._supervisord.url,
                "programs_file": str(self._supervisord.programs_file),
            },
            "console": {"socket": str(self._socket), "listen": self._listen, "token": self._token},
            "state_dir": str(self.folder / "state"),
            "polling_interval": "500ms",
            "host": {"reserve_memory": "64MiB"},
            "fleets": {FLEET: self._fleet()},
        }

    def _fleet(self) -> dict[str, Any]:
        return {
            "app": "autoscaler.examples.shop",
            "queues": [QUEUE],
            "concurrency": 2,
            "min_workers": 1,
            "max_workers": 6,
            "scale": {"backlog_per_worker": 20},
            "stabilization": "4s",
            "celery": _celery(),
            "directory": str(self.folder),
            # Root's workers must be said to be so, and nobody else may become another user.
            **({"user": "root"} if os.geteuid() == 0 else {}),
        }

    def _start_daemon(self) -> Child:
        return Child(
            [sys.executable, "-m", "autoscaler.cli", "run", "--config", str(self.config_file)],
            environment=self._environment(),
            folder=self.folder,
            log=self.folder / "daemon.log",
        )


def _celery() -> str:
    """Find the celery command of our own environment, else one on PATH."""
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    found = shutil.which("celery", path=beside)
    if found is None:
        raise ServiceUnavailable(f"no celery command beside {sys.executable} or on PATH")
    return found
