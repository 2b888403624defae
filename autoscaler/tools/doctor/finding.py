"""A finding of the doctor: level, subject, text and cure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    #: Good to know, or could not be seen.
    NOTE = "note"
    #: It works, but not as its reader may expect.
    WARNING = "warning"
    #: The daemon, or a fleet of it, cannot do its work.
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    #: What was looked at, ``supervisord``; of a fleet ``emails: app``.
    about: str
    #: What was seen, in words and numbers; never holds a password.
    seen: str
    #: What to do: a command, or the lines of a config file. Empty where there is nothing to do.
    todo: str = ""
    #: It could not be seen; `seen` says why.
    unknown: bool = False
    #: It is an error because a service does not answer.
    unreachable: bool = False


def command(*words: object) -> str:
    """A command to paste into a shell, whatever the names in it are."""
    return shlex.join(map(str, words))


def ok(about: str, seen: str) -> Finding:
    """Nothing to do."""
    return Finding(Level.OK, about, seen)


def note(about: str, seen: str, todo: str = "") -> Finding:
    """Good to know."""
    return Finding(Level.NOTE, about, seen, todo)


def unknown(about: str, seen: str, todo: str = "") -> Finding:
    """It could not be seen; `seen` says why."""
    return Finding(Level.NOTE, about, seen, todo, unknown=True)


def warning(about: str, seen: str, todo: str) -> Finding:
    """It works, but not as expected."""
    return Finding(Level.WARNING, about, seen, todo)


def error(about: str, seen: str, todo: str) -> Finding:
    """It cannot work."""
    return Finding(Level.ERROR, about, seen, todo)


def unreachable(about: str, seen: str, todo: str) -> Finding:
    """A service does not answer."""
    return Finding(Level.ERROR, about, seen, todo, unreachable=True)
