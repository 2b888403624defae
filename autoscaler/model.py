"""The values that flow through one tick.

    queue counts, worker replies, processes, host  ->  Observation
    Observation + config + memory                  ->  Situation (one a fleet)
    Situation  --decide-->  Decision               (pure)
    Decision   --act-->     steps on supervisord and the workers
    all of it                                      ->  Tick  (stored and shown)

Every value is frozen. Times are seconds since the epoch on the daemon's steady clock (it never
steps back while the daemon runs), durations are seconds, memory is bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

from autoscaler.measured import Measures

T_co = TypeVar("T_co", covariant=True)


# --- readings: a part of the world is known, or it is not ------------------------------------------


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


# --- observed ---------------------------------------------------------------------------------------


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


class ProcessState(StrEnum):
    """supervisord's process states (http://supervisord.org/subprocess.html#process-states)."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    BACKOFF = "BACKOFF"
    STOPPING = "STOPPING"
    EXITED = "EXITED"
    FATAL = "FATAL"
    UNKNOWN = "UNKNOWN"


#: States in which supervisord has no live process for the program.
NOT_ALIVE = frozenset({ProcessState.STOPPED, ProcessState.EXITED, ProcessState.FATAL})


@dataclass(frozen=True, slots=True)
class Process:
    """One program as supervisord sees it (`getAllProcessInfo`)."""

    name: str
    state: ProcessState
    #: None while it has no process.
    pid: int | None = None
    #: When its latest process was started; 0 if never.
    started_at: float = 0.0
    #: Exit status of its latest finished process.
    exit_status: int = 0
    #: supervisord's own words on a failed spawn, else empty.
    spawn_error: str = ""


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


# --- workers ------------------------------------------------------------------------------------------


class WorkerState(StrEnum):
    """The life of a worker: starting -> running -> draining -> stopping -> gone.

    restoring is the way back from draining to running; held and failed wait for somebody.
    """

    #: In our file, but its process has not answered yet since it started.
    STARTING = "starting"
    #: Has answered since its process started (silence later does not change that).
    RUNNING = "running"
    #: Takes no new tasks, finishes what it has.
    DRAINING = "draining"
    #: Drained; TERM was sent, its process has not ended yet or its section is still to be removed.
    STOPPING = "stopping"
    #: Being taken back into service.
    RESTORING = "restoring"
    #: Stopped by an operator; counts towards the fleet's size, is not replaced.
    HELD = "held"
    #: supervisord gave up on it, or it exited for good.
    FAILED = "failed"


#: Seconds that a worker has from its start to its first answer, before its silence means something.
STARTED_WITHIN = 30.0

#: States that count as capacity, now or as soon as they have started.
SERVING = frozenset({WorkerState.STARTING, WorkerState.RUNNING, WorkerState.RESTORING})


@dataclass(frozen=True, slots=True)
class Worker:
    """One Celery worker of ours: its section, its process and its replies seen as one."""

    #: Program name, ``emails-01``.
    name: str
    fleet: str
    #: Celery node name, ``emails-01@host``.
    node: str
    state: WorkerState
    #: When it entered `state`.
    since: float
    pid: int | None
    stats: Reading[WorkerStats]
    #: Its section is not what the config would write now.
    outdated: bool = False
    #: Its present process has answered over remote control, now or earlier.
    answered: bool = False


class DrainPhase(StrEnum):
    """Which way a worker in the drain journal is going."""

    DRAINING = "draining"
    RESTORING = "restoring"


@dataclass(frozen=True, slots=True)
class Drain:
    """One line of the drain journal: this worker is leaving, or on its way back."""

    worker: str
    phase: DrainPhase
    #: When the phase began.
    since: float
    #: Why it has to go, for display.
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SeenWorker:
    """What a worker was when it was seen last; tells a silent worker from one that never answered."""

    name: str
    #: Pid of the process that supervisord had for it.
    pid: int | None
    #: Whether that process has answered over remote control.
    answered: bool
    state: WorkerState
    #: When it entered `state`.
    since: float


# --- settings of one fleet, as the policies and limits need them -------------------------------------


@dataclass(frozen=True, slots=True)
class Threshold:
    """Step up after demand was above `up`, step down after it was below `down`."""

    #: Tasks; `down` < `up`.
    up: int
    down: int
    #: Workers a step, >= 1.
    step: int
    #: Seconds that demand must stay above `up` (below `down`).
    up_after: float
    down_after: float


@dataclass(frozen=True, slots=True)
class BacklogPerWorker:
    """One worker for so many tasks."""

    #: Tasks a worker, > 0.
    target: float


@dataclass(frozen=True, slots=True)
class MaxWait:
    """A task should start within so many seconds."""

    #: Seconds from publishing to starting, > 0.
    wait: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """At least so many workers for a while after each time that a cron expression names."""

    #: Five fields, as crontab(5) has them.
    cron: str
    #: Seconds that it lasts from each of these times on, > 0.
    lasts: float
    #: Workers.
    min_workers: int
    #: IANA name of the time zone that `cron` is meant in, e.g. ``Europe/Berlin``.
    timezone: str = "UTC"


PolicySettings: TypeAlias = Threshold | BacklogPerWorker | MaxWait | Schedule


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many workers within so many seconds."""

    workers: int
    period: float


@dataclass(frozen=True, slots=True)
class Fallback:
    """The size to grow to when demand has been unknown for `after` seconds."""

    workers: int
    after: float


@dataclass(frozen=True, slots=True)
class Scaling:
    """What a fleet's decision is bound by."""

    min_workers: int
    max_workers: int
    #: Slots a worker.
    concurrency: int
    policies: tuple[PolicySettings, ...] = ()
    #: Seconds; a fleet shrinks to the highest recommendation of the last so many seconds.
    stabilization: float = 60.0
    #: Share by which demand may miss the target before a ratio policy changes anything, 0..1.
    tolerance: float = 0.1
    max_scale_up: Rate | None = None
    max_scale_down: Rate | None = None
    fallback: Fallback | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """What an operator ordered for a fleet: pause it, or keep it at a size."""

    #: None: paused, the size stays as it is.
    workers: int | None
    #: Who and why, for display.
    by: str = ""
    reason: str = ""
    since: float = 0.0
    #: None: until released.
    until: float | None = None


# --- deciding ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Demand:
    """Tasks of one fleet that are to be done now; not the ETA tasks that are not due.

    A lower bound when anything is unknown: a fleet may grow on it and never shrinks.
    """

    #: Tasks in the broker's queues, this fleet's share where others read them too.
    ready: float
    #: Tasks that this fleet's workers hold but have not started.
    reserved: int
    #: Tasks that this fleet's workers are running.
    running: int
    #: What could not be seen, in words; empty when everything could.
    unknown: tuple[str, ...] = ()

    @property
    def waiting(self) -> float:
        """Tasks that could start now if there were slots."""
        return self.ready + self.reserved

    @property
    def complete(self) -> bool:
        """Whether nothing is missing in it."""
        return not self.unknown


@dataclass(frozen=True, slots=True)
class Reason:
    """One step of the way from what was seen to what was decided."""

    #: Short and stable, e.g. ``threshold``, ``max_workers``, ``unknown``; a metric label.
    code: str
    #: A sentence with its numbers.
    text: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What one policy would have."""

    #: The policy's key in the config.
    policy: str
    workers: int
    text: str


@dataclass(frozen=True, slots=True)
class ThresholdMemory:
    """Since when demand has been above `up` or below `down`, at which size."""

    size: int
    above_since: float | None = None
    below_since: float | None = None


@dataclass(frozen=True, slots=True)
class FleetMemory:
    """What a decision remembers for the next one; small, serializable, survives restarts."""

    #: The size decided last; None before the first decision.
    size: int | None = None
    threshold: ThresholdMemory | None = None
    #: (time, recommended size) pairs that can still be the highest of the stabilization window.
    recommended: tuple[tuple[float, int], ...] = ()
    #: (time, decided size) at each change, as far back as the rate limits look.
    sizes: tuple[tuple[float, int], ...] = ()
    #: Since when demand has been incomplete.
    unknown_since: float | None = None
    #: When workers of this fleet ended that nobody had told to; as far back as the crash-loop limit looks.
    crashes: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class HostBudget:
    """What the host has left for starting workers."""

    #: Bytes above the reserve; None: unknown.
    memory_spare: int | None
    #: Bytes that one worker of this fleet takes, measured; None before the first measurement.
    memory_per_worker: int | None


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision about one fleet may depend on, beside its memory."""

    now: float
    fleet: str
    scaling: Scaling
    demand: Demand
    #: Every worker of the fleet, in any state.
    workers: tuple[Worker, ...]
    host: HostBudget
    hold: Hold | None = None
    #: What was measured up to this tick, this tick included.
    measures: Measures = field(default_factory=Measures)


@dataclass(frozen=True, slots=True)
class Decision:
    """What should be, and why."""

    fleet: str
    at: float
    #: Serving and held workers when it was taken.
    current: int
    #: Highest recommendation, before any limit; None when no policy had one.
    recommended: int | None
    #: Serving and held workers that there should be.
    desired: int
    #: Never empty, in the order in which they acted.
    reasons: tuple[Reason, ...]
    recommendations: tuple[Recommendation, ...]
    demand: Demand
    #: New workers to start.
    start: int = 0
    #: Draining workers to take back, by name.
    restore: tuple[str, ...] = ()
    #: Workers to drain, by name, in this order.
    drain: tuple[str, ...] = ()


# --- the tick --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FleetTick:
    """One fleet in one tick."""

    name: str
    scaling: Scaling
    #: Queues it reads.
    queues: tuple[str, ...]
    #: None when the processes could not be seen.
    workers: tuple[Worker, ...] | None
    #: None when the processes could not be seen, so that nothing could be decided.
    decision: Decision | None
    #: Why the decision could not be carried out, or none could be taken; empty when all went well.
    trouble: str = ""
    #: Decided and told, but not carried out.
    dry_run: bool = False
    #: What the decision was taken on, and with; None where there is none.
    situation: Situation | None = None
    memory: FleetMemory | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Everything that one tick saw, decided and did."""

    at: float
    #: Seconds that it took.
    duration: float
    observation: Observation
    fleets: tuple[FleetTick, ...]
    #: What the steps did, in words.
    actions: tuple[str, ...] = ()
    #: The latest config file's problems when the last good one is still in use.
    config_problems: tuple[str, ...] = field(default=())
