"""A file of another tool -> fleets: the kind of the file, and what is missing in it."""

from __future__ import annotations

import os
from pathlib import Path

from autoscaler.config.files import read_file
from autoscaler.errors import TakeoverError
from autoscaler.tools.takeover.celeryd import celeryd, is_celeryd
from autoscaler.tools.takeover.drafts import FleetDraft, Machine, OldWorkers, fleet_drafts
from autoscaler.tools.takeover.ini import sections
from autoscaler.tools.takeover.programs import old_programs
from autoscaler.tools.takeover.queue_file import queue_file
from autoscaler.tools.takeover.workers import old_workers, other_celery_programs, worker_programs

#: For one who gave us another file.
KNOWN = (
    "known are: a queue file (NAME: {id, app, count, queue, concurrency}), a supervisord file whose "
    "[program:x] runs `celery worker`, a celeryd defaults file (CELERYD_NODES=...)"
)
#: Bytes; a larger file is none of these.
_LARGEST = 1024**2


def read_text(file: Path) -> str:
    """Read a file that is to be a text.

    Raises
    ------
    TakeoverError : it cannot be read, or is none.
    """
    try:
        return read_file(file, _LARGEST).decode()
    except UnicodeDecodeError:
        raise TakeoverError(f"{file}: is not UTF-8") from None
    except ValueError as error:
        raise TakeoverError(f"{file}: {error}") from None


def imported(file: Path, machine: Machine) -> tuple[tuple[FleetDraft, ...], tuple[str, ...]]:
    """Read a queue file, a supervisord file or a celeryd defaults file.

    Returns
    -------
    The fleets, and what was not carried over and why, each as ``FILE:LINE: NAME: key: reason``.

    Raises
    ------
    TakeoverError : it is none of these, or holds no Celery worker.
    """
    text = read_text(file)
    if any(line.startswith("[") and line.rstrip().endswith("]") for line in text.splitlines()):
        return _supervisord_file(file, text, machine)
    workers, notes = (
        celeryd(file, text, machine.cores) if is_celeryd(text) else _queue_file(file, text, machine.cores)
    )
    drafts = fleet_drafts(workers, (), machine)
    return drafts, (*notes, *_lost(workers))


def _queue_file(file: Path, text: str, cores: int) -> tuple[tuple[OldWorkers, ...], tuple[str, ...]]:
    try:
        return queue_file(file, text, cores)
    except TakeoverError as error:
        raise TakeoverError(f"{error}\n{KNOWN}") from None


def _supervisord_file(
    file: Path, text: str, machine: Machine
) -> tuple[tuple[FleetDraft, ...], tuple[str, ...]]:
    programs, problems = old_programs(sections(file, text), os.environ)
    notes = list(problems)
    for program, kind in other_celery_programs(programs):
        notes.append(f"{program.where}: runs celery {kind}, which is no worker; it stays as it is")
    found = worker_programs(programs)
    if not found:
        told = "".join(f"\n{note}" for note in notes)
        raise TakeoverError(f"{file}: no [program:x] with `celery worker` in its command{told}\n{KNOWN}")
    workers = [old_workers(each, None, machine.cores) for each in found]
    taken = [process.name for program in programs for process in program.processes]
    for each, one in zip(found, workers, strict=True):
        section = each.program.section
        for lost in one.lost:
            notes.append(f"{file}:{section.line_of(_key(lost))}: [{section.name}]: {lost}")
    return fleet_drafts(workers, taken, machine), tuple(notes)


def _key(lost: str) -> str:
    """The setting that a loss is about; an option stands in the command."""
    key = lost.partition(":")[0]
    return "command" if key.startswith("-") else key


def _lost(workers: tuple[OldWorkers, ...]) -> list[str]:
    return [f"{each.source}: {each.name}: {text}" for each in workers for text in each.lost]
