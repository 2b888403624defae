"""What a tick looks at and acts on, as interfaces and as the real things made from a config."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from autoscaler.act.actor import Actor
from autoscaler.act.celery_program import celery_program
from autoscaler.act.drains import Drains, Journal
from autoscaler.act.orphans import Orphans, ThisMachine
from autoscaler.act.program_file import Program, ProgramFile
from autoscaler.act.programs import Programs
from autoscaler.act.singleton_actor import SingletonActor
from autoscaler.act.singleton_program import singleton_program as _singleton_program
from autoscaler.act.supervisord import Supervisord
from autoscaler.act.turn import StepHook
from autoscaler.config import Config, Fleet, Singleton
from autoscaler.errors import TargetError
from autoscaler.model import (
    Beat,
    Drain,
    Hold,
    HostStats,
    Process,
    QueueStats,
    Reading,
    WorkerHold,
    WorkerStats,
)
from autoscaler.observe.beats import Beats, no_beats
from autoscaler.observe.celery_workers import CeleryWorkers
from autoscaler.observe.host import host_stats, process_memory
from autoscaler.observe.kombu_queues import KombuQueues
from autoscaler.observe.queues import FallingBack
from autoscaler.observe.rabbitmq import RabbitMQManagement
from autoscaler.observe.supervisord_process import runs_as_root
from autoscaler.observe.worker_memory import WorkerMemory
from autoscaler.remote_control import RemoteControl

#: Seconds that workers have for their answers; silence is unknown after that.
WORKERS_DEADLINE = 1.0


class QueueSource(Protocol):
    """Tells what waits in the queues."""

    def queues(self, names: Collection[str]) -> Mapping[str, Reading[QueueStats]]: ...
    def close(self) -> None: ...


class WorkerSource(Protocol):
    """Tells what the workers do."""

    def inspect(
        self,
        nodes: Collection[str],
        queues_of: Collection[str] | None = None,
        *,
        awaited: Collection[str] | None = None,
    ) -> Mapping[str, Reading[WorkerStats]]: ...


class MemoryMeter(Protocol):
    """Tells what one worker of a fleet takes."""

    def per_worker(self, now: float, fleet: str, pids: list[int]) -> int | None: ...


class ProcessSource(Protocol):
    """Tells what supervisord runs, and starts what an operator released."""

    def processes(self) -> Mapping[str, Process]: ...
    def ended_well(self) -> Collection[int]: ...
    def start(self, name: str) -> None: ...


class SectionFile(Protocol):
    """Our programs file."""

    def read(self) -> Mapping[str, str]: ...


class HoldStore(Protocol):
    """The store, as far as holds need it."""

    def holds(self) -> dict[str, Hold]: ...
    def put_hold(self, fleet: str, hold: Hold) -> None: ...
    def note_hold(self, fleet: str, hold: Hold) -> None: ...
    def delete_holds(self, fleets: Iterable[str]) -> None: ...
    def worker_holds(self) -> dict[str, WorkerHold]: ...
    def put_worker_hold(self, hold: WorkerHold) -> None: ...
    def note_worker_hold(self, hold: WorkerHold) -> None: ...
    def delete_worker_holds(self, workers: Iterable[str]) -> None: ...
    def put_away(self, workers: Iterable[str]) -> None: ...
    def put_drain(self, drain: Drain) -> None: ...


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a tick looks."""

    queues: QueueSource
    workers: WorkerSource
    host: Callable[[float], Reading[HostStats]]
    memory: MemoryMeter
    #: The celery beats of this machine, anybody's.
    beats: Callable[[float], tuple[Beat, ...]] = no_beats


@dataclass(frozen=True, slots=True)
class Target:
    """What a tick acts on."""

    file: SectionFile
    supervisord: ProcessSource
    actor: Actor
    singletons: SingletonActor


class Connections:
    """The connections to a config's broker and supervisord; made anew when the config names others."""

    def __init__(self, config: Config) -> None:
        broker = config.broker
        url, options = broker.url.get_secret_value(), broker.transport_options
        management = broker.management_url
        self.remote = RemoteControl(url, options)
        self.queues = FallingBack(
            RabbitMQManagement(management.get_secret_value(), broker.vhost) if management else None,
            KombuQueues(url, options),
        )
        self.supervisord = Supervisord(config.supervisord.url.get_secret_value())
        self.beats = Beats()

    def close(self) -> None:
        """Let go of every connection."""
        self.queues.close()
        self.remote.close()

    def host(self, now: float) -> Reading[HostStats]:
        """What the machine has left for what supervisord starts, within supervisord's own memory limit."""
        try:
            pid = self.supervisord.identity().pid
        except TargetError:
            pid = None
        return host_stats(now, cgroup_of=pid)

    def runs_as_root(self) -> bool | None:
        """Whether supervisord is root's; None where it cannot be told."""
        try:
            return runs_as_root(self.supervisord.identity().pid)
        except TargetError:
            return None


def sources(connections: Connections) -> Sources:
    """The real sources: a broker, its workers, and this machine."""
    return Sources(
        queues=connections.queues,
        workers=CeleryWorkers(connections.remote, deadline=WORKERS_DEADLINE),
        host=connections.host,
        memory=WorkerMemory(process_memory),
        beats=connections.beats,
    )


def target(config: Config, connections: Connections, journal: Journal, on_step: StepHook) -> Target:
    """The real target: a supervisord with our programs file, and the broker's workers."""
    supervisord = connections.supervisord
    file = ProgramFile(config.supervisord.programs_file)
    drains = Drains(journal, supervisord, connections.remote, on_step)
    programs = Programs(file, supervisord, on_step)
    orphans = Orphans(ThisMachine(), supervisord, connections.remote)
    return Target(
        file,
        supervisord,
        Actor(drains, programs, orphans, connections.runs_as_root),
        SingletonActor(file, supervisord, programs, on_step, connections.runs_as_root),
    )


def worker_program(config: Config, fleet: Fleet, worker: str, host_name: str) -> Program:
    """The program that runs one worker of a fleet on this machine.

    Raises
    ------
    ProgramFileError : a value cannot be written for Celery or supervisord.
    """
    return celery_program(fleet, worker, node_name(worker, host_name), _default_log_dir(config))


def singleton_program(config: Config, singleton: Singleton) -> Program:
    """The program that runs a singleton."""
    return _singleton_program(singleton, _default_log_dir(config))


def log_folder(config: Config, fleet: Fleet | Singleton) -> Path:
    """The folder that a fleet's workers, or a singleton, log to."""
    return fleet.log_dir or _default_log_dir(config)


def _default_log_dir(config: Config) -> Path:
    return config.state_dir / "log"


def node_name(worker: str, host_name: str) -> str:
    """Celery's name for a worker: ``emails-01@host``."""
    return f"{worker}@{host_name}"


def local_host_name() -> str:
    """This machine's name, as it stands in the workers' node names."""
    return socket.gethostname()
