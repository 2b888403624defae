"""The whole system on real parts: RabbitMQ, supervisord, the daemon and Celery workers."""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from celery import Celery

from autoscaler.errors import DaemonNotRunning, ServiceUnavailable
from autoscaler.http.client import Client
from autoscaler.http.views import FleetsView, FleetView, WorkerView
from autoscaler.tools.demo.load import Entry, Tally, read_journal, tally
from autoscaler.tools.demo.process import MARK, Child, kill_all, marked_processes
from autoscaler.tools.demo.services import RabbitMQNode, SupervisordInstance

FLEET = "emails"
CRASHING_DAEMON = Path(__file__).with_name("crashing_daemon.py")


class System:
    """A broker, a supervisord, a daemon and the example shop's workers, all in one folder."""

    def __init__(self, folder: Path, amqp_url: str, management_url: str | None) -> None:
        self.folder = folder
        self.amqp_url = amqp_url
        self.journal = folder / "journal"
        self.config_file = folder / "autoscaler.yaml"
        self.supervisord = SupervisordInstance(
            folder / "sv", {"CELERY_BROKER_URL": amqp_url, "SHOP_JOURNAL": str(self.journal)}
        )
        self.client = Client(folder / "a.sock", timeout=5)
        self.published: dict[str, float] = {}
        self._app = Celery("publisher", broker=amqp_url, set_as_current=False)
        self._daemon: Child | None = None
        self.config: dict[str, Any] = {
            "broker": {"url": amqp_url, "management_url": management_url},
            "supervisord": {
                "url": self.supervisord.url,
                "programs_file": str(self.supervisord.programs_file),
            },
            "console": {"socket": str(folder / "a.sock")},
            "state_dir": str(folder / "state"),
            "polling_interval": "300ms",
            "host": {"reserve_memory": "64MiB"},
            "fleets": {FLEET: self.fleet_config()},
        }

    def fleet_config(self, **changes: Any) -> dict[str, Any]:
        """The config of the tests' fleet, with some keys changed."""
        return {
            "app": "autoscaler.examples.shop",
            "queues": ["emails"],
            "concurrency": 2,
            "min_workers": 1,
            "max_workers": 6,
            "scale": {"backlog_per_worker": 20},
            "stabilization": "2s",
            "celery": str(Path(sys.executable).parent / "celery"),
            "directory": str(self.folder),
            # Root's workers must be said to be so, and nobody else may become another user.
            **({"user": "root"} if os.geteuid() == 0 else {}),
            **changes,
        }

    # --- the daemon ---

    def write_config(self, **fleet_changes: Any) -> None:
        """Replace the config file as editors do, with some keys of the fleet changed."""
        self.config["fleets"] = {FLEET: self.fleet_config(**fleet_changes)}
        self.write_text(yaml.safe_dump(self.config, sort_keys=False))

    def write_text(self, text: str) -> None:
        """Replace the config file by a text."""
        new = self.config_file.with_suffix(".new")
        new.write_text(text)
        new.replace(self.config_file)

    def start_daemon(self, *, die_at: str = "") -> Child:
        """Start the daemon.

        Parameters
        ----------
        die_at : step after which it kills itself with SIGKILL; ``told:2`` for the second of its kind.
        """
        if not self.config_file.exists():
            self.write_config()
        command = [sys.executable, "-m", "autoscaler.cli", "run", "--config", str(self.config_file)]
        if die_at:
            command = [sys.executable, str(CRASHING_DAEMON), str(self.config_file), die_at]
        self._daemon = Child(
            command,
            environment={**os.environ, MARK: str(self.folder)},
            folder=self.folder,
            log=self.folder / "daemon.log",
        )
        return self._daemon

    @property
    def daemon(self) -> Child:
        """The daemon that was started last."""
        assert self._daemon is not None
        return self._daemon

    @property
    def log(self) -> str:
        """What the daemons wrote."""
        path = self.folder / "daemon.log"
        return path.read_text() if path.exists() else ""

    # --- the load ---

    def publish(
        self, count: int, seconds: float, task: str = "shop.send", queue: str = "emails"
    ) -> list[str]:
        """Publish tasks that take so many seconds each; returns their ids."""
        ids = []
        with self._app.connection_for_write() as connection:
            for _ in range(count):
                identity, now = str(uuid.uuid4()), time.time()
                kwargs = {"n": len(self.published), "seconds": seconds, "published_at": now}
                self._app.send_task(task, kwargs=kwargs, task_id=identity, queue=queue, connection=connection)
                self.published[identity] = now
                ids.append(identity)
        return ids

    @property
    def runs(self) -> list[Entry]:
        """What the tasks wrote about themselves."""
        return read_journal(self.journal)

    @property
    def tally(self) -> Tally:
        """What became of the published tasks."""
        return tally(self.published, self.runs)

    # --- what is seen ---

    def look(self) -> FleetsView | None:
        """What the daemon tells; None while it does not answer."""
        try:
            return self.client.fleets()
        except (DaemonNotRunning, ServiceUnavailable):
            return None

    def fleet(self, name: str = FLEET) -> FleetView | None:
        """One fleet as the daemon tells it."""
        view = self.look()
        return next((fleet for fleet in view.fleets if fleet.name == name), None) if view else None

    def states(self, name: str = FLEET) -> Mapping[str, int]:
        """How many workers of a fleet are in each state, as the daemon tells it."""
        fleet = self.fleet(name)
        return fleet.workers or {} if fleet else {}

    def settled_at(self, count: int, name: str = FLEET) -> bool:
        """Whether a fleet has exactly so many workers, and all of them run."""
        return dict(self.states(name)) == ({"running": count} if count else {})

    def workers(self) -> dict[str, WorkerView]:
        """The workers as the daemon tells them, by name."""
        return {worker.name: worker for worker in self.client.workers().workers}

    def processes(self) -> dict[str, dict[str, Any]]:
        """supervisord's own view of every program, by name."""
        return {info["name"]: info for info in self.supervisord.call("supervisor.getAllProcessInfo")}

    def pids(self) -> dict[str, int]:
        """Pid by program name, for those that have a process, from supervisord itself."""
        return {name: info["pid"] for name, info in self.processes().items() if info["pid"]}

    def nodes(self) -> list[str]:
        """Node names of all worker parent processes on this machine that belong to this system."""
        found = []
        for process in marked_processes(self.supervisord.folder):
            arguments = process.info["cmdline"] if hasattr(process, "info") else process.cmdline()
            parent = process.parent()
            if "-n" in arguments and parent is not None and parent.pid == self.supervisord.pid:
                found.append(arguments[arguments.index("-n") + 1])
        return sorted(found)

    def close(self) -> None:
        """End everything."""
        if self._daemon is not None:
            self._daemon.stop(5)
        self.supervisord.stop(5)
        self._app.close()
        kill_all(marked_processes(self.folder))


@pytest.fixture
def make_system(short_folder: Path) -> Iterator[Callable[[str, str | None], System]]:
    """Make systems on a given broker; they end with the test, and a failed test shows the daemon's log."""
    systems: list[System] = []

    def _make(amqp_url: str, management_url: str | None) -> System:
        folder = short_folder / f"s{len(systems)}"
        folder.mkdir()
        system = System(folder, amqp_url, management_url)
        systems.append(system)
        system.supervisord.start()
        return system

    yield _make
    for system in systems:
        system.close()
        # pytest shows it when the test failed.
        sys.stdout.write(f"{json.dumps(system.config, indent=1)}\n{system.log}\n")


@pytest.fixture
def system(vhost: Any, make_system: Callable[[str, str], System]) -> System:
    """A system on a vhost of its own of the shared broker."""
    return make_system(vhost.amqp_url, vhost.management_url)


@pytest.fixture
def broken_system(
    private_rabbitmq: Callable[..., RabbitMQNode], make_system: Callable[[str, str], System]
) -> tuple[System, RabbitMQNode]:
    """A system on a broker of its own, which the test may break."""
    node = private_rabbitmq()
    return make_system(node.amqp_url, node.management_url), node
