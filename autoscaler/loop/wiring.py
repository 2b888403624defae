"""The composition root: the real sources and the real target, made from a config."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from autoscaler.config import Broker, Config
from autoscaler.errors import TargetError
from autoscaler.model import (
    HostStats,
    Process,
    Reading,
)
from autoscaler.net.celery_control import RemoteControl
from autoscaler.net.management_api import Api, ManagementApi
from autoscaler.observe.beats import Beats
from autoscaler.observe.broker_queues import broker_queues
from autoscaler.observe.celery_workers import CeleryWorkers
from autoscaler.observe.host import host_stats, process_memory
from autoscaler.observe.queues import FallingBack, QueueSource
from autoscaler.observe.rabbitmq import RabbitMQManagement
from autoscaler.observe.sources import Sources
from autoscaler.observe.worker_memory import WorkerMemory
from autoscaler.singletons.actor import SingletonActor
from autoscaler.supervisord.client import Supervisord
from autoscaler.supervisord.process import runs_as_root
from autoscaler.supervisord.program_file import ProgramFile
from autoscaler.supervisord.programs import Programs, StepHook
from autoscaler.workers.carry_out import Actor
from autoscaler.workers.drains import Drains, Journal
from autoscaler.workers.orphans import Orphans, ThisMachine


class ProcessSource(Protocol):
    """Tells what supervisord runs, and starts what an operator released."""

    def processes(self) -> Mapping[str, Process]: ...
    def ended_well(self) -> Collection[int]: ...
    def start(self, name: str) -> None: ...


class SectionFile(Protocol):
    """Our programs file."""

    def read(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class Target:
    """What a tick acts on."""

    file: SectionFile
    supervisord: ProcessSource
    actor: Actor
    singletons: SingletonActor


class Connections:
    """The connections to a config's broker and supervisord; replaced when the config names others."""

    def __init__(self, config: Config) -> None:
        broker = config.broker
        url, options = broker.url.get_secret_value(), broker.transport_options
        self.remote = RemoteControl(url, options)
        self.queues = queue_source(broker)
        self.supervisord = Supervisord(config.supervisord.url.get_secret_value())
        self.beats = Beats()

    def close(self) -> None:
        """Close every connection."""
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


def queue_source(broker: Broker) -> QueueSource:
    """The best source of a broker's queue counts."""
    management = broker.management_url
    api = Api.parse(management.get_secret_value(), broker.vhost) if management else None
    return FallingBack(
        RabbitMQManagement(ManagementApi(api)) if api else None,
        broker_queues(broker.url.get_secret_value(), broker.transport_options),
    )


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
