"""The items of an installation: users, folders, files, links and services."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeAlias

ROOT = "root"


class Init(Enum):
    """What starts the daemon at boot."""

    SYSV = "sysv"
    UPSTART = "upstart"
    SYSTEMD = "systemd"
    SUPERVISORD = "supervisord"


@dataclass(frozen=True, slots=True)
class User:
    """A system user with a group of the same name."""

    name: str
    home: Path

    def __str__(self) -> str:
        return f"user and group {self.name}"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with its rights."""

    path: Path
    mode: int
    owner: str = ROOT
    group: str = ROOT

    def __str__(self) -> str:
        return f"folder {self.path} ({self.mode:04o}, {self.owner}:{self.group})"


@dataclass(frozen=True, slots=True)
class File:
    """A file with its text and rights."""

    path: Path
    content: str
    mode: int = 0o644
    owner: str = ROOT
    group: str = ROOT
    #: The operator's own from then on: never written again, and only taken back on request.
    is_config: bool = False
    #: The daemon's own from then on; goes with the state.
    is_state: bool = False

    def __str__(self) -> str:
        return f"file {self.path} ({self.mode:04o}, {self.owner}:{self.group})"


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    path: Path
    to: Path

    def __str__(self) -> str:
        return f"link {self.path} -> {self.to}"


Item: TypeAlias = User | Folder | File | Link


@dataclass(frozen=True, slots=True)
class Plan:
    """What one init system needs.

    Attributes
    ----------
    items : in the order in which they are made; taken back the other way round.
    enable, disable : commands that let the init system know, word by word; run after making and before
        taking back.
    left : folders that the daemon fills; deleted whole with the state.
    """

    init: Init
    items: tuple[Item, ...]
    enable: tuple[tuple[str, ...], ...]
    disable: tuple[tuple[str, ...], ...]
    left: tuple[Path, ...]
