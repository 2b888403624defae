"""A damaged database: moved aside, and its readable rows of drains and holds rescued."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import Any, Final

#: What must not get lost if it can be helped; all else is measured or decided anew.
PRECIOUS: Final = ("drains", "holds", "singletons", "worker_holds")
#: What SQLite keeps beside a database.
_BESIDE: Final = ("", "-wal", "-shm")


def move_aside(path: Path, stamp: str) -> Path:
    """Rename a database and what belongs to it, to ``<name>.corrupt-<stamp>``; returns its new path.

    Raises
    ------
    OSError : it cannot be renamed.
    """
    names = (path.with_name(f"{path.name}.corrupt-{stamp}{f'-{n}' if n > 1 else ''}") for n in count(1))
    aside = next(name for name in names if not name.exists())
    for ending in _BESIDE:
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
    return aside


def remove(path: Path) -> None:
    """Delete a database and what belongs to it, as far as there is any.

    Raises
    ------
    OSError : it cannot be deleted.
    """
    for ending in _BESIDE:
        path.with_name(path.name + ending).unlink(missing_ok=True)


def rescue(path: Path) -> Mapping[str, list[tuple[Any, ...]]]:
    """The rows of those precious tables that can still be read, by table."""
    found = {}
    for table in PRECIOUS:
        with (
            suppress(sqlite3.Error, OSError),
            closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db,
        ):
            found[table] = db.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - a literal
    return found
