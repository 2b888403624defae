"""Orphans: workers that a killed supervisord left behind.

Its successor starts every program again, so each of them runs twice, under one node name: both take tasks,
and remote control reaches now the one and now the other. The one that supervisord runs is kept. The orphan
gets TERM: a warm shutdown, in which it finishes what it runs and hands back the rest. Celery before 5.7 loses
that TERM, since its handler writes first, to a pipe that died with supervisord; so an orphan that still
answers after a while is told through the broker. A worker that came up while the orphan still held their
common mailbox may stay deaf for good (in celery's gevent pool: the mailbox is exclusive, and it asks for it
once). One that is deaf after the orphan has gone is restarted, by TERM too.

A process is an orphan for certain if all of it holds: supervisord gave it the name of a worker of ours and
its own address (`SUPERVISOR_PROCESS_NAME`, `SUPERVISOR_SERVER_URL`), it leads its process group as
supervisord's children do, it was started under that worker's node name, and before the supervisord that runs
now. The worker itself may have left since: its fleet has shrunk.

Source: `supervisor.process.Subprocess.spawn`, supervisor 4.3; `celery.apps.worker`, celery 5.4 to 5.7.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import psutil

from autoscaler.errors import SourceError, TargetError
from autoscaler.model import Known
from autoscaler.model.names import parse_worker_name
from autoscaler.net.deadline import Deadline
from autoscaler.workers.turn import Turn

#: Seconds after an orphan's end in which the worker beside it must be heard.
DEAF_AFTER = 10.0
#: Seconds after which an orphan that was told to end, and still answers, is told again.
TELL_AGAIN = 15.0
#: Seconds in which orphans must answer, in four turns, to be told again.
_ANSWERS = 4.0

_NAME, _SERVER = "SUPERVISOR_PROCESS_NAME", "SUPERVISOR_SERVER_URL"


@dataclass(frozen=True, slots=True)
class Orphan:
    """A worker process without its supervisord."""

    fleet: str
    #: Program name, ``emails-01``.
    worker: str
    #: Celery node name, ``emails-01@host``.
    node: str
    pid: int
    #: Seconds since the epoch; with the pid it names one process for good.
    started_at: float


class Machine(Protocol):
    """The processes of this machine."""

    def orphans(self, fleets: Collection[str], supervised: Collection[int]) -> Iterable[Orphan]:
        """Find the orphans among all processes.

        Parameters
        ----------
        fleets : those whose orphans are looked for.
        supervised : pids of the workers of ours that supervisord runs now.
        """

    def end(self, orphan: Orphan) -> str:
        """Send it TERM; in words why that could not be done, empty if it was."""


class Signaller(Protocol):
    """The part of supervisord's interface that sends signals."""

    def signal(self, name: str, signal: str) -> None: ...


class Mail(Protocol):
    """Remote control, as far as it reaches one of several processes with one node name."""

    def shut_down(self, pids: Mapping[str, int], deadline: Deadline) -> Collection[str]: ...


class Orphans:
    """Finds orphans, tells of them and has them end.

    It looks through the machine only when a worker of ours has a new process, and while there are any.
    """

    def __init__(self, machine: Machine, signaller: Signaller, mail: Mail) -> None:
        self._machine = machine
        self._signaller = signaller
        self._mail = mail
        #: The process that runs beside an orphan, or did, and when the orphan was seen last; by worker name.
        self._beside: dict[str, tuple[int, float]] = {}
        self._supervised: frozenset[int] = frozenset()
        self._left: frozenset[Orphan] = frozenset()
        #: When those that are left were told to end.
        self._told: dict[Orphan, float] = {}

    def advance(self, turn: Turn) -> None:
        """Look, and tell those that are left to end. Workers of a fleet without an order are left alone."""
        workers = {name: each for name, each in turn.world.workers.items() if each.fleet in turn.orders}
        supervised = frozenset(each.pid for each in workers.values() if each.pid is not None)
        if self._left or supervised - self._supervised:
            self._left = frozenset(self._machine.orphans(turn.orders.keys(), supervised))
        self._supervised = supervised
        self._told = {orphan: at for orphan, at in self._told.items() if orphan in self._left}
        for orphan in sorted(self._left, key=lambda each: each.worker):
            beside = workers[orphan.worker].pid if orphan.worker in workers else None
            if beside is not None:
                self._beside[orphan.worker] = beside, turn.now
            self._end(turn, orphan, beside)
        self._tell_again(turn)
        self._beside = {name: each for name, each in self._beside.items() if self._is_open(turn, name)}

    def _end(self, turn: Turn, orphan: Orphan, beside: int | None) -> None:
        what = f"{orphan.worker}: pid {orphan.pid} of an earlier supervisord runs"
        what += f" beside pid {beside}" if beside is not None else " on"
        trouble = f"{what}; it was told to end and finishes its tasks"
        if orphan not in self._told:
            problem = self._machine.end(orphan)
            if problem:
                trouble = f"{what} and cannot be told to end ({problem}): `kill -TERM {orphan.pid}`"
            else:
                self._told[orphan] = turn.now
                turn.report.did(f"{what}: told to finish its tasks and end")
        turn.report.failed(orphan.fleet, trouble)

    def _tell_again(self, turn: Turn) -> None:
        """Tell those through the broker that still answer; one that is about to end answers no more."""
        late = {each.node: each for each, at in self._told.items() if turn.now - at >= TELL_AGAIN}
        if not late:
            return
        self._told |= dict.fromkeys(late.values(), turn.now)
        try:
            pids = {node: each.pid for node, each in late.items()}
            told = self._mail.shut_down(pids, Deadline.within(_ANSWERS))
        except SourceError as error:
            for each in late.values():
                turn.report.failed(each.fleet, f"{each.worker}: pid {each.pid} cannot be told again: {error}")
            return
        for node in sorted(told):
            name, pid = late[node].worker, late[node].pid
            turn.report.did(f"{name}: pid {pid} of an earlier supervisord still answers: told again to end")

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
        #: Known since it was seen to run a worker.
        self._supervisord: _Supervisord | None = None

    def orphans(self, fleets: Collection[str], supervised: Collection[int]) -> list[Orphan]:
        """Find them; see `Machine`."""
        self._supervisord = present = _present_supervisord(supervised) or self._supervisord
        if present is None:
            return []
        found = (_orphan(process, fleets, present) for process in self._processes())
        return [each for each in found if each is not None and each.pid not in supervised]

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


@dataclass(frozen=True, slots=True)
class _Supervisord:
    """The one that runs now, by what its children know."""

    #: Seconds since the epoch.
    started_at: float
    address: str


def _present_supervisord(supervised: Iterable[int]) -> _Supervisord | None:
    for pid in supervised:
        try:
            process = psutil.Process(pid)
            parent, address = process.parent(), process.environ().get(_SERVER, "")
            if parent is not None and address:
                return _Supervisord(parent.create_time(), address)
        except (psutil.Error, OSError):
            continue  # it has ended meanwhile, or is not ours to look at
    return None


def _orphan(process: psutil.Process, fleets: Collection[str], present: _Supervisord) -> Orphan | None:
    """See a process as an orphan, if it is one."""
    try:
        node = next((value for key, value in pairwise(process.cmdline()) if key == "-n"), "")
        if not node or os.getpgid(process.pid) != process.pid:
            return None
        environment, started_at = process.environ(), process.create_time()
    except (psutil.Error, OSError):
        return None  # it has ended meanwhile, or is somebody else's
    if environment.get(_SERVER) != present.address or started_at >= present.started_at:
        return None
    name = environment.get(_NAME, "")
    worker = parse_worker_name(name)
    if worker is None or worker[0] not in fleets or node.partition("@")[0] != name:
        return None
    return Orphan(worker[0], name, node, process.pid, started_at)
