"""The states of a worker, and each next step, as pure functions.

                       answers               chosen to go            nothing left to do
    starting ────────────────────► running ───────────────► draining ──────────────────► stopping ──► gone
       ▲  └──────────────────────────────────────────────────►  │
       │                              ▲                         │ load returns
       │ supervisord restarts it      └────── restoring ◄───────┘
    failed (supervisord gave up)                            held (an operator stopped it)

Nothing here is stored: a state follows from supervisord's process, the drain journal and whether the
process has ever answered, so a daemon that was killed sees the same states when it is back.
"""

from __future__ import annotations

from enum import StrEnum

from autoscaler.model import (
    DOWN,
    Drain,
    DrainPhase,
    Known,
    Process,
    ProgramState,
    Reading,
    SeenWorker,
    Unknown,
    Worker,
    WorkerHold,
    WorkerState,
    WorkerStats,
)

#: Seconds after which a worker that was told to stop and still answers is told again.
STOP_AGAIN_AFTER = 5.0


def state_of(
    process: Process | None, drain: Drain | None, answered: bool, *, ordered_out: bool = False
) -> WorkerState:
    """Tell a worker's state.

    Parameters
    ----------
    process : what supervisord has for it; None while it does not know the program.
    drain : its line in the drain journal, if any.
    answered : whether this very process has answered over remote control.
    ordered_out : whether an operator had it taken out of service.
    """
    if drain is not None:
        return _state_of_leaving(process, drain)
    if process is None:
        return WorkerState.STARTING  # written, not yet added
    match process.state:
        case ProgramState.STOPPED if process.unborn:
            return WorkerState.STARTING  # added, not yet spawned
        case ProgramState.STOPPED | ProgramState.STOPPING:
            return WorkerState.HELD  # we stop none without a line in the journal
        case ProgramState.FAILED:
            return WorkerState.HELD if ordered_out else WorkerState.FAILED
        case ProgramState.RUNNING | ProgramState.STARTING if answered:
            return WorkerState.RUNNING  # it works, also within supervisord's startsecs
    return WorkerState.STARTING


def _state_of_leaving(process: Process | None, drain: Drain) -> WorkerState:
    if drain.phase is DrainPhase.RESTORING and process is not None:
        return _state_of_returning(process)
    if process is None or process.state in DOWN or process.state is ProgramState.STOPPING:
        return WorkerState.STOPPING
    return WorkerState.DRAINING


def _state_of_returning(process: Process) -> WorkerState:
    match process.state:
        case ProgramState.STOPPED | ProgramState.STOPPING:
            return WorkerState.HELD  # nobody of us stops one that is on its way back
        case ProgramState.FAILED:
            return WorkerState.FAILED
    return WorkerState.RESTORING


def has_answered(seen: SeenWorker | None, process: Process | None, stats: Reading[WorkerStats]) -> bool:
    """Tell whether the worker's present process has answered, now or earlier."""
    if process is None or process.pid is None:
        return False
    if isinstance(stats, Known):
        return True
    return seen is not None and seen.answered and seen.pid == process.pid


def view(
    now: float,
    *,
    name: str,
    fleet: str,
    node: str,
    process: Process | None,
    drain: Drain | None,
    seen: SeenWorker | None,
    stats: Reading[WorkerStats],
    outdated: bool,
    hold: WorkerHold | None = None,
) -> Worker:
    """See a worker's section, process, journal line and replies as one."""
    stats = _own(stats, process)
    answered = has_answered(seen, process, stats)
    state = state_of(process, drain, answered, ordered_out=hold is not None)
    since = seen.since if seen is not None and seen.state is state else now
    pid = process.pid if process is not None else None
    return Worker(name, fleet, node, state, since, pid, stats, outdated, answered, hold, _failure(process))


def _failure(process: Process | None) -> str:
    """supervisord's words on a start that failed, while there is no other."""
    if process is None or process.state not in {ProgramState.RETRYING, ProgramState.FAILED}:
        return ""
    return process.failure


def _own(stats: Reading[WorkerStats], process: Process | None) -> Reading[WorkerStats]:
    """What a worker's own process says; another one that answers in its name tells nothing about it."""
    if not isinstance(stats, Known) or process is None or stats.value.pid == process.pid:
        return stats
    text = (
        f"pid {stats.value.pid} answers as {stats.value.node}, but supervisord runs pid {process.pid}: an "
        "orphan of an earlier supervisord (end it with TERM), or a start script that does not `exec` celery"
    )
    return Unknown(text, stats.at)


def remember(worker: Worker) -> SeenWorker:
    """What to remember of a worker for the next tick."""
    return SeenWorker(worker.name, worker.pid, worker.answered, worker.state, worker.since)


def has_crashed(seen: SeenWorker | None, process: Process | None, drain: Drain | None) -> bool:
    """Tell whether a worker has crashed since it was seen last, as far as supervisord's states tell.

    supervisord restarts a program that ends after `startsecs` for ever, so its own states do not tell: a new
    pid does. It forgets the exit status as it starts the next process, so that a clean end by itself and a
    restart by hand count too, unless they are seen between the two; its log can tell. One that was stopped by
    hand was held in between, and a new supervisord knows of no process that has ended.
    """
    if seen is None or process is None or drain is not None:
        return False
    # One that is held has ended before, and stays given up on for as long as it is held.
    ended = seen.state in {WorkerState.FAILED, WorkerState.HELD}
    gave_up = process.state is ProgramState.FAILED and not ended
    replaced = seen.pid is not None and process.pid != seen.pid and seen.state is not WorkerState.HELD
    by_itself = process.exit_status != 0 or (process.pid is not None and process.ended_at > 0)
    return gave_up or (replaced and by_itself)


class Step(StrEnum):
    """What a worker in the drain journal needs next."""

    WAIT = "wait"
    #: Make it stop taking tasks.
    CANCEL = "cancel"
    #: Stop its process: it has nothing left to do.
    STOP = "stop"
    #: Send TERM again: it was told to stop and still answers.
    STOP_AGAIN = "stop again"
    #: Its drain takes too long: send TERM, past supervisord's stop, which would kill it in the end.
    STOP_OVERDUE = "stop, overdue"
    #: Its process has ended: take its section out.
    REMOVE = "remove"
    #: Its process has ended, and an operator wants to have it back some time: leave its section.
    PUT_AWAY = "put away"
    #: Its process began during the drain and has not answered: send TERM, past supervisord's stop. That stop
    #: would kill in the end a process that may be busy.
    TERMINATE = "terminate"
    #: Make it take tasks again.
    CONSUME = "consume"
    #: It takes tasks again: strike it from the journal.
    FORGET = "forget"


def next_step(
    now: float, worker: Worker, drain: Drain, process: Process | None, queues: frozenset[str]
) -> Step:
    """Tell what a worker in the journal needs next.

    A worker asked for its queues, then for its tasks, answers in that order. So one answer with no queue, no
    active and no reserved task means that nothing can come to it any more. ETA tasks do not count: they go
    back to the broker at TERM.

    Parameters
    ----------
    queues : those that its fleet reads.
    """
    if process is None:
        return Step.REMOVE
    if drain.phase is DrainPhase.RESTORING:
        return _next_step_back(worker.stats, process, queues)
    match process.state:
        case ProgramState.STOPPED | ProgramState.FAILED:
            return Step.REMOVE if worker.hold is None else Step.PUT_AWAY
        case ProgramState.STOPPING:
            # A TERM in the first milliseconds of a process is swallowed by the handler that it inherits
            # from supervisord; it would work on until it is killed. One that shuts down does not answer.
            deaf = isinstance(worker.stats, Known) and now - worker.since > STOP_AGAIN_AFTER
            return Step.STOP_AGAIN if deaf else Step.WAIT
        case ProgramState.RETRYING:
            return Step.STOP  # between two spawns there is no process that could be busy
        case ProgramState.ENDED:
            return Step.WAIT  # supervisord is about to start it again
    if is_another(process, drain) and worker.state is WorkerState.DRAINING and not worker.answered:
        # The worker has crashed since: its new process knows nothing of the drain. Silence does not say
        # whether the process is starting or runs a task in a pool that cannot answer (solo).
        return Step.TERMINATE
    return _next_step_out(worker.stats)


def is_another(process: Process, drain: Drain) -> bool:
    """Tell whether the process that a drain began with has ended since. By pid: a clock may be set back."""
    return None not in {drain.pid, process.pid} and drain.pid != process.pid


def _next_step_out(stats: Reading[WorkerStats]) -> Step:
    match stats:
        case Unknown() | Known(value=WorkerStats(queues=None)):
            return Step.CANCEL  # waits in its mailbox until it listens
        case Known(value=value) if value.queues:
            return Step.CANCEL
        case Known(value=value) if value.busy:
            return Step.WAIT
    return Step.STOP


def _next_step_back(stats: Reading[WorkerStats], process: Process, queues: frozenset[str]) -> Step:
    if process.state in DOWN or process.state is ProgramState.STOPPING:
        return Step.FORGET  # an operator stopped it: it is held now
    if isinstance(stats, Known) and stats.value.queues is not None and stats.value.queues >= queues:
        return Step.FORGET
    return Step.CONSUME


def is_overdue(now: float, drain: Drain, drain_timeout: float) -> bool:
    """Tell whether a drain takes longer than it should."""
    return drain.phase is DrainPhase.DRAINING and now - drain.since > drain_timeout


def overdue(now: float, worker: Worker, drain: Drain, drain_timeout: float, *, stops: bool = False) -> str:
    """Say that a drain takes longer than it should, and why; empty while it does not.

    Parameters
    ----------
    stops : whether such a worker is told to stop.
    """
    if not is_overdue(now, drain, drain_timeout):
        return ""
    lasted = now - drain.since
    why = "is still busy; it is left to finish"
    if stops:
        why = "was told to stop; it finishes what it runs"
    elif isinstance(worker.stats, Unknown):
        why = f"does not answer ({worker.stats.error}); `supervisorctl stop {drain.worker}` ends it"
    text = f"has been draining for {lasted:.0f} s (drain_timeout {drain_timeout:.0f} s) and {why}"
    return f"{drain.worker} {text}"
