"""Workers: their states, and what is remembered of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from autoscaler.model.holds import WorkerHold
from autoscaler.model.observed import Reading, WorkerStats


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
    #: Stopped by an operator, or drained by an operator's order; counts towards the size, is not replaced.
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
    #: The operator's order that takes it out of service.
    hold: WorkerHold | None = None
    #: supervisord's own words on why it does not run; empty where it has none.
    failure: str = ""


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
    #: The process that it began with; None: it had none then, or nobody knows.
    pid: int | None = None


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
