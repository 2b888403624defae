"""The kernel's facts about the running supervisord: its user, limits and configuration file.

All of it is for its own machine only. Where the process that has its pid here is no supervisord (it is on
another machine, or in another pid namespace), nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import psutil

#: Where supervisord looks for its file, in this order, when it is not told; relative to its folder.
_SEARCHED = (
    "supervisord.conf",
    "etc/supervisord.conf",
    "/etc/supervisord.conf",
    "/etc/supervisor/supervisord.conf",
)


@dataclass(frozen=True, slots=True)
class SupervisordProcess:
    """A supervisord on this machine."""

    pid: int
    #: Effective user id: workers without a `user` run as this one.
    uid: int
    #: File descriptors that it may have open; None: not for our eyes.
    max_files: int | None
    #: Its main configuration file; None where it cannot be told.
    config_file: Path | None
    #: Its environment, which its programs inherit; None: not for our eyes.
    environment: Mapping[str, str] | None = field(repr=False)


def supervisord_process(pid: int, proc: Path = Path("/proc")) -> SupervisordProcess | None:
    """Look at a process; None where there is none of that pid, or it is no supervisord."""
    try:
        process = psutil.Process(pid)
        words = process.cmdline()
        uid = process.uids().effective
    except (psutil.Error, OSError, ValueError):
        return None
    if not any("supervisor" in word for word in words):
        return None
    return SupervisordProcess(
        pid, uid, _max_files(proc / str(pid)), _file(process, words), environment_of(pid)
    )


def runs_as_root(pid: int) -> bool | None:
    """Whether the supervisord of that pid is root's; None where it cannot be told."""
    found = supervisord_process(pid)
    return None if found is None else found.uid == 0


def _max_files(folder: Path) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in (folder / "limits").read_text().splitlines():
            if line.startswith("Max open files"):
                return int(line.split()[3])
    return None


def environment_of(pid: int) -> Mapping[str, str] | None:
    """The variables that a process was started with; None where it is gone, or not for our eyes."""
    try:
        return psutil.Process(pid).environ()
    except (psutil.Error, OSError, ValueError):
        return None


def _file(process: psutil.Process, words: list[str]) -> Path | None:
    folder = None
    with suppress(psutil.Error, OSError):
        folder = Path(process.cwd())
    given = _given(words)
    if given is not None:
        path = Path(given)
        return path if path.is_absolute() else folder and _there(folder / path)
    searched = (Path(name) if name.startswith("/") else folder and folder / name for name in _SEARCHED)
    return next((path for path in searched if path and _there(path)), None)


def _given(words: list[str]) -> str | None:
    """What follows ``-c`` or ``--configuration``."""
    for word, following in pairwise([*words, ""]):
        if word in ("-c", "--configuration"):
            return following
        if word.startswith("--configuration="):
            return word.partition("=")[2]
        if word.startswith("-c") and not word.startswith("--"):
            return word[2:]
    return None


def _there(path: Path) -> Path | None:
    try:
        return path if path.exists() else None
    except OSError:
        return None
