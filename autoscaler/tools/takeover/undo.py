"""Undoing an adoption: old sections restored, and their workers running again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from autoscaler.model import Process, ProgramState
from autoscaler.tools.takeover.find import FoundSupervisord
from autoscaler.tools.takeover.imported import read_text
from autoscaler.tools.takeover.ini import Section, commented_in, sections, taken_names
from autoscaler.tools.takeover.programs import old_programs
from autoscaler.tools.takeover.removal import Kept, Sections
from autoscaler.tools.takeover.units import Unit, units_of

_UP = frozenset({ProgramState.RUNNING, ProgramState.STARTING})
_ENDED = frozenset({ProgramState.STOPPED, ProgramState.FAILED, ProgramState.ENDED})


class Programs(Protocol):
    """supervisord, as far as old workers are started by it."""

    def processes(self) -> Mapping[str, Process]: ...
    def start(self, name: str) -> None: ...
    def remove(self, name: str) -> None: ...


class Workers(Protocol):
    """Remote control of the old workers."""

    def add_consumers(self, node: str, queues: Collection[str]) -> None: ...


def taken_files(found: FoundSupervisord) -> tuple[Path, ...]:
    """The files in which sections are commented out by us."""
    return tuple(file for file in dict.fromkeys(found.files) if taken_names(read_text(file)))


def taken_units(found: FoundSupervisord, files: Sequence[Path]) -> tuple[Unit, ...]:
    """The units whose sections are commented out by us."""
    names = {name for file in files for name in taken_names(read_text(file))}
    every = [section for section in found.sections if section.file not in files]
    again: list[Section] = [
        section for file in files for section in sections(file, commented_in(read_text(file)))
    ]
    programs, _problems = old_programs([*every, *again], found.environ)
    units, _refused = units_of([*every, *again], programs)
    return tuple(unit for unit in units if {n for each in unit.sections.values() for n in each} & names)


def finish(found: FoundSupervisord, files: Sequence[Path], programs: Programs) -> tuple[str, ...]:
    """Remove from supervisord what was commented out and then left there by an interrupted run."""
    running = programs.processes()
    left = [unit for unit in taken_units(found, files) if unit.nodes.keys() & running.keys()]
    ended = [
        unit.group
        for unit in left
        if all(running[name].state in _ENDED for name in unit.nodes.keys() & running.keys())
    ]
    for group in ended:
        programs.remove(group)
    return tuple(ended)


def undo(
    found: FoundSupervisord,
    files: Sequence[Path],
    programs: Programs,
    workers: Workers,
    *,
    change: Sections,
    say: Callable[[str], None],
) -> int:
    """Bring back what was taken over, and what was about to be.

    Returns
    -------
    How many workers are back.

    Raises
    ------
    TakeoverError : the files cannot be put back; says why.
    TargetError : supervisord cannot be reached.
    SourceError : the broker cannot be reached.
    """
    units = taken_units(found, files)
    active = programs.processes()
    missing = frozenset(unit.group for unit in units if not unit.nodes.keys() & active.keys())
    if files:
        change.put_back(files, missing)
        say(f"put back in {', '.join(map(str, files))}: {', '.join(unit.group for unit in units)}")
    back = [name for unit in units for name in unit.nodes]
    for name in back:
        programs.start(name)
    return len(back) + _in_service(found, programs, workers, change.kept, say)


def _in_service(
    found: FoundSupervisord, programs: Programs, workers: Workers, kept: Kept, say: Callable[[str], None]
) -> int:
    """Bring those back that were told to take no more, and not yet commented out."""
    units, _refused = units_of(found.sections, old_programs(found.sections, found.environ)[0])
    nodes = {process: node for unit in units for process, node in unit.nodes.items()}
    running, noted = programs.processes(), kept.cancelled()
    for name, queues in noted.items():
        process = running.get(name)
        if process is not None and process.state in _UP and name in nodes:
            workers.add_consumers(nodes[name], queues)
        elif process is not None and process.state in _ENDED:
            programs.start(name)
        say(f"{name}: reads {', '.join(queues)} again")
    kept.forget(noted)
    return len(noted)
