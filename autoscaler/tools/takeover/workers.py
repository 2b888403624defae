"""supervisord's programs and celeryd's defaults -> old workers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from autoscaler.tools.takeover.command import WorkerCommand, celery_start, subcommand, worker_command
from autoscaler.tools.takeover.drafts import OldWorkers
from autoscaler.tools.takeover.programs import OldProgram, absolute


@dataclass(frozen=True, slots=True)
class AppFacts:
    """What a Celery app says of itself, as far as it could be asked."""

    #: As `celery -A` takes it.
    app: str
    #: Where its tasks wait; may hold a password. Empty: not known.
    broker_url: str = field(default="", repr=False)
    transport_options: Mapping[str, object] = field(default_factory=dict, repr=False)
    #: Queues that its workers read by default.
    queues: tuple[str, ...] = ()
    #: Queue -> names of the tasks that are routed to it.
    routes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    concurrency: int | None = None
    pool: str | None = None
    #: What it has that the autoscaler cannot work with, in words.
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkerProgram:
    """A program that runs Celery workers, with its command understood."""

    program: OldProgram
    command: WorkerCommand
    #: Of each of its processes, as the program has them.
    commands: tuple[WorkerCommand, ...]

    @property
    def celery(self) -> str:
        """The celery command, absolute where that can be told."""
        return (
            absolute(self.command.celery, self.directory)
            if "/" in self.command.celery
            else self.command.celery
        )

    @property
    def directory(self) -> str | None:
        """Where its workers start: the app is imported from there."""
        inner = self.command.directory
        return absolute(inner, self.program.directory) if inner else self.program.directory

    @property
    def app(self) -> str:
        """What it is started with; Celery's own default is a module called so."""
        return self.command.app or self.environment.get("CELERY_APP", "celery")

    @property
    def environment(self) -> dict[str, str]:
        """Variables of its section and command."""
        return {**self.program.processes[0].environment, **self.command.environment}


def worker_programs(programs: Iterable[OldProgram]) -> tuple[WorkerProgram, ...]:
    """Those that run Celery workers."""
    found = []
    for program in programs:
        commands = [worker_command(process.words) for process in program.processes]
        known = [command for command in commands if command is not None]
        if known and len(known) == len(commands):
            found.append(WorkerProgram(program, known[0], tuple(known)))
    return tuple(found)


def other_celery_programs(programs: Iterable[OldProgram]) -> tuple[tuple[OldProgram, str], ...]:
    """Those that run another part of Celery, with its name: beat, flower, ..."""
    found = []
    for program in programs:
        start = celery_start(program.processes[0].words) if program.processes else None
        if start is not None and (kind := subcommand(start)) not in {"worker", ""}:
            found.append((program, kind))
    return tuple(found)


def old_workers(found: WorkerProgram, facts: AppFacts | None, cores: int) -> OldWorkers:
    """What a program's workers are.

    Parameters
    ----------
    facts : of its app, for what the command leaves to it.
    cores : of the machine, Celery's default concurrency.
    """
    program, command = found.program, found.command
    queues, queues_why = _queues(command, facts)
    concurrency, concurrency_why = _concurrency(command, facts, cores)
    why = {"queues": queues_why, "concurrency": concurrency_why}
    lost = [*command.lost, *_lost_settings(found)]
    if not command.app:
        why["app"] = "-A is not in the command: check this"
    return OldWorkers(
        name=program.name,
        count=len(program.processes),
        app=found.app,
        queues=queues,
        concurrency=concurrency,
        pool=command.pool or (facts.pool if facts and facts.pool else "prefork"),
        celery=found.celery,
        directory=found.directory,
        user=program.user or command.user,
        environment=_environment(found),
        options=_options(command, lost),
        source=f"{program.section.file}:{program.section.line} [{program.section.name}]",
        lost=tuple(lost),
        why={key: text for key, text in why.items() if text},
    )


def _queues(command: WorkerCommand, facts: AppFacts | None) -> tuple[tuple[str, ...], str]:
    if command.queues:
        return command.queues, ""
    if facts is None or not facts.queues:
        return ("celery",), "no -Q in the command; Celery's default, unless the app says otherwise"
    left = tuple(queue for queue in facts.queues if queue not in command.excluded)
    return left or ("celery",), "no -Q in the command; what the app's workers read by default"


def _concurrency(command: WorkerCommand, facts: AppFacts | None, cores: int) -> tuple[int, str]:
    if command.concurrency:
        return command.concurrency, ""
    if facts and facts.concurrency:
        return facts.concurrency, "the app's worker_concurrency"
    return cores, f"no -c in the command; Celery's default, the {cores} cores here"


def _environment(found: WorkerProgram) -> dict[str, str]:
    """The variables that all processes of a program share."""
    each = [{**process.environment, **found.command.environment} for process in found.program.processes]
    return {name: value for name, value in each[0].items() if all(other.get(name) == value for other in each)}


def _options(command: WorkerCommand, lost: list[str]) -> tuple[str, ...]:
    words = []
    for word in command.options:
        if word.startswith("--statedb=") and "%" not in word:
            lost.append("--statedb: the workers of a fleet cannot share one file; write it with %n")
        else:
            words.append(word)
    return tuple(words)


#: Setting of a section -> why a fleet has no such key.
_SETTINGS = {
    "stdout_logfile": "each worker's output goes to a file of its own in log_dir",
    "stderr_logfile": "each worker's output goes to a file of its own in log_dir",
    "umask": "a fleet has no such key",
    "priority": "a fleet has no such key",
    "startsecs": "the autoscaler sees by the worker's answer that it has started",
    "serverurl": "a fleet has no such key",
    "stopwaitsecs": "a worker is stopped when it is idle; drain_timeout tells when a drain takes long",
    "stopasgroup": "it ends the running tasks; a worker is stopped when it is idle, by TERM to itself",
    "stopsignal": "a worker is stopped by TERM, when it is idle",
}
_HARMLESS = {"stopsignal": {"TERM", "SIGTERM", "15"}, "stopasgroup": {"false", "no", "off", "0"}}


def _lost_settings(found: WorkerProgram) -> list[str]:
    section, environments = (
        found.program.section,
        [process.environment for process in found.program.processes],
    )
    told = [
        f"{key}: {why}"
        for key, why in _SETTINGS.items()
        if key in section.settings and section.settings[key].strip() not in _HARMLESS.get(key, ())
    ]
    names = {name for each in environments for name in each}
    differing = sorted(name for name in names if len({each.get(name) for each in environments}) > 1)
    if differing:
        told.append(
            f"environment: {', '.join(differing)} differ from process to process; a fleet's workers are alike"
        )
    if any(
        other.queues != found.command.queues or other.app != found.command.app for other in found.commands
    ):
        told.append(
            "numprocs: its processes differ in more than their names; the first one's command was taken"
        )
    return told
