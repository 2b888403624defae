"""The programs and groups in supervisord's files, expanded as supervisord does."""

from __future__ import annotations

import platform
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autoscaler.errors import TakeoverError
from autoscaler.text import plain
from autoscaler.tools.takeover.ini import Section

_TRUE = frozenset({"true", "on", "1", "yes"})
_NAME_IN_FORMAT = re.compile(r"%\(([^)]*)\)")


#: Processes of one section; supervisord has file descriptors for no more than some hundreds.
MOST_PROCESSES = 1000


@dataclass(frozen=True, slots=True)
class OldProcess:
    """One process of a program."""

    #: As `supervisorctl` names it: ``emails``, or ``emails:emails_00``.
    name: str
    #: The words of its command; they may hold passwords.
    words: tuple[str, ...] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class OldProgram:
    """One `[program:x]` section."""

    section: Section
    name: str
    #: The group it is in; its own name where no `[group:x]` lists it.
    group: str
    processes: tuple[OldProcess, ...]
    directory: str | None
    user: str | None
    #: ``TERM``, ``QUIT``, ...
    stop_signal: str
    stop_as_group: bool
    #: Seconds from the stop signal to KILL.
    stop_wait: float

    @property
    def where(self) -> str:
        """Where it is written, for messages."""
        return f"{self.section.file}:{self.section.line}: [{self.section.name}]"

    @property
    def dangers(self) -> tuple[str, ...]:
        """What would happen to a busy worker of it when it is stopped; empty when it is safe."""
        told = []
        if self.stop_as_group:
            told.append("stopasgroup=true: a stop ends the processes that run the tasks, and so the tasks")
        if self.stop_signal in {"QUIT", "KILL", "INT", "3", "9", "2"}:
            told.append(f"stopsignal={self.stop_signal}: a stop ends the running tasks")
        if self.stop_wait < 60:
            told.append(f"stopwaitsecs={self.stop_wait:g}: a task that runs longer after a stop is killed")
        return tuple(told)


def old_programs(
    found: Iterable[Section], environ: Mapping[str, str], host: str | None = None
) -> tuple[tuple[OldProgram, ...], tuple[str, ...]]:
    """Read every `[program:x]`.

    Parameters
    ----------
    found : all sections of all files.
    environ : supervisord's own environment, as far as it could be seen.

    Returns
    -------
    The programs, and what could not be read, in words.
    """
    found = tuple(found)
    groups = group_members(found)
    programs, problems = [], []
    for section in found:
        kind, _, name = section.name.partition(":")
        if kind != "program" or not name:
            continue
        group = next((group for group, members in groups.items() if name in members), name)
        try:
            programs.append(_program(section, name.strip(), group, environ, host or platform.node()))
        except (TakeoverError, ValueError) as error:
            problems.append(f"{section.file}:{section.line}: [{section.name}]: {plain(str(error))}")
    return tuple(programs), tuple(problems)


def group_members(found: Iterable[Section]) -> dict[str, tuple[str, ...]]:
    """The programs that each `[group:x]` lists."""
    groups = (section for section in found if section.name.startswith("group:"))
    return {
        section.name.partition(":")[2]: tuple(
            name.strip() for name in section.settings.get("programs", "").split(",") if name.strip()
        )
        for section in groups
    }


def _program(section: Section, name: str, group: str, environ: Mapping[str, str], host: str) -> OldProgram:
    common = {f"ENV_{key}": value for key, value in environ.items()} | {
        "here": str(section.file.absolute().parent),
        "program_name": name,
        "group_name": group,
        "host_node_name": host,
    }
    get = section.settings.get
    count, first = int(get("numprocs", "1")), int(get("numprocs_start", "0"))
    if count > MOST_PROCESSES:
        raise ValueError(f"numprocs is {count}; at most {MOST_PROCESSES} can be taken over")
    numbers = range(first, first + count)
    each = [common | {"process_num": number, "numprocs": count} for number in numbers]
    directory, user = get("directory"), get("user")
    return OldProgram(
        section=section,
        name=name,
        group=group,
        processes=tuple(_process(section, group, expansions) for expansions in each),
        directory=_expanded("directory", directory, common) if directory else None,
        user=_expanded("user", user, common) if user else None,
        stop_signal=get("stopsignal", "TERM").strip().upper().removeprefix("SIG"),
        stop_as_group=get("stopasgroup", "false").strip().lower() in _TRUE,
        stop_wait=float(get("stopwaitsecs", "10")),
    )


def _process(section: Section, group: str, expansions: Mapping[str, object]) -> OldProcess:
    text = section.settings.get("environment", "")
    environment = environment_of(_expanded("environment", text, expansions))
    expansions = {**expansions, **{f"ENV_{key}": value for key, value in environment.items()}}
    name = _expanded("process_name", section.settings.get("process_name", "%(program_name)s"), expansions)
    if "command" not in section.settings:
        raise TakeoverError("has no command")
    try:
        words = shlex.split(_expanded("command", section.settings["command"], expansions))
    except ValueError:
        raise TakeoverError("command cannot be split into words: a quote is not closed") from None
    return OldProcess(name if name == group else f"{group}:{name}", tuple(words), environment)


def _expanded(key: str, text: str, expansions: Mapping[str, object]) -> str:
    """Expand as supervisord does; errors never show the text, it may hold a password."""
    text = text.replace("%(here)s", str(expansions["here"]))
    try:
        return text % expansions
    except KeyError as error:
        raise TakeoverError(f"{key} needs {error}, which cannot be seen from here") from None
    except (ValueError, TypeError):
        names = ", ".join(_NAME_IN_FORMAT.findall(text)) or "a %"
        raise TakeoverError(f"{key} is badly formatted near {names}") from None


def environment_of(text: str) -> dict[str, str]:
    """Read ``KEY=value,KEY2="value"`` by supervisord's own rules (`datatypes.dict_of_key_value_pairs`).

    Raises
    ------
    TakeoverError : it is no such text; does not show it.
    """
    lexer = shlex.shlex(text)
    lexer.wordchars += "/.+-():"
    try:
        tokens = list(lexer)
    except ValueError:
        raise TakeoverError("environment has a quote that is not closed") from None
    found: dict[str, str] = {}
    for index in range(0, len(tokens), 4):
        pair = tokens[index : index + 3]
        if len(pair) != 3 or pair[1] != "=":
            raise TakeoverError("environment is no KEY=value,KEY=value")
        found[pair[0]] = pair[2].strip("'\"")
    return found


def absolute(path: str, folder: str | Path | None) -> str:
    """A path as it is meant in a folder; as it is where the folder is not known."""
    return str(Path(folder) / path) if folder and not path.startswith("/") else path
