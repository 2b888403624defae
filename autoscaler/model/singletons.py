"""Singletons: programs that run exactly once, such as celery beat."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath


class SingletonState(StrEnum):
    """The life of a singleton: starting -> running, with a rest after every death too many."""

    #: In our file, but its process has not stayed up long enough for supervisord's word.
    STARTING = "starting"
    RUNNING = "running"
    #: Told to stop by us, to be taken out or started with other settings.
    STOPPING = "stopping"
    #: It dies again and again, and is started again later.
    RESTING = "resting"
    #: Stopped by an operator; stays so until it is started by hand.
    HELD = "held"
    #: It is not there: its start was refused, or has not been tried yet.
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class SingletonRecord:
    """What is remembered of a singleton; written down before any step that follows from it."""

    #: Pid of the process seen last.
    pid: int | None = None
    #: When supervisord started the process of the latest counted death.
    died_with: float | None = None
    #: When it died by itself, oldest first; those of one streak.
    deaths: tuple[float, ...] = ()
    #: We stop it, to take it out or start it with other settings.
    leaving: bool = False
    #: Not to be started before, since it dies again and again; None: no rest.
    rest_until: float | None = None
    #: Pid of the process that its rest began with.
    rest_pid: int | None = None
    state: SingletonState = SingletonState.MISSING
    #: When it entered `state`.
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class SingletonTick:
    """One singleton in one tick."""

    name: str
    #: None when the processes could not be seen.
    state: SingletonState | None
    #: When it entered `state`.
    since: float
    pid: int | None
    #: When its rest ends; None: it does not rest.
    rest_until: float | None = None
    #: Times that it died by itself in the latest streak.
    deaths: int = 0
    #: What is wrong with it; empty when nothing is.
    trouble: str = ""
    #: Its settings are not those of the config yet.
    outdated: bool = False
    #: What a dry run leaves undone is told, and not done.
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Beat:
    """A celery beat that runs on this machine, anybody's."""

    pid: int
    #: As `app_of_beat` gives it.
    app: str
    #: Pids of its parents up to the first process.
    parents: frozenset[int]
    #: Folder that it runs in; None where that may not be seen.
    directory: str | None = None
    #: Folder of its celery command, or of the Python that runs it; None where it was looked up in a PATH.
    program: str | None = None


_TITLE = re.compile(r"\[celery beat\]")
_CELERY = frozenset({"celery", "celery.py", "celery.exe"})


def app_of_beat(command: Sequence[str]) -> str | None:
    """Tell which app a command sends the periodic tasks of.

    Parameters
    ----------
    command : an argument vector, or a title that setproctitle has given the process.

    Returns
    -------
    What follows ``celery -A``, without the part that Celery finds by itself; empty where it is given in no
    argument; None if it is neither ``celery beat`` nor ``celery worker -B``.
    """
    words = _words_of_celery(command)
    if words is None or not _sends_periodic_tasks(words):
        return None
    return plain_app(_app(words))


def plain_app(app: str) -> str:
    """Write an app without what Celery finds by itself: ``shop`` for ``shop.celery:app``."""
    return app.partition(":")[0].removesuffix(".celery")


def folder_of_program(command: Sequence[str]) -> str | None:
    """The folder of the first absolute path among the words that start a program."""
    first = (word for word in command[:2] if word.startswith("/"))
    return next((str(PurePath(word).parent) for word in first), None)


def _words_of_celery(command: Sequence[str]) -> list[str] | None:
    """What follows ``celery`` in a command; None if it is not one of Celery's."""
    words = [word for word in command if word]
    if words and _TITLE.match(words[0]):
        return ["beat", *_split(" ".join(words).removeprefix("[celery beat]"))]
    for index, word in enumerate(words[:4]):
        if PurePath(word).name in _CELERY:
            return words[index + 1 :]
    return None


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _sends_periodic_tasks(words: Sequence[str]) -> bool:
    if "worker" in words:
        return not {"-B", "--beat"}.isdisjoint(words)
    return "beat" in words


def _app(words: Sequence[str]) -> str:
    for index, word in enumerate(words):
        if word in {"-A", "--app"} and index + 1 < len(words):
            return words[index + 1]
        if word.startswith("--app="):
            return word.removeprefix("--app=")
        if word.startswith("-A") and len(word) > 2:
            return word[2:]
    return ""
