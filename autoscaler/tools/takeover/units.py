"""Which old workers can be adopted, and in which groups. Pure.

A unit is what supervisord adds and removes as one: a program, or a `[group:x]` with all its programs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autoscaler.config import Fleet
from autoscaler.tools.takeover.ini import Section
from autoscaler.tools.takeover.nodes import node_names
from autoscaler.tools.takeover.programs import OldProgram, group_members
from autoscaler.tools.takeover.workers import WorkerProgram, worker_programs


@dataclass(frozen=True, slots=True)
class Unit:
    """Old workers that leave supervisord together."""

    #: supervisord's name of the group.
    group: str
    programs: tuple[WorkerProgram, ...]
    #: File -> the sections in it that are commented out; a `[group:x]` before its programs.
    sections: Mapping[Path, tuple[str, ...]]
    #: Process -> Celery node name.
    nodes: Mapping[str, str]
    #: Queues that its commands name; more may come from the app.
    queues: frozenset[str]

    @property
    def where(self) -> str:
        """For messages: its first section."""
        return self.programs[0].program.where

    @property
    def dangers(self) -> tuple[str, ...]:
        """What a stop would do to a busy worker of it."""
        return tuple(
            f"{each.program.where}: {text}" for each in self.programs for text in each.program.dangers
        )


def units_of(
    found: Sequence[Section], programs: Iterable[OldProgram], host: str | None = None
) -> tuple[tuple[Unit, ...], tuple[str, ...]]:
    """Portion the old workers.

    Returns
    -------
    What can be taken over, and why the rest cannot.
    """
    programs = tuple(programs)
    workers = {each.program.name: each for each in worker_programs(programs)}
    groups: dict[str, list[OldProgram]] = {}
    for program in programs:
        groups.setdefault(program.group, []).append(program)
    units, refused = [], []
    for group, members in groups.items():
        ours = [workers[member.name] for member in members if member.name in workers]
        if not ours:
            continue
        if problem := _problem(group, members, ours, found):
            refused.append(problem)
        else:
            units.append(_unit(group, ours, found, host))
    return tuple(units), tuple(refused)


def _problem(
    group: str, members: Sequence[OldProgram], workers: Sequence[WorkerProgram], found: Sequence[Section]
) -> str:
    where = members[0].where
    if len(workers) < len(members) or len(members) < len(group_members(found).get(group, ())):
        return f"{where}: [group:{group}] has other programs too: take its workers out of the group first"
    if beat := [each for each in workers if each.command.beat]:
        return (
            f"{beat[0].program.where}: runs celery beat too (-B): nobody would send the periodic tasks; "
            "run `celery beat` as a program of its own first"
        )
    names = [section.name for section in found]
    if twice := [each for each in workers if names.count(each.program.section.name) > 1]:
        return f"{twice[0].program.where}: is in several files: leave one"
    return ""


def _unit(group: str, workers: Sequence[WorkerProgram], found: Sequence[Section], host: str | None) -> Unit:
    sections: dict[Path, tuple[str, ...]] = {}
    heads = [section for section in found if section.name == f"group:{group}"]
    for section in [*heads, *(each.program.section for each in workers)]:
        sections[section.file] = (*sections.get(section.file, ()), section.name)
    nodes = {process: node for each in workers for process, node in node_names(each, host).items()}
    queues = frozenset(queue for each in workers for command in each.commands for queue in command.queues)
    return Unit(group, tuple(workers), sections, nodes, queues)


def with_own_names(
    units: Iterable[Unit], workers: Iterable[WorkerProgram], host: str | None = None
) -> tuple[tuple[Unit, ...], tuple[str, ...]]:
    """Leave out the units whose workers share a node name with others of their app.

    Workers of one name share one mailbox on RabbitMQ, and each command reaches only one of them: what
    one answers says nothing of the other, so none of them can be drained for sure.

    Parameters
    ----------
    workers : all programs that run workers.

    Returns
    -------
    The other units, and why these are left out.
    """
    names = Counter((each.app, node) for each in workers for node in node_names(each, host).values())
    alone, refused = [], []
    for unit in units:
        nodes = {(each.app, node) for each in unit.programs for node in node_names(each, host).values()}
        shared = sorted(node for app, node in nodes if names[app, node] > 1)
        if not shared:
            alone.append(unit)
            continue
        refused.append(
            f"{unit.where}: {names[unit.programs[0].app, shared[0]]} workers are called {shared[0]}, so "
            "that none of them can be asked alone. Give each a name in its command, such as "
            "-n %(program_name)s_%(process_num)s@%%h, restart them when they are idle, and run this again"
        )
    return tuple(alone), tuple(refused)


def uncovered(unit: Unit, queues: Iterable[str], fleets: Mapping[str, Fleet]) -> tuple[str, ...]:
    """Queues that no fleet would read, with the app of the unit, once it is gone."""
    apps = {each.app for each in unit.programs}
    read = {queue for fleet in fleets.values() if fleet.app in apps for queue in fleet.queues}
    return tuple(sorted(set(queues) - read))


def successors(unit: Unit, fleets: Mapping[str, Fleet]) -> tuple[str, ...]:
    """The fleets that do its work from now on; those of its app where its queues are not known."""
    apps = {each.app for each in unit.programs}
    return tuple(
        name
        for name, fleet in fleets.items()
        if fleet.app in apps and (not unit.queues or unit.queues & set(fleet.queues))
    )
