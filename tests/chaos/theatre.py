"""One whole system: its own broker behind proxies, supervisord, daemon, workers of several pools, load."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import yaml
from celery import Celery

from autoscaler.errors import DaemonNotRunning, ServiceUnavailable
from autoscaler.http.client import Client
from autoscaler.http.views import FleetsView
from autoscaler.observe.host import local_host_name
from autoscaler.tools.demo.process import MARK, Child, kill_all, marked_processes, wait_until
from autoscaler.tools.demo.services import RabbitMQNode, SupervisordInstance
from chaos.ledger import Entry, Window, read_entries
from chaos.load import LONGEST, Lane, Load
from chaos.proxies import ManagementProxy, TcpProxy
from chaos.stuck import StuckWorkers

TESTS = Path(__file__).parent.parent
#: Tasks a worker, of the fleets' policy.
TARGET = 4
#: Kinds of tasks that a fault may end for good.
_LOSABLE = frozenset({"early", "hard_limit"})
#: Seconds between two looks at who runs twice.
DOUBLES_EVERY = 2.0

#: What the fleets of a system are, by its kind; `rate` is tasks a second while they are busy.
FLEETS: dict[str, dict[str, Any]] = {
    "quorum": {"concurrency": 2, "rate": 4.0},
    "one": {"concurrency": 1, "rate": 2.0, "options": ["--prefetch-multiplier=1"]},
    "threads": {"concurrency": 2, "rate": 4.0, "pool": "threads", "options": ["--prefetch-multiplier=1"]},
    "gevent": {"concurrency": 4, "rate": 5.0, "pool": "gevent"},
    "solo": {"concurrency": 1, "rate": 1.5, "pool": "solo", "options": ["--prefetch-multiplier=1"]},
}
#: Which of them each system has.
CASTS = (("quorum", "threads"), ("one", "gevent"), ("quorum", "solo"), ("one", "threads"))


class Theatre:
    """A system to break.

    Parameters
    ----------
    folder : everything of it lives there; must exist.
    letter : tells it from others; part of its fleets' names.
    """

    def __init__(self, folder: Path, letter: str, cast: tuple[str, ...], seed: int) -> None:
        self.folder = folder
        self.letter = letter
        self.node = RabbitMQNode(folder / "mq")
        self.fleets = {f"{letter}-{kind}": FLEETS[kind] for kind in cast}
        self.lanes = [
            Lane(name, f"{name}-queue", settings["rate"], settings.get("pool", "prefork") == "prefork")
            for name, settings in self.fleets.items()
        ]
        self.client = Client(folder / "a.sock", timeout=3)
        self.config_file = folder / "autoscaler.yaml"
        #: What the config's keys are beside the usual ones; faults change it.
        self.changes: dict[str, Any] = {}
        self.fleet_changes: dict[str, Any] = {}
        #: Workers seen to run twice, in words; those of a fault that makes orphans are left out.
        self.doubles: list[str] = []
        self.orphans_allowed = False
        #: Workers that celery left half dead, and that were ended.
        self.stuck: list[Window] = []
        self._daemon: Child | None = None
        self._seed = seed
        self._entries: list[Entry] = []
        self._read_up_to = 0
        self._reading = threading.Lock()
        self._stack = ExitStack()
        self._closing = threading.Event()

    # --- its life -----------------------------------------------------------------------------------------

    def open(self) -> None:
        """Start all of it, and wait until it serves."""
        self._stack.callback(lambda: kill_all(marked_processes(self.folder)))
        # Before it starts: a fault may be in the middle of starting it again when all ends.
        self._stack.callback(self.node.close)
        self.node.start()
        self.amqp = TcpProxy(self.node.port)
        self.management = ManagementProxy(self.node.management_port)
        for proxy in (self.amqp, self.management):
            self._stack.callback(proxy.close)
        for name in ("state", "sv/conf.d", "log"):
            (self.folder / name).mkdir(parents=True)
            self._mount(self.folder / name)
        self.supervisord = SupervisordInstance(self.folder / "sv", self._worker_environment())
        self.supervisord.start()
        self._stack.callback(lambda: self.supervisord.stop(5))
        self.write_config()
        self.start_daemon()
        self._stack.callback(lambda: self.daemon.stop(5))
        self.load = Load(self.node.amqp_url, self.lanes, self._seed)
        wait_until(lambda: self.unserved() == "", seconds=120, what=f"system {self.letter} serves")
        self.load.start()
        threading.Thread(target=self._watch, daemon=True).start()

    def close(self) -> None:
        """End all of it."""
        self._closing.set()
        for name in ("log", "state", "sv/conf.d"):  # they go with the file systems that they are on
            with contextlib.suppress(OSError, shutil.Error):
                shutil.copytree(self.folder / name, self.folder / "kept" / name)
        self._stack.close()

    def finish(self, seconds: float) -> None:
        """Stop the load and let the workers finish what was accepted."""
        self.load.stop()
        with contextlib.suppress(ServiceUnavailable):
            wait_until(lambda: not self._unfinished(), seconds=seconds, what="all is done", interval=0.5)

    def _unfinished(self) -> set[str]:
        """Tasks that are not done; those that a fault may have ended only while they may still run."""
        entries, now = self.entries(), time.time()
        done = {entry.id for entry in entries if entry.event == "done"}
        begun = {entry.id: entry.at for entry in entries}
        return {
            task.id
            for task in self.load.accepted.values()
            if task.id not in done
            and (task.kind not in _LOSABLE or now - max(task.at, begun.get(task.id, 0.0)) < LONGEST + 2)
        }

    # --- the daemon and its config ------------------------------------------------------------------------

    def start_daemon(self, log: str = "daemon.log") -> Child:
        """Start a daemon; the one that was started last is `daemon`, unless it logs elsewhere."""
        if self._closing.is_set():
            raise ServiceUnavailable(f"system {self.letter} has ended")
        child = Child(
            [sys.executable, "-m", "autoscaler.cli", "run", "--config", str(self.config_file)],
            environment={**os.environ, MARK: str(self.folder)},
            folder=self.folder,
            log=self.folder / log,
        )
        if log == "daemon.log":
            self._daemon = child
        return child

    @property
    def daemon(self) -> Child:
        """The daemon that was started last."""
        if self._daemon is None:
            raise ServiceUnavailable("the daemon was never started")
        return self._daemon

    def config_text(self) -> str:
        """The config as it should be now."""
        credentials = f"{self.node.user}:{self.node.password}@127.0.0.1"
        config: dict[str, Any] = {
            "broker": {
                "url": f"amqp://{credentials}:{self.amqp.port}//",
                "management_url": f"http://{credentials}:{self.management.port}",
            },
            "supervisord": {
                "url": self.supervisord.url,
                "programs_file": str(self.supervisord.programs_file),
            },
            "console": {"socket": str(self.folder / "a.sock")},
            "state_dir": str(self.folder / "state"),
            "polling_interval": "500ms",
            "host": {"reserve_memory": "64MiB"},
            "fleets": {name: self._fleet(name) for name in self.fleets},
        }
        return yaml.safe_dump(config | self.changes, sort_keys=False)

    def write_config(self, text: str | None = None, name: str = "new") -> None:
        """Replace the config file as editors do."""
        new = self.config_file.with_suffix(f".{name}")
        new.touch(mode=0o600)
        new.write_text(self.config_text() if text is None else text)
        new.replace(self.config_file)

    def _fleet(self, name: str) -> dict[str, Any]:
        settings = {key: value for key, value in self.fleets[name].items() if key != "rate"}
        changes = dict(self.fleet_changes)
        options = [*settings.pop("options", ()), *changes.pop("options", ())]
        return {
            "app": "chaos.app",
            "queues": [f"{name}-queue"],
            "min_workers": 1,
            "max_workers": 3,
            "scale": {"backlog_per_worker": TARGET},
            "stabilization": "5s",
            "celery": str(Path(sys.executable).parent / "celery"),
            "directory": str(TESTS),
            "log_dir": str(self.folder / "log"),
            "options": options,
            # Root's workers must be said to be so.
            **({"user": "root"} if os.geteuid() == 0 else {}),
            **settings,
            **changes,
        }

    def _worker_environment(self) -> dict[str, str]:
        return {
            "CELERY_BROKER_URL": self.node.amqp_url,
            "CHAOS_FOLDER": str(self.folder),
            "CHAOS_QUEUES": " ".join(lane.queue for lane in self.lanes),
        }

    def control(self, command: str, worker: str) -> None:
        """Send a worker a remote control command, as `celery control` does."""
        app = Celery("chaos-operator", broker=self.node.amqp_url, set_as_current=False)
        with app.connection_for_write() as connection:
            node = f"{worker}@{local_host_name()}"
            app.control.broadcast(command, destination=[node], connection=connection)

    # --- file systems that can be filled ------------------------------------------------------------------

    def _mount(self, folder: Path) -> None:
        """A small file system of its own, where we may make one."""
        command = ["mount", "-t", "tmpfs", "-o", "size=32m,mode=0755", "chaos", str(folder)]
        self.mounted = os.geteuid() == 0 and _run(command)
        if self.mounted:
            self._stack.callback(lambda: _run(["umount", "-l", str(folder)]))

    def remount(self, folder: str, mode: str) -> None:
        """Make one of our file systems read-only (``ro``) or not (``rw``)."""
        if not _run(["mount", "-o", f"remount,{mode}", str(self.folder / folder)]):
            raise ServiceUnavailable(f"{folder} could not be remounted {mode}")

    # --- what is seen -------------------------------------------------------------------------------------

    def look(self) -> FleetsView | None:
        """What the daemon tells; None while it does not answer."""
        try:
            return self.client.fleets()
        except (DaemonNotRunning, ServiceUnavailable):
            return None

    def unserved(self, since: float = 0.0) -> str:
        """Why the fleets are not as wanted, by the daemon's word; empty if they are.

        Parameters
        ----------
        since : a tick before this time says nothing.
        """
        view = self.look()
        if view is None or view.at is None:
            return "the daemon does not answer"
        if view.at < since:
            return "the daemon has not looked since"
        # A fleet whose workers were killed again and again starts no new ones for a while: that is as wanted.
        fleets = (fleet.trouble for fleet in view.fleets if "crashes within" not in fleet.trouble)
        troubles = [view.trouble, *view.config_problems, *view.unknown, *fleets]
        for fleet in view.fleets:
            states = Counter(fleet.workers or {})
            troubles += fleet.demand.unknown if fleet.demand else ["no decision"]
            if states["running"] < min(1, fleet.desired or 0):
                troubles.append(f"{fleet.name}: nobody runs")
            short = fleet.desired is not None and sum(states.values()) < fleet.desired
            if short and "crashes within" not in fleet.trouble:
                troubles.append(f"{fleet.name}: {sum(states.values())} of {fleet.desired} exist")
        return "; ".join(filter(None, troubles))

    def entries(self) -> list[Entry]:
        """The tasks' journal."""
        path = self.folder / "journal"
        with self._reading:
            if path.exists():
                with path.open("rb") as file:
                    file.seek(self._read_up_to)
                    new = file.read()
                whole = new[: new.rfind(b"\n") + 1]
                self._read_up_to += len(whole)
                self._entries += read_entries(whole.decode().splitlines())
            return list(self._entries)

    @property
    def log(self) -> list[str]:
        """What the daemons wrote."""
        path = self.folder / "daemon.log"
        return path.read_text(errors="replace").splitlines() if path.exists() else []

    def workers(self) -> dict[str, list[int]]:
        """Pids of the worker processes (not of their children) by program name, from the machine itself."""
        found: dict[str, list[int]] = {}
        for pid, name in self._named():
            with contextlib.suppress(psutil.Error, OSError):
                process = psutil.Process(pid)
                mark = process.environ().get(MARK, "")
                if os.getpgid(pid) == pid and mark.startswith(str(self.folder)):
                    found.setdefault(name, []).append(pid)
        return found

    def _named(self) -> Iterator[tuple[int, str]]:
        marker = f"\0-n\0{self.letter}-".encode()
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                line = path.read_bytes()
                if marker in line:
                    name = line.partition(b"\0-n\0")[2].partition(b"@")[0].decode(errors="replace")
                    yield int(path.parent.name), name

    def _watch(self) -> None:
        before: set[tuple[str, tuple[int, ...]]] = set()
        stuck = StuckWorkers(self.folder / "log", self.workers)
        while not self._closing.wait(DOUBLES_EVERY):
            now = {(name, tuple(sorted(pids))) for name, pids in self.workers().items() if len(pids) > 1}
            # Seen twice: a process that ends is not yet gone at the moment when its successor starts.
            if not self.orphans_allowed:
                self.doubles += [f"{name}: {pids} at {time.time():.2f}" for name, pids in now & before]
            before = now
            self.stuck += stuck.end(time.time())

    def has_doubles(self) -> bool:
        """Whether a worker runs twice now."""
        return any(len(pids) > 1 for pids in self.workers().values())


def _run(command: list[str]) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
