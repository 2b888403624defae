"""Old workers -> drafts of fleets: equal workers become one fleet with a unique name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autoscaler.config import text
from autoscaler.text import MEBIBYTE

_NUMBER_AT_END = re.compile(r"[-_.]*[0-9]+$")
#: Ends as the names of workers do.
_NUMBERED = re.compile(r"-[0-9]+$")
_DIRTY = re.compile(r"[^A-Za-z0-9_-]+")
#: Bytes that one worker is taken for where none was measured.
WORKER_MEMORY = 150 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class Machine:
    """What workers can have."""

    cores: int
    #: Bytes; None: unknown.
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class OldWorkers:
    """Workers of one kind as they were written down somewhere."""

    #: The name that they had there.
    name: str
    #: How many there are.
    count: int
    app: str
    queues: tuple[str, ...]
    concurrency: int
    pool: str = "prefork"
    celery: str = "celery"
    directory: str | None = None
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: tuple[str, ...] = ()
    #: Where they are written: ``conf.d/emails.conf:3 [program:emails]``.
    source: str = ""
    #: What a fleet cannot have of them, and why.
    lost: tuple[str, ...] = ()
    #: Why a key has its value, by key, where it was not simply written there.
    why: Mapping[str, str] = field(default_factory=dict)
    #: Bytes that one of them takes, measured; None: not.
    memory: int | None = None

    @property
    def kind(self) -> tuple[object, ...]:
        """Equal for workers that can be one fleet."""
        environment = tuple(sorted(self.environment.items()))
        return (self.app, frozenset(self.queues), self.concurrency, self.pool, self.celery, self.directory,
                self.user, environment, self.options)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FleetDraft:
    """A fleet as it will be written."""

    name: str
    workers: OldWorkers
    min_workers: int
    max_workers: int
    #: Where all of its old workers are written.
    sources: tuple[str, ...]

    @property
    def fixed(self) -> bool:
        """Whether it needs no policy."""
        return self.min_workers == self.max_workers


def fleet_drafts(
    workers: Iterable[OldWorkers], taken: Iterable[str], machine: Machine
) -> tuple[FleetDraft, ...]:
    """Make fleets of workers.

    Parameters
    ----------
    taken : names of programs and nodes that already exist: no worker of ours may be called so.
    """
    kinds: dict[tuple[object, ...], list[OldWorkers]] = {}
    for each in map(fitting, workers):
        kinds.setdefault(each.kind, []).append(each)
    taken = frozenset(taken)
    drafts: list[FleetDraft] = []
    for alike in kinds.values():
        one = _together(alike)
        name = _free_name(_name_of(alike), taken, {draft.name for draft in drafts})
        least, most = sizes(one, machine)
        sources = tuple(dict.fromkeys(each.source for each in alike if each.source))
        drafts.append(FleetDraft(name, one, least, most, sources))
    return tuple(drafts)


def _together(alike: Sequence[OldWorkers]) -> OldWorkers:
    lost = tuple(dict.fromkeys(text for each in alike for text in each.lost))
    return replace(alike[0], count=sum(each.count for each in alike), lost=lost)


def sizes(workers: OldWorkers, machine: Machine) -> tuple[int, int]:
    """Propose min_workers and max_workers.

    A single worker with a single slot stays alone: somebody may count on tasks that run one after another.
    Otherwise one worker at least, and as many as there are today or as the machine bears.
    """
    if workers.count == 0:
        return 0, 1
    if workers.count == workers.concurrency == 1:
        return 1, 1
    bears = machine.cores // workers.concurrency
    if machine.memory is not None:
        bears = min(bears, machine.memory // 2 // (workers.memory or WORKER_MEMORY))
    return 1, min(max(workers.count, bears, 2), 999)


# --- names ------------------------------------------------------------------------------------------------


def _name_of(alike: Sequence[OldWorkers]) -> str:
    """The name they share, without a number at its end; else that of the first."""
    names = [each.name for each in alike]
    if len(names) == 1:
        return names[0]
    shared = names[0]
    while not all(name.startswith(shared) for name in names):
        shared = shared[:-1]
    shared = _NUMBER_AT_END.sub("", shared).rstrip("-_.")
    return shared if len(shared) >= 3 else names[0]


def clean_name(name: str) -> str:
    """A name that a fleet may have, as near as can be."""
    name = _DIRTY.sub("-", name).strip("-_")
    while _NUMBERED.search(name):
        name = _NUMBERED.sub("", name).strip("-_")
    name = name.lstrip("0123456789-_")
    return name or "workers"


def _free_name(wish: str, taken: frozenset[str], used: set[str]) -> str:
    """A name none of whose workers could be called as something that already exists."""
    name = clean_name(clean_name(wish)[:24])
    tries = [name, *(f"{name}-{more}" for more in ("fleet", "workers", *map(_letters, range(26 * 27))))]
    return next(each for each in tries if each not in used and not any(_clashes(each, t) for t in taken))


def _letters(number: int) -> str:
    """a, b, ..., z, aa, ...: no digits, in which no fleet's name may end."""
    return (_letters(number // 26 - 1) if number >= 26 else "") + chr(ord("a") + number % 26)


def _clashes(fleet: str, taken: str) -> bool:
    return re.fullmatch(rf"{re.escape(fleet)}-[0-9]{{2,}}", re.split("[@:]", taken)[0]) is not None or (
        re.fullmatch(rf"{re.escape(fleet)}-[0-9]{{2,}}", taken.partition(":")[2]) is not None
    )


# --- what the config takes --------------------------------------------------------------------------------


def fitting(workers: OldWorkers) -> OldWorkers:
    """The same workers with every value that no config may hold taken out, and told."""
    lost = list(workers.lost)

    def keep(key: str, value: Any, check: Callable[[object], object], otherwise: Any) -> Any:
        try:
            check(value)
        except ValueError as error:
            lost.append(f"{key}: {error}")
            return otherwise
        return value

    queues = [
        queue for queue in dict.fromkeys(workers.queues) if keep("queues", queue, text.queue_name, None)
    ]
    pool = workers.pool if workers.concurrency == 1 or workers.pool != "solo" else "prefork"
    if pool != workers.pool:
        lost.append(f"pool: solo runs one task at a time, but -c is {workers.concurrency}")
    options = [word for word in workers.options if keep("options", word, text.option, None) is not None]
    environment = {
        name: value
        for name, value in workers.environment.items()
        if keep("environment", name, text.variable_name, None)
        and keep(f"environment {name}", value, text.variable_value, None) is not None
    }
    return replace(
        workers,
        app=keep("app", workers.app, text.app_name, "app"),
        queues=tuple(queues) or ("celery",),
        concurrency=max(workers.concurrency, 1),
        pool=pool,
        celery=keep("celery", workers.celery, text.command, "celery"),
        directory=keep("directory", workers.directory, text.program_path, None)
        if workers.directory
        else None,
        user=keep("user", workers.user, text.user_name, None) if workers.user else None,
        environment=environment,
        options=tuple(options),
        lost=tuple(lost),
    )
