"""A world in memory: queues, supervisord and Celery workers that behave as the real ones do."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from autoscaler.config import Broker, Config, Fleet, Host
from autoscaler.errors import SourceError, SupervisordFault, SupervisordUnreachable
from autoscaler.loop.tick import Controller
from autoscaler.loop.wiring import Target
from autoscaler.model import (
    DOWN,
    ActiveTask,
    Beat,
    HostStats,
    Known,
    Process,
    ProgramState,
    QueueStats,
    Tick,
    Unknown,
    WorkerStats,
)
from autoscaler.observe.sources import Sources
from autoscaler.singletons.actor import SingletonActor
from autoscaler.store import DATABASE, Store
from autoscaler.supervisord.client import ReloadDiff
from autoscaler.supervisord.program_file import ProgramFile, written_queues
from autoscaler.supervisord.programs import Programs
from autoscaler.workers.carry_out import Actor
from autoscaler.workers.drains import Drains
from autoscaler.workers.orphans import Orphan, Orphans

GIB = 1024**3


@dataclass
class FakeWorker:
    """One Celery worker: takes tasks from the queue into its slots, one prefetched beside each."""

    node: str
    pid: int
    slots: int
    consumes: set[str]
    #: Seconds until each running task ends.
    active: list[float] = field(default_factory=list)
    reserved: list[float] = field(default_factory=list)
    accepted: int = 0
    #: Seconds until it answers.
    starts_in: float = 1.0
    silent: bool = False
    stopping: bool = False


class World:
    """Everything outside the daemon, on fake time."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_000_000.0
        self.file = ProgramFile(folder / "autoscaler.conf")
        self.store_folder = folder
        self.queue: list[float] = []
        self.done = 0
        self.stopped_busy: list[str] = []
        self.programs: dict[str, str] = {}
        self.processes_by_name: dict[str, Process] = {}
        self.workers: dict[str, FakeWorker] = {}
        self.starts = 0
        #: Commands that supervisord refuses in a section, as it does an unknown user.
        self.refused_text = ""
        #: The celery beats of the machine.
        self.beats: list[Beat] = []
        self.broker_up = True
        self.supervisord_up = True
        self.start_seconds = 1.0
        self.steps: list[str] = []
        #: Whether supervisord is root's.
        self.is_root = False
        #: Workers of a supervisord that was killed, and those of them that were told to end, by pid.
        self.orphaned: dict[int, Orphan] = {}
        self.told_to_end: list[int] = []
        #: Pids of orphans that do not heed TERM, and of those that were told again through the broker.
        self.loses_term: set[int] = set()
        self.told_again: list[int] = []
        self.signalled: list[tuple[str, str]] = []
        #: Pids of the processes whose predecessor did not crash; nobody is told while there is no log.
        self.good_ends: set[int] = set()
        self.has_log = True
        self._pids = itertools.count(100)

    # --- the queue source, the worker source, the host ---

    def queues(self, names, deadline):
        if not self.broker_up:
            return {name: Unknown("broker away", self.now) for name in names}
        return {name: Known(QueueStats(name, len(self.queue)), self.now) for name in names}

    def close(self):
        pass

    def inspect(self, nodes, deadline, *, queues_of=None, awaited=None, patience=0.0):
        asked = set(nodes if queues_of is None else queues_of)
        return {node: self._reply(node, node in asked) for node in nodes}

    def _reply(self, node, with_queues):
        worker = self.workers.get(node)
        if worker is None or not self.broker_up or worker.silent or worker.starts_in > 0 or worker.stopping:
            return Unknown("no reply in time", self.now)
        tasks = tuple(ActiveTask(f"{node}-{n}", "t", self.now) for n, _ in enumerate(worker.active))
        return Known(
            WorkerStats(
                node,
                worker.pid,
                worker.slots,
                worker.accepted,
                tasks,
                len(worker.reserved),
                0,
                frozenset(worker.consumes) if with_queues else None,
            ),
            self.now,
        )

    def host(self, now):
        return Known(HostStats(64 * GIB, 64 * GIB), now)

    def per_worker(self, now, fleet, pids):
        return 100 * 1024**2

    # --- remote control ---

    def cancel_consumers(self, node, queues, deadline):
        self._tell(node, lambda worker: worker.consumes.difference_update(queues))

    def add_consumers(self, node, queues, deadline):
        self._tell(node, lambda worker: worker.consumes.update(queues))

    def _tell(self, node, what: Callable[[FakeWorker], None]):
        if not self.broker_up:
            raise SourceError("broker away")
        worker = self.workers.get(node)
        if worker is not None and worker.starts_in <= 0:
            what(worker)

    # --- supervisord ---

    def _need_supervisord(self):
        if not self.supervisord_up:
            raise SupervisordUnreachable("supervisord away")

    def processes(self):
        self._need_supervisord()
        return dict(self.processes_by_name)

    def ended_well(self):
        return frozenset(self.good_ends if self.has_log else ())

    def reload(self):
        self._need_supervisord()
        new = self.file.read()
        for name, text in new.items():
            if self.refused_text and self.refused_text in text:
                raise SupervisordFault("reloadConfig", 92, f"CANT_REREAD: in section 'program:{name}'")
        return ReloadDiff(
            frozenset(new) - frozenset(self.programs),
            frozenset(name for name in new if name in self.programs and self.programs[name] != new[name]),
            frozenset(self.programs) - frozenset(new),
        )

    def add_all(self, names):
        self._need_supervisord()
        for name in names:
            self.programs[name] = self.file.read()[name]
            self._spawn(name)
        return {}

    def remove_all(self, names):
        self._need_supervisord()
        for name in names:
            assert self.processes_by_name[name].state in DOWN, "removed while running"
            del self.programs[name]
            del self.processes_by_name[name]
        return {}

    def stop_all(self, names):
        self._need_supervisord()
        for name in names:
            self.stop(name)
        return {}

    def start(self, name):
        self._need_supervisord()
        if self.processes_by_name[name].state in DOWN:
            self._spawn(name)

    def signal(self, name, signal):
        self._need_supervisord()
        self.signalled.append((name, signal))
        self.workers[f"{name}@host"].stopping = True

    def _spawn(self, name):
        self.starts += 1
        pid = next(self._pids)
        before = self.processes_by_name.get(name, Process(name, ProgramState.STOPPED))
        self.processes_by_name[name] = replace(
            Process(name, ProgramState.RUNNING, pid, self.now), ended_at=before.ended_at
        )
        node = f"{name}@host"
        queues = set(written_queues(self.programs[name]))
        self.workers[node] = FakeWorker(node, pid, 2, queues, starts_in=self.start_seconds)

    def stop(self, name):
        """TERM: a warm shutdown. What it was still doing is noted: the daemon must never let that happen."""
        process, worker = self.processes_by_name[name], self.workers[f"{name}@host"]
        if worker.active or worker.reserved or (worker.consumes and worker.starts_in <= 0):
            self.stopped_busy.append(name)
        worker.stopping = True
        self.processes_by_name[name] = replace(process, state=ProgramState.STOPPING)

    def kill(self, name, status=-1):
        """The process dies; supervisord starts it again; the broker redelivers what it held."""
        worker = self.workers[f"{name}@host"]
        self.queue += worker.active + worker.reserved
        self._spawn(name)
        self.processes_by_name[name] = replace(self.processes_by_name[name], exit_status=status)

    def restart(self, name):
        """An idle worker is stopped and started again at once."""
        self.queue += self.workers[f"{name}@host"].reserved
        self._end_well(name)

    def _end_well(self, name):
        self.processes_by_name[name] = replace(self.processes_by_name[name], ended_at=self.now)
        self._spawn(name)
        self.good_ends.add(self.processes_by_name[name].pid)

    def restart_supervisord(self):
        """It ends with all its programs, and its successor starts every one of them."""
        for name in self.processes_by_name:
            self.workers.pop(f"{name}@host", None)
        for name in list(self.processes_by_name):
            del self.processes_by_name[name]
            self._spawn(name)

    def kill_supervisord(self):
        """It dies, and its successor starts every program beside the process that is left of it."""
        for name, process in list(self.processes_by_name.items()):
            fleet = name.rpartition("-")[0]
            self.orphaned[process.pid] = Orphan(fleet, name, f"{name}@host", process.pid, process.started_at)
            self._spawn(name)

    # --- the machine ---

    def orphans(self, fleets, supervised):
        return [
            each for each in self.orphaned.values() if each.fleet in fleets and each.pid not in supervised
        ]

    def end(self, orphan):
        self.told_to_end.append(orphan.pid)
        return ""

    def may_listen(self, node, deadline):
        if not self.broker_up:
            raise SourceError("broker away")
        worker = self.workers.get(node)
        return worker is not None and worker.starts_in <= 0

    def shut_down(self, pids, deadline):
        if not self.broker_up:
            raise SourceError("broker away")
        told = {node: pid for node, pid in pids.items() if pid in self.loses_term}
        self.told_again += told.values()
        return told.keys()

    # --- the disk ---

    def refuse_writes(self) -> None:
        """Let every write to the database fail, as on a full disk."""
        for table, verb in self._writes():
            self._execute(
                f"CREATE TRIGGER full_{table}_{verb} BEFORE {verb} ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
            )

    def allow_writes(self) -> None:
        """Let writes to the database succeed again."""
        for table, verb in self._writes():
            self._execute(f"DROP TRIGGER full_{table}_{verb}")

    def _writes(self) -> list[tuple[str, str]]:
        tables = self._execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return [(table, verb) for (table,) in tables for verb in ("INSERT", "UPDATE", "DELETE")]

    def _execute(self, sql: str) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(self.store_folder / DATABASE)) as database, database:
            return database.execute(sql).fetchall()

    # --- time ---

    def advance(self, seconds: float) -> None:
        """Let the workers work."""
        self.now += seconds
        for node, worker in list(self.workers.items()):
            self._work(worker, seconds)
            if worker.stopping and not worker.active:
                name = node.partition("@")[0]
                self.queue += worker.reserved
                process = self.processes_by_name[name]
                if process.state is not ProgramState.STOPPING:
                    self._end_well(name)  # supervisord did not want it to end
                    continue
                self.processes_by_name[name] = replace(
                    process, state=ProgramState.STOPPED, pid=None, ended_at=self.now
                )
                del self.workers[node]

    def _work(self, worker: FakeWorker, seconds: float) -> None:
        worker.starts_in -= seconds
        if worker.starts_in > 0:
            return
        self.done += sum(left <= seconds for left in worker.active)
        worker.active = [left - seconds for left in worker.active if left > seconds]
        while worker.consumes and self.broker_up and self.queue and len(worker.reserved) < worker.slots:
            worker.reserved.append(self.queue.pop(0))
        while worker.reserved and len(worker.active) < worker.slots:
            worker.active.append(worker.reserved.pop(0))
            worker.accepted += 1

    # --- the daemon ---

    def config(self, *others: Fleet, **changes) -> Config:
        settings = {
            "name": "emails",
            "app": "shop",
            "queues": ["emails"],
            "concurrency": 2,
            "min_workers": 1,
            "max_workers": 5,
            "scale": {"backlog_per_worker": 4},
            "stabilization": 6.0,
        } | changes
        return Config(
            broker=Broker(url="amqp://guest:guest@localhost//"),
            fleets={settings["name"]: Fleet(**settings), **{other.name: other for other in others}},
            host=Host(reserve_memory=GIB),
            state_dir=self.store_folder,
        )

    def controller(
        self,
        config: Config | None = None,
        on_step: Callable[[str], None] | None = None,
        host_name: str = "host",
        boot: str = "this boot",
    ) -> Controller:
        """A daemon's controller, as new as after a start; the store is the same."""
        step = on_step or self.steps.append
        store = Store(self.store_folder)
        drains = Drains(store, self, self, step)
        programs = Programs(self.file, self, step)
        actor = Actor(drains, programs, Orphans(self, self, self), lambda: self.is_root)
        return Controller(
            config or self.config(),
            sources=Sources(self, self, self.host, self, lambda _: tuple(self.beats)),
            target=Target(
                self.file, self, actor, SingletonActor(self.file, self, programs, step, lambda: self.is_root)
            ),
            store=store,
            host_name=host_name,
            boot=boot,
        )

    def run(self, controller: Controller, seconds: float, interval: float = 1.0) -> Tick:
        """Tick for so long; returns the last tick."""
        tick = controller.tick(self.now)
        for _ in range(int(seconds / interval)):
            self.advance(interval)
            tick = controller.tick(self.now)
        return tick

    def run_out(self, controller: Controller, seconds: float) -> Tick:
        """Run for so long, and look less often while no task and only one worker is left."""
        end = self.now + seconds
        tick = controller.tick(self.now)
        while self.now < end:
            self.advance(10.0 if self._rests() else 1.0)
            tick = controller.tick(self.now)
        return tick

    def _rests(self) -> bool:
        tasks = any(worker.active or worker.reserved for worker in self.workers.values())
        return not self.queue and not tasks and len(self.programs) == 1

    @property
    def alive(self) -> list[str]:
        """Names of the programs that have a process."""
        return sorted(name for name, process in self.processes_by_name.items() if process.state not in DOWN)


@pytest.fixture
def make_world(tmp_path_factory) -> Callable[[], World]:
    """Make a world in a folder of its own."""
    return lambda: World(tmp_path_factory.mktemp("world"))


@pytest.fixture
def world(make_world) -> World:
    """One world."""
    return make_world()
