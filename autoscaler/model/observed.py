"""The observation: readings, known or unknown, of queues, workers, processes and the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from autoscaler.model.programs import Process

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Known(Generic[T_co]):
    """What a source said."""

    value: T_co
    #: When it was true, as far as the source can tell.
    at: float


@dataclass(frozen=True, slots=True)
class Unknown:
    """What a source could not say. Unknown is not zero, and silent is not dead."""

    #: Why, in words for an operator; never holds a password.
    error: str
    #: When it was tried.
    at: float


Reading: TypeAlias = Known[T_co] | Unknown


@dataclass(frozen=True, slots=True)
class QueueStats:
    """One queue as the broker counts it."""

    name: str
    #: Messages that wait in the broker.
    ready: int
    #: Messages that consumers hold; None where the source cannot tell (passive declare).
    unacknowledged: int | None = None
    #: Consumers on the queue; None where the source cannot tell.
    consumers: int | None = None


@dataclass(frozen=True, slots=True)
class ActiveTask:
    """One task that a worker is running now."""

    id: str
    #: Task name, e.g. ``shop.tasks.send``.
    name: str
    #: When it started; None where the worker did not say.
    started_at: float | None = None
    #: False while its message is still unacknowledged (late ack).
    acknowledged: bool = True


@dataclass(frozen=True, slots=True)
class WorkerStats:
    """One Celery worker as it describes itself over remote control."""

    #: Celery node name, ``emails-01@host``.
    node: str
    #: Pid of the parent process.
    pid: int
    #: Tasks that it can run at once (pool size), >= 1.
    slots: int
    #: Tasks accepted since it started, by all names together.
    accepted: int
    active: tuple[ActiveTask, ...] = ()
    #: Tasks it holds, due now, but has not started.
    reserved: int = 0
    #: Tasks it holds whose ETA has not come.
    scheduled: int = 0
    #: Queues that it takes tasks from now; None where it was not asked or did not say.
    queues: frozenset[str] | None = None

    @property
    def busy(self) -> bool:
        """Whether it has anything left to do that is due."""
        return bool(self.active) or self.reserved > 0


@dataclass(frozen=True, slots=True)
class HostStats:
    """The machine that supervisord and its workers run on."""

    #: Bytes that can be given to new processes without swapping.
    memory_available: int
    memory_total: int


@dataclass(frozen=True, slots=True)
class Observation:
    """All that was seen in one tick."""

    at: float
    #: By queue name.
    queues: Mapping[str, Reading[QueueStats]]
    #: By node name; a node that did not answer in time is unknown.
    workers: Mapping[str, Reading[WorkerStats]]
    #: By program name, foreign programs included.
    processes: Reading[Mapping[str, Process]]
    host: Reading[HostStats]

    @property
    def unknown(self) -> dict[str, str]:
        """Why each part that could not be seen could not; a silent worker is its fleet's matter."""
        parts: dict[str, Reading[object]] = {"supervisord": self.processes, "host": self.host}
        parts |= {f"queue {name}": reading for name, reading in self.queues.items()}
        return {part: reading.error for part, reading in parts.items() if isinstance(reading, Unknown)}
