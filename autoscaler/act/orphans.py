"""Workers that a killed supervisord left behind.

Its successor starts every program again, so each of them runs twice, under one node name: both take tasks,
and remote control reaches now the one and now the other. The one that supervisord runs is kept. The orphan
gets TERM: a warm shutdown, in which it finishes what it runs and hands back the rest. A worker that came up
while the orphan still held their common mailbox may stay deaf for good (in celery's gevent pool: the mailbox
is exclusive, and it asks for it once). One that is deaf after the orphan has gone is restarted, by TERM too.

A process is an orphan for certain if all of it holds: supervisord gave it our program's name and its own
address (`SUPERVISOR_PROCESS_NAME`, `SUPERVISOR_SERVER_URL`), it leads its process group as supervisord's
children do, it was started under the worker's node name, and before the supervisord that runs now.

Source: `supervisor.process.Subprocess.spawn`, supervisor 4.3.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import psutil

from autoscaler.act.turn import Turn
from autoscaler.errors import TargetError
from autoscaler.model import Known, Worker

#: Seconds after an orphan's end in which the worker beside it must be heard.
DEAF_AFTER = 10.0

_NAME, _SERVER = "SUPERVISOR_PROCESS_NAME", "SUPERVISOR_SERVER_URL"


@dataclass(frozen=True, slots=True)
class Orphan:
    """A worker process without its supervisord."""

    #: Program name, ``emails-01``.
    worker: str
    pid: int
    #: Seconds since the epoch; with the pid it names one process for good.
    started_at: float


class Machine(Protocol):
    """The processes of this machine."""

    def orphans(self, nodes: Mapping[str, str], supervised: Iterable[int]) -> Iterable[Orphan]:
        """Find the orphans among all processes.

        Parameters
        ----------
        nodes : node name by program name, of every worker of ours.
        supervised : pids of those of them that supervisord runs now.
        """

    def end(self, orphan: Orphan) -> str:
        """Send it TERM; in words why that could not be done, empty if it was."""


class Signaller(Protocol):
    """The part of supervisord's interface that sends signals."""

    def signal(self, name: str, signal: str) -> None: ...


class Orphans:
    """Finds orphans, tells of them and has them end.

    It looks through the machine only when a worker of ours has a new process, and while there are any.
    """

    def __init__(self, machine: Machine, signaller: Signaller) -> None:
        self._machine = machine
        self._signaller = signaller
        #: The process that runs beside an orphan, or did, and when the orphan was seen last; by worker name.
        self._beside: dict[str, tuple[int | None, float]] = {}
        self._supervised: frozenset[int] = frozenset()
        self._left: frozenset[Orphan] = frozenset()
        self._told: frozenset[Orphan] = frozenset()

    def advance(self, turn: Turn) -> None:
        """Look, and tell those that are left to end. Workers of a fleet without an order are left alone."""
        workers = {name: each for name, each in turn.world.workers.items() if each.fleet in turn.orders}
        supervised = frozenset(each.pid for each in workers.values() if each.pid is not None)
        if self._left or supervised - self._supervised:
            nodes = {name: each.node for name, each in workers.items()}
            self._left = frozenset(self._machine.orphans(nodes, supervised))
        self._supervised = supervised
        self._told &= self._left
        for orphan in sorted(self._left, key=lambda each: each.worker):
            self._beside[orphan.worker] = workers[orphan.worker].pid, turn.now
            self._end(turn, workers[orphan.worker], orphan)
        self._beside = {name: each for name, each in self._beside.items() if self._is_open(turn, name)}

    def _end(self, turn: Turn, worker: Worker, orphan: Orphan) -> None:
        what = f"{orphan.worker}: pid {orphan.pid} of an earlier supervisord runs beside pid {worker.pid}"
        trouble = f"{what}; it was told to end and finishes its tasks"
        if orphan not in self._told:
            problem = self._machine.end(orphan)
            if problem:
                trouble = f"{what} and cannot be told to end ({problem}): `kill -TERM {orphan.pid}`"
            else:
                self._told |= {orphan}
                turn.report.did(f"{what}: told to finish its tasks and end")
        turn.report.failed(worker.fleet, trouble)

    def _is_open(self, turn: Turn, name: str) -> bool:
        """Whether a worker beside an orphan has still to be heard; one that stays deaf is restarted."""
        pid, seen_at = self._beside[name]
        worker = turn.world.workers.get(name)
        if worker is None or worker.pid != pid or isinstance(worker.stats, Known):
            return False
        if turn.now - seen_at <= DEAF_AFTER:
            return True
        try:
            self._signaller.signal(name, "TERM")
        except TargetError as error:
            turn.report.failed(worker.fleet, f"{name} is deaf and could not be told to restart: {error}")
            return True
        turn.report.did(f"{name}: told to restart, it cannot be heard since it came up beside an orphan")
        return False


class ThisMachine:
    """The processes that this daemon can see."""

    def __init__(self, processes: Callable[[], Iterator[psutil.Process]] = psutil.process_iter) -> None:
        self._processes = processes

    def orphans(self, nodes: Mapping[str, str], supervised: Iterable[int]) -> list[Orphan]:
        """Find them; see `Machine`."""
        supervised = frozenset(supervised)
        since, server = _present_supervisord(supervised)
        if not server:
            return []
        found = (_orphan(process, nodes, server) for process in self._processes())
        return [each for each in found if each and each.started_at < since and each.pid not in supervised]

    def end(self, orphan: Orphan) -> str:
        """Send it TERM; see `Machine`."""
        try:
            process = psutil.Process(orphan.pid)
            if process.create_time() == orphan.started_at:
                process.terminate()
        except psutil.NoSuchProcess:
            return ""
        except (psutil.Error, OSError) as error:
            return "not permitted" if isinstance(error, psutil.AccessDenied) else str(error)
        return ""


def _present_supervisord(supervised: Iterable[int]) -> tuple[float, str]:
    """When the supervisord that runs now was started, and its address, by what its children know."""
    for pid in supervised:
        try:
            process = psutil.Process(pid)
            parent, server = process.parent(), process.environ().get(_SERVER, "")
            if parent is not None and server:
                return parent.create_time(), server
        except (psutil.Error, OSError):
            continue  # it has ended meanwhile, or is not ours to look at
    return 0.0, ""


def _orphan(process: psutil.Process, nodes: Mapping[str, str], server: str) -> Orphan | None:
    try:
        arguments = process.cmdline()
        if ("-n" not in arguments) or os.getpgid(process.pid) != process.pid:
            return None
        environment = process.environ()
        name = environment.get(_NAME, "")
        is_ours = name in nodes and ("-n", nodes[name]) in pairwise(arguments)
        if is_ours and environment.get(_SERVER) == server:
            return Orphan(name, process.pid, process.create_time())
    except (psutil.Error, OSError):
        pass  # it has ended meanwhile, or is somebody else's
    return None
