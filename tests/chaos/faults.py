"""What is done to a system, by name.

A fault is a function of a `Blow`: it breaks something, lets it be for a while, and takes the fault away.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import psutil

from chaos.theatre import Theatre


@dataclass(slots=True)
class Blow:
    """One injection."""

    system: Theatre
    random: Random
    #: Processes that it ended at once.
    killed: set[int] = field(default_factory=set)
    #: Whom it hit and how, for the history.
    detail: str = ""

    def last(self, least: float, most: float) -> None:
        """Let the fault be for a while."""
        time.sleep(self.random.uniform(least, most))

    def kill(self, pid: int) -> None:
        """SIGKILL one process; those below it go on without it."""
        self.killed.add(pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)

    def some_worker(self) -> tuple[str, int]:
        """Pick a worker that runs: its name and pid."""
        workers = {name: pids[0] for name, pids in self.system.workers().items() if pids}
        name = self.random.choice(sorted(workers))
        self.detail = f"{name} pid {workers[name]}"
        return name, workers[name]


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault."""

    name: str
    #: What is done, as the table has it.
    what: str
    do: Callable[[Blow], None]
    #: See `Window`.
    redelivers: bool = False
    returns: bool = False
    away: bool = False
    blind: bool = False
    #: Whether the daemon that runs afterwards is another one.
    restarts_daemon: bool = False
    #: Whether workers are left without a supervisord, and run beside their successors for a while.
    orphans: bool = False
    #: Whether it needs file systems of our own.
    mounts: bool = False
    #: How often it comes beside the others.
    weight: int = 1
    #: Seconds within which everything must serve again.
    #: More than the longest pause after a crash loop, which any of them may meet.
    recovers_within: float = 330.0


FAULTS: dict[str, Fault] = {}


def fault(what: str, **settings: object) -> Callable[[Callable[[Blow], None]], Callable[[Blow], None]]:
    """Register a fault under its function's name."""

    def register(do: Callable[[Blow], None]) -> Callable[[Blow], None]:
        name = do.__name__
        FAULTS[name] = Fault(name, what, do, **settings)  # type: ignore[arg-type]
        return do

    return register


def descendants(pid: int) -> list[int]:
    """Every process below one."""
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def deck(names: list[str], random: Random) -> list[str]:
    """Every fault as often as its weight, in random order, none of them much later than the others."""
    most = max(FAULTS[name].weight for name in names)
    rounds = []
    for turn in range(most):
        hand = [name for name in names if FAULTS[name].weight > turn]
        random.shuffle(hand)
        rounds += hand
    return rounds
