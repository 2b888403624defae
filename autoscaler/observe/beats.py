"""The celery beats on this machine, also those that others started."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil

from autoscaler.model import Beat, app_of_beat, folder_of_program

#: Seconds between two looks at all processes of the machine: some tens of milliseconds each.
SCAN_PERIOD = 30.0
#: Seconds that a process must be old: ours may just have been started, and not be known as ours yet.
SETTLED = 10.0


class Beats:
    """Looks for celery beats now and then; in between those that have ended are left out.

    Parameters
    ----------
    processes : all processes of the machine.
    """

    def __init__(self, processes: Callable[[], Iterator[psutil.Process]] = psutil.process_iter) -> None:
        self._processes = processes
        self._found: list[tuple[psutil.Process, Beat]] = []
        self._scanned_at = float("-inf")

    def __call__(self, now: float) -> tuple[Beat, ...]:
        """The beats that have run for a while. What cannot be looked at is left out."""
        if not 0 <= now - self._scanned_at < SCAN_PERIOD:
            found = list(_scan(self._processes()))
            pids = {beat.pid for _, beat in found}
            # A worker with a beat in it forks children whose command is the same.
            self._found = [each for each in found if pids.isdisjoint(each[1].parents)]
            self._scanned_at = now
        return tuple(beat for process, beat in self._found if process.is_running())


def no_beats(_now: float) -> tuple[Beat, ...]:
    """Where no process can be looked at."""
    return ()


def _scan(processes: Iterator[psutil.Process]) -> Iterator[tuple[psutil.Process, Beat]]:
    for process in processes:
        # It may end, or not be for our eyes.
        with suppress(psutil.Error, OSError):
            command = process.cmdline()
            app = app_of_beat(command)
            if app and time.time() - process.create_time() > SETTLED:
                yield process, _beat(process, command, app)


def _beat(process: psutil.Process, command: list[str], app: str) -> Beat:
    directory = None
    with suppress(psutil.Error, OSError):
        directory = process.cwd()
    parents = frozenset(parent.pid for parent in process.parents())
    return Beat(process.pid, app, parents, directory, folder_of_program(command))
