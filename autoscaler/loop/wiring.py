"""The sources and the target of a tick: their interfaces, and the real ones made from a config."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from autoscaler.config import Config
from autoscaler.errors import TargetError
from autoscaler.model import (
    Beat,
    HostStats,
    Process,
    Reading,
    WorkerStats,
)
from autoscaler.net.celery_control import RemoteControl
from autoscaler.net.deadline import Deadline
from autoscaler.net.management_api import Api, ManagementApi
from autoscaler.observe.beats import Beats, no_beats
from autoscaler.observe.celery_workers import CeleryWorkers
from autoscaler.observe.host import host_stats, process_memory
from autoscaler.observe.kombu_queues import KombuQueues
from autoscaler.observe.queues import FallingBack, QueueSource
from autoscaler.observe.rabbitmq import RabbitMQManagement
from autoscaler.observe.worker_memory import WorkerMemory
from autoscaler.singletons.actor import SingletonActor
from autoscaler.supervisord.client import Supervisord
from autoscaler.supervisord.process import runs_as_root
from autoscaler.supervisord.program_file import ProgramFile
from autoscaler.supervisord.programs import Programs, StepHook
from autoscaler.workers.carry_out import Actor
from autoscaler.workers.drains import Drains, Journal
from autoscaler.workers.orphans import Orphans, ThisMachine


class WorkerSource(Protocol):
    """Asks the workers what they do."""

    def inspect(
        self,
        nodes: Collection[str],
        deadline: Deadline,
        *,
        queues_of: Collection[str] | None,
        awaited: Collection[str] | None,
        patience: float,
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
        api = Api.parse(management.get_secret_value(), broker.vhost) if management else None
        self.queues = FallingBack(
            RabbitMQManagement(ManagementApi(api)) if api else None, KombuQueues(url, options)
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
        workers=CeleryWorkers(connections.remote),
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
