"""The states of a singleton, and each next step, as pure functions.

                 supervisord's startsecs           its settings change, or it is taken out
    starting ───────────────────────────► running ───────────────────────────────────────► stopping ──► gone,
       ▲  ▲                                  │                                               or started anew
       │  └── supervisord restarts it ◄──────┤ dies
       └───────────── resting ◄──────────────┘ dies again and again
                                            held (an operator stopped it)

supervisord restarts what dies, also while no daemon runs. It does that for ever and at once after
`startsecs`, and gives up before: both is mended by a rest, in which the program is stopped or given up on.

What cannot be seen in the file and in supervisord stands in a `SingletonRecord`, which is written down before
the step is taken: a daemon that was killed finds whether it or an operator has stopped a program.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from autoscaler.model import DOWN, Process, ProgramState, SingletonRecord, SingletonState

#: Deaths of a streak from which on it rests before the next start.
DEATHS_OF_A_LOOP = 3
#: Seconds of the first rest; doubles with each further death.
REST = 10.0
LONGEST_REST = 300.0
#: Seconds without a death that end a streak; longer than any rest.
STREAK = 600.0
#: Deaths that are remembered; the longest rest is reached before.
_KEPT_DEATHS = 20

#: States that a program does not leave by itself.


class SingletonStep(StrEnum):
    """What a singleton needs next."""

    WAIT = "wait"
    #: Write its section, and have supervisord add what is written.
    ADD = "add"
    #: See that supervisord takes its new settings, before anything is stopped for them.
    TRY = "try"
    #: Send its process the stop signal.
    STOP = "stop"
    #: Its process has ended: take its section out, and add it with its new settings if it has any.
    REMOVE = "remove"
    #: Start its process: it was stopped by us, or supervisord gave up on it.
    START = "start"


@dataclass(frozen=True, slots=True)
class Look:
    """One singleton as it is and as it should be."""

    #: What supervisord has for it; None while it does not know the program.
    process: Process | None
    #: Its section in our file, and the one that the config wants; None where there is none.
    written: str | None
    wanted: str | None
    #: Whether supervisord has taken `wanted` on trial.
    tried: bool = False

    @property
    def outdated(self) -> bool:
        """Whether its section is not what the config wants."""
        return self.written != self.wanted

    @property
    def ended(self) -> bool:
        """Whether its process has ended and does not come back by itself."""
        return self.process is not None and self.process.state in DOWN and not self.unborn

    @property
    def unborn(self) -> bool:
        """Whether supervisord has it and has not started it yet."""
        return self.process is not None and self.process.unborn


def advance(now: float, before: SingletonRecord, look: Look) -> tuple[SingletonRecord, SingletonStep]:
    """Tell what a singleton needs next, and what to write down before that is done.

    Parameters
    ----------
    before : its memory of the tick before.
    """
    memory = _counted(now, before, look)
    memory, step = _next(now, memory, look)
    state = state_of(memory, look)
    since = before.since if before.state is state else now
    pid = look.process.pid if look.process is not None else None
    return replace(memory, pid=pid, state=state, since=since), step


def state_of(memory: SingletonRecord, look: Look) -> SingletonState:
    """Tell a singleton's state."""
    process = look.process
    if process is None or (look.written is None and not memory.leaving):
        return SingletonState.STARTING if look.written is not None else SingletonState.MISSING
    if memory.leaving and process.pid is None:
        return SingletonState.STOPPING
    if memory.rest_until is not None or process.state is ProgramState.FAILED:
        return SingletonState.RESTING
    if process.state is ProgramState.STOPPING or (look.ended and process.state is ProgramState.STOPPED):
        # We stop none without writing it down.
        return SingletonState.STOPPING if memory.leaving else SingletonState.HELD
    return SingletonState.RUNNING if process.state is ProgramState.RUNNING else SingletonState.STARTING


# --- deaths -------------------------------------------------------------------------------------------------


def _counted(now: float, memory: SingletonRecord, look: Look) -> SingletonRecord:
    """Count a death since the last look, and let it rest if there were too many."""
    process = look.process
    if process is None or look.written is None or memory.leaving or not _has_died(memory, process):
        return memory
    streak = memory.deaths if memory.deaths and now - memory.deaths[-1] < STREAK else ()
    deaths = (*streak, now)[-_KEPT_DEATHS:]
    memory = replace(memory, deaths=deaths, died_with=process.started_at)
    rest = rest_after(len(deaths), gave_up=process.state is ProgramState.FAILED)
    return replace(memory, rest_until=now + rest if rest else None, rest_pid=process.pid)


def _has_died(memory: SingletonRecord, process: Process) -> bool:
    """Whether supervisord gave up on it, or its process ended badly and nobody had told it to."""
    if process.state is ProgramState.FAILED:
        return process.started_at != memory.died_with
    if memory.rest_until is not None or process.state in {ProgramState.STOPPED, ProgramState.STOPPING}:
        return False
    return memory.pid is not None and process.pid != memory.pid and process.exit_status != 0


def rest_after(deaths: int, *, gave_up: bool = False) -> float:
    """Seconds to rest after so many deaths of a streak; 0: supervisord restarts it at once.

    Parameters
    ----------
    gave_up : supervisord does not start it again by itself.
    """
    if deaths < DEATHS_OF_A_LOOP:
        return REST if gave_up else 0.0
    return min(REST * 2.0 ** (deaths - DEATHS_OF_A_LOOP), LONGEST_REST)


# --- steps --------------------------------------------------------------------------------------------------


def _next(now: float, memory: SingletonRecord, look: Look) -> tuple[SingletonRecord, SingletonStep]:
    if look.process is None:
        return _next_absent(memory, look)
    if look.written is None:
        return _next_unwritten(memory, look, look.process)
    if look.outdated:
        return _next_outdated(memory, look, look.process)
    if memory.leaving:
        return _next_returning(memory, look, look.process)
    return _next_resting(now, memory, look, look.process)


def _next_absent(memory: SingletonRecord, look: Look) -> tuple[SingletonRecord, SingletonStep]:
    """supervisord does not know it."""
    memory = replace(memory, leaving=False, rest_until=None)
    if look.written is not None and look.outdated:
        return memory, SingletonStep.REMOVE  # a crash came between writing and adding it
    return memory, SingletonStep.ADD if look.wanted is not None else SingletonStep.WAIT


def _next_unwritten(
    memory: SingletonRecord, look: Look, process: Process
) -> tuple[SingletonRecord, SingletonStep]:
    """supervisord knows it, and it is not in our file."""
    if memory.leaving and process.pid is None:
        return memory, SingletonStep.REMOVE  # a crash came between rewriting the file and removing it
    if memory.leaving:  # and somebody has started it in between
        stops = process.state is not ProgramState.STOPPING
        return memory, SingletonStep.STOP if stops else SingletonStep.WAIT
    # Somebody else's, or ours whose section somebody took out: adding it is refused, and says which.
    step = SingletonStep.ADD if look.wanted is not None else SingletonStep.WAIT
    return replace(memory, leaving=False, rest_until=None), step


def _next_outdated(
    memory: SingletonRecord, look: Look, process: Process
) -> tuple[SingletonRecord, SingletonStep]:
    """It is to go, or to be started with other settings: stop it, see it stopped, then take it out."""
    stopped_by_hand = process.state is ProgramState.STOPPED and not memory.leaving and not memory.rest_until
    if stopped_by_hand and not look.unborn and look.wanted is not None:
        return memory, SingletonStep.WAIT  # it gets its new settings once it is started
    # What made it die may be gone with the old settings.
    leaving = replace(memory, leaving=True, rest_until=None, deaths=())
    if look.wanted is not None and not memory.leaving and not look.tried:
        return memory, SingletonStep.TRY
    if process.state in DOWN:
        return leaving, SingletonStep.REMOVE
    if process.state is ProgramState.STOPPING:
        return memory, SingletonStep.WAIT
    return leaving, SingletonStep.STOP


def _next_returning(
    memory: SingletonRecord, look: Look, process: Process
) -> tuple[SingletonRecord, SingletonStep]:
    """The edit that it was stopped for has been taken back."""
    if look.ended:
        return memory, SingletonStep.START
    if process.state is ProgramState.STOPPING:
        return memory, SingletonStep.WAIT
    return replace(memory, leaving=False), SingletonStep.WAIT


def _next_resting(
    now: float, memory: SingletonRecord, look: Look, process: Process
) -> tuple[SingletonRecord, SingletonStep]:
    """Keep it stopped until its rest is over; one that runs as another process was started by hand."""
    if memory.rest_until is None:
        return memory, SingletonStep.WAIT
    # The clock of a daemon that was started anew may be another one.
    until = min(memory.rest_until, now + LONGEST_REST)
    memory, over = replace(memory, rest_until=until), now >= until
    if look.ended:
        return memory, SingletonStep.START if over else SingletonStep.WAIT
    if process.state in {ProgramState.STOPPING, ProgramState.ENDED}:
        return memory, SingletonStep.WAIT
    if over or (process.pid is not None and process.pid != memory.rest_pid):
        return replace(memory, rest_until=None), SingletonStep.WAIT
    return memory, SingletonStep.STOP
