"""Adopting workers of hand-written sections, one drained worker at a time.

    our fleet runs and answers ─► cancel its queues ─► nothing active or reserved ─► stop ─► next worker
                                                        all of a section have ended ─► comment it out

What is next follows from supervisord, the workers and the files alone, so it can be ended at any point and
run again. The drain itself is the daemon's own: `act.lifecycle.next_step`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from autoscaler.config import Fleet
from autoscaler.errors import SupervisordFault, TakeoverError
from autoscaler.model import (
    DOWN,
    Drain,
    DrainPhase,
    Known,
    Process,
    ProgramState,
    Unknown,
    Worker,
    WorkerState,
)
from autoscaler.tools.takeover.heard import Heard
from autoscaler.tools.takeover.removal import Sections
from autoscaler.tools.takeover.units import Unit, successors, uncovered
from autoscaler.workers.drains import TELL_AGAIN
from autoscaler.workers.states import Step, next_step

_UP = frozenset({ProgramState.RUNNING, ProgramState.STARTING})
#: Seconds after which a process that has ended by itself is known to stay so.
_STAYS_ENDED = 5.0
#: How often a name is asked who it is; workers that share one take turns.
_ASK_WHO = 4
#: Seconds between two looks.
PAUSE = 0.5


class Programs(Protocol):
    """supervisord, as far as old workers are stopped by it."""

    def processes(self) -> Mapping[str, Process]: ...
    def stop_all(self, names: Iterable[str]) -> Mapping[str, SupervisordFault]: ...
    def signal(self, name: str, signal: str) -> None: ...


class Workers(Protocol):
    """Remote control of the old workers."""

    def hear(self, node: str, count: int, now: float) -> Heard: ...
    def cancel_consumers(self, node: str, queues: Collection[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Fleeted:
    """A fleet of ours as the daemon sees it now."""

    #: Workers that run and answer.
    workers: int
    #: Why its decision was not carried out; empty when it was.
    trouble: str = ""
    #: Why it starts no worker when tasks come; empty when it does.
    bound: str = ""


@dataclass(slots=True)
class Adopter:
    """Takes units over.

    Parameters
    ----------
    ours : each of our fleets as the daemon sees it now.
    say : is told each step.
    clock, sleep : seconds.
    """

    units: Sequence[Unit]
    fleets: Mapping[str, Fleet]
    programs: Programs
    workers: Workers
    sections: Sections
    ours: Callable[[], Mapping[str, Fleeted]]
    say: Callable[[str], None]
    when: str
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _told_at: dict[str, float] = field(init=False, default_factory=dict)
    _ended_at: dict[str, float] = field(init=False, default_factory=dict)
    _said: set[str] = field(init=False, default_factory=set)

    def run(self, within: float) -> None:
        """Take all units over.

        Parameters
        ----------
        within : seconds for one worker to become idle, and for a fleet to come up.

        Raises
        ------
        TakeoverError : something has to be done first, or took too long; running it again goes on.
        SourceError : the broker cannot be reached.
        TargetError : supervisord cannot be reached.
        """
        self._take_out_ended(self.units)
        for unit in self.units:
            for name, node in unit.nodes.items():
                self._wait_for_fleets([unit], within)
                self._end(node, [name], [unit], within)
            self._take_out_ended([unit])

    # --- our fleets come first --------------------------------------------------------------------------

    def _wait_for_fleets(self, units: Sequence[Unit], within: float) -> None:
        """Wait until the fleets that do these units' work have their workers up and answering."""
        names = sorted({name for unit in units for name in successors(unit, self.fleets)})
        ends = self.clock() + within
        while missing := self._missing(names):
            self._once(f"waiting for {missing}")
            if self.clock() > ends:
                raise TakeoverError(
                    f"{missing}: not so after {within:.0f} s: see `autoscaler status`, then run this again"
                )
            self.sleep(PAUSE)

    def _missing(self, names: Sequence[str]) -> str:
        """Say which fleet is not up; empty when all are."""
        ours = self.ours()
        for name in names:
            least, now = self.fleets[name].min_workers, ours.get(name)
            if now is None:
                return f"fleet {name}, which the running daemon does not have"
            if now.workers < (max(least, 1) if now.bound else least):
                told = "".join(f": {why}" for why in (now.bound, now.trouble) if why)
                return f"fleet {name} to have {max(least, 1)} workers that answer (now {now.workers}{told})"
        return ""

    # --- one worker -----------------------------------------------------------------------------------

    def _end(self, node: str, names: Sequence[str], units: Sequence[Unit], within: float) -> None:
        """Drain what answers to a node name, and stop it when nothing is left."""
        began = self.clock()
        ends = began + within
        self._check_alone(node, names)
        while live := self._live(names):
            heard = self._hear(node, live)
            self._check_covered(node, heard, live, units)
            steps = {name: self._step(name, node, process, heard, began) for name, process in live.items()}
            self._take(node, steps, heard, units)
            if self.clock() > ends:
                raise TakeoverError(
                    f"{', '.join(live)}: not idle after {within:.0f} s ({_why(heard)}); it takes no new "
                    "tasks and is left to finish: run this again, or go back with --undo-adopt"
                )
            self.sleep(PAUSE)

    def _check_alone(self, node: str, names: Sequence[str]) -> None:
        """Refuse a name that others have too: they would take turns in answering."""
        if not any(process.state in _UP for process in self._live(names).values()):
            return
        pids = {pid for _ in range(_ASK_WHO) for pid in self.workers.hear(node, 1, self.clock()).pids}
        if len(pids) > 1:
            raise TakeoverError(
                f"pids {', '.join(map(str, sorted(pids)))} all answer as {node}, as {names[0]} does: give "
                "each worker a name of its own (-n NAME@%%h), or end the others; nothing was done to them"
            )

    def _live(self, names: Sequence[str]) -> dict[str, Process]:
        """Those that have not ended for good."""
        now, processes = self.clock(), self.programs.processes()
        live = {}
        for name in names:
            process = processes.get(name)
            if process is None or process.state in DOWN:
                continue
            if process.state is not ProgramState.ENDED:
                self._ended_at.pop(name, None)
            elif now - self._ended_at.setdefault(name, now) > _STAYS_ENDED:
                continue
            live[name] = process
        return live

    def _hear(self, node: str, live: Mapping[str, Process]) -> Heard | None:
        """Ask; None while none is up that could answer."""
        count = sum(process.state in _UP for process in live.values())
        if not count:
            return None
        heard = self.workers.hear(node, count, self.clock())
        strangers = self._strangers(heard, live)
        if strangers or len(heard.pids) > count:
            pids = f"pids {', '.join(map(str, sorted(strangers)))}"
            who = pids if strangers else f"{len(heard.pids)} workers"
            raise TakeoverError(
                f"{who} answer as {node} beside {', '.join(live)}: give each worker a name of its own "
                "(-n NAME@%%h) or end the others, then run this again; nothing was done to them"
            )
        return heard

    def _strangers(self, heard: Heard, live: Mapping[str, Process]) -> set[int]:
        """Pids among those who answered that supervisord has for other programs."""
        others = {each.pid for name, each in self.programs.processes().items() if name not in live}
        return {pid for pid in heard.pids if pid in others}

    def _check_covered(
        self, node: str, heard: Heard | None, live: Mapping[str, Process], units: Sequence[Unit]
    ) -> None:
        """Refuse to take a worker from a queue that nobody else of us reads."""
        told = heard.stats if heard else None
        seen = told.value.queues or frozenset() if isinstance(told, Known) else frozenset()
        for unit in units:
            if left := uncovered(unit, {*unit.queues, *seen}, self.fleets):
                raise TakeoverError(
                    f"{unit.where}: {node} reads {', '.join(left)}, which no fleet with its app reads: "
                    f"add the queue to a fleet first; {', '.join(live)} works on"
                )

    def _step(self, name: str, node: str, process: Process, heard: Heard | None, began: float) -> Step:
        """What one process needs next, by the daemon's own rules."""
        if heard is None:
            state = WorkerState.STOPPING
            nothing = Unknown("it has no process that could answer", began)
            worker = Worker(name, "", node, state, began, process.pid, nothing)
        else:
            worker = Worker(name, "", node, WorkerState.DRAINING, began, process.pid, heard.stats)
        # Of no known process, so never taken for one that crashed since: its stop signal may kill.
        drain = Drain(name, DrainPhase.DRAINING, began)
        return next_step(self.clock(), worker, drain, process, frozenset())

    def _take(self, node: str, steps: Mapping[str, Step], heard: Heard | None, units: Sequence[Unit]) -> None:
        if Step.CANCEL in steps.values() and heard is not None:
            self._cancel(node, list(steps), heard, units)
        elif Step.WAIT in steps.values() and heard is not None:
            self._once(f"{', '.join(steps)}: takes no new tasks, {_why(heard)}")
        idle = [name for name, step in steps.items() if step is Step.STOP]
        if idle and len(idle) == len(steps):
            self.sections.kept.note(dict.fromkeys(idle, self._queues(heard, units)))
            for fault in self.programs.stop_all(idle).values():
                raise fault
            self.say(f"{', '.join(idle)}: idle, stopped")
        for name, step in steps.items():
            if step is Step.STOP_AGAIN:
                self.programs.signal(name, "TERM")

    def _cancel(self, node: str, names: Sequence[str], heard: Heard, units: Sequence[Unit]) -> None:
        known = isinstance(heard.stats, Known)
        if not known and self.clock() - self._told_at.get(node, float("-inf")) < TELL_AGAIN:
            return
        queues = self._queues(heard, units)
        self.sections.kept.note(dict.fromkeys(names, queues))
        self.workers.cancel_consumers(node, queues)
        self._told_at[node] = self.clock()
        self._once(f"{', '.join(names)}: told to take no more from {', '.join(queues)}")

    def _queues(self, heard: Heard | None, units: Sequence[Unit]) -> list[str]:
        """What it says that it reads; while it says nothing, what it may have been started with."""
        if heard is not None and isinstance(heard.stats, Known) and heard.stats.value.queues:
            return sorted(heard.stats.value.queues)
        names = {name for unit in units for name in successors(unit, self.fleets)}
        read = {queue for name in names for queue in self.fleets[name].queues}
        return sorted(read | {queue for unit in units for queue in unit.queues})

    # --- a whole section --------------------------------------------------------------------------------

    def _take_out_ended(self, units: Iterable[Unit]) -> None:
        """Comment out the units none of whose workers has a process any more."""
        processes = self.programs.processes()
        for unit in units:
            names = [name for name in unit.nodes if name in processes]
            if not names or self._live(names):
                continue
            if not set(names) & self.sections.kept.cancelled().keys():
                self._once(f"{unit.group}: none of its workers runs, so it is left as it is")
                continue
            files = self.sections.take_out(unit, self.when)
            self.sections.kept.forget(unit.nodes)
            self.say(f"{unit.group}: taken over; commented out in {', '.join(map(str, files))}")

    def _once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.say(text)


def _why(heard: Heard | None) -> str:
    if heard is None:
        return "it has no process that could answer"
    if isinstance(heard.stats, Known):
        return f"{len(heard.stats.value.active)} tasks running, {heard.stats.value.reserved} reserved"
    return heard.stats.error
