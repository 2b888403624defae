"""The SQLite database: one connection, whole transactions, errors in words."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from autoscaler.errors import StoreCorrupt, StoreError
from autoscaler.net.asked import Asked
from autoscaler.store.rescue import PRECIOUS, move_aside, remove, rescue
from autoscaler.store.schema import DATABASE, prepare
from autoscaler.text import plain

log = logging.getLogger(__name__)

T = TypeVar("T")
Row = tuple[Any, ...]

#: Seconds to wait for another process that reads the database.
BUSY_TIMEOUT: Final = 2.0
#: Small tables that are looked through at every tick; damage to the others shows as they are used.
_VITAL: Final = ("sqlite_schema", *PRECIOUS, "workers", "memory")


class Database:
    """One connection, used by the loop thread alone."""

    def __init__(self, state_dir: Path) -> None:
        """Open or create it.

        Raises
        ------
        StoreError : it cannot be opened or moved aside, or was written by a later release.
        """
        self.path = state_dir / DATABASE
        #: The tables that were made anew although something precious may have been in them.
        self.lost: frozenset[str] = frozenset()
        #: What became of a damaged one, in words; empty where there was none.
        self.damage = ""
        #: Damage that was met and not mended yet.
        self._met: StoreCorrupt | None = None
        if self._is_missing():
            self._finish_replacing()
            self.lost = frozenset(PRECIOUS)
        elif self._has_no_journal():
            self.lost = frozenset(PRECIOUS)
        try:
            self.connection = self._open(self.path)
            self._opened = self._identity()
        except StoreCorrupt as error:
            self._replace(error)

    @property
    def _successor(self) -> Path:
        """The database that is to take a damaged one's place."""
        return self.path.with_name(f"{self.path.name}.new")

    def _is_missing(self) -> bool:
        """Whether there is none; one without a byte is left by a crash, or a full disk, that came first."""
        with self.translated():
            return not self.path.exists() or not self.path.stat().st_size

    def _has_no_journal(self) -> bool:
        """Whether SQLite reads it, and it has not even the table that every release of ours has made."""
        sql = "SELECT count(*) FROM sqlite_master WHERE name = 'drains'"
        with suppress(sqlite3.Error), closing(_existing(self.path, "ro")) as connection:
            return bool(connection.execute(sql).fetchone() == (0,))
        return False  # what is wrong with it shows as it is opened

    def _identity(self) -> tuple[int, int] | None:
        """Which file has its name now; None while there is none."""
        with self.translated():
            try:
                status = self.path.stat()
            except FileNotFoundError:
                return None
            return status.st_dev, status.st_ino

    def look(self) -> None:
        """Look for damage to what must not get lost; nobody else writes the file while it is in use.

        Raises
        ------
        StoreCorrupt : some was met since it was renewed, or is found now, or the file is another one.
        """
        if self._met is not None:
            raise self._met
        if self._identity() != self._opened:
            raise StoreCorrupt(f"{self.path}: was deleted or replaced while it was in use")
        with self.translated():
            # What SQLite remembers of its pages would hide what has become of them.
            self.connection.execute("PRAGMA shrink_memory")
            for table in _VITAL:
                _look_for_damage(self.connection, table)

    def _finish_replacing(self) -> None:
        """Use what a crash has left between moving a damaged database aside and putting the new one there."""
        with self.translated():
            if self._successor.exists():
                self._successor.replace(self.path)
                self.damage = f"{self.path}: was damaged and moved aside; a crash cut that short"

    def _open(self, path: Path) -> sqlite3.Connection:
        with self.translated():
            # Made by us first: SQLite would make it readable for all, and what it makes beside it too.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640))
            path.chmod(0o640)
            connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
            try:
                prepare(connection, path)
                _look_for_damage(connection)
            except BaseException:
                connection.close()
                raise
            return connection

    def renew(self, error: StoreCorrupt) -> None:
        """Move a damaged database aside and go on with a new one, and what could be read of the old.

        Raises
        ------
        StoreError : it cannot be moved aside, or a new one not be made; the damaged one is in use still.
        """
        self._met = error
        self.connection.close()
        try:
            self._replace(error)
        except StoreError:
            with suppress(sqlite3.Error):
                self.connection = _existing(self.path, "rw")
            raise

    def _replace(self, error: StoreCorrupt) -> None:
        """Make the new one whole beside the damaged one, then let it take its place."""
        rows = rescue(self.path)
        with self.translated():
            remove(self._successor)
        with closing(self._open(self._successor)) as successor:
            taken = frozenset(table for table in rows if self._take(successor, table, rows[table]))
        with self.translated():
            aside = move_aside(self.path, time.strftime("%Y%m%dT%H%M%S"))
            self._successor.replace(self.path)
        self.connection = self._open(self.path)
        self._opened, self._met = self._identity(), None
        self.lost = frozenset(PRECIOUS) - taken
        lost = ", ".join(["samples", "decisions", "what was measured", *sorted(self.lost)])
        kept = ", ".join(f"{len(rows[table])} {table}" for table in sorted(rows) if table not in self.lost)
        self.damage = f"{error}; moved to {aside.name}; lost: {lost}" + (f"; kept: {kept}" if kept else "")

    def _take(self, successor: sqlite3.Connection, table: str, rows: list[Row]) -> bool:
        """Whether rows of an old database fit into the new one."""
        if not rows:
            return True
        marks = ", ".join("?" for _ in rows[0])
        try:
            with self.transaction(successor):
                successor.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608
        except StoreError:
            return False
        return True

    def close(self) -> None:
        """Close the database."""
        self.connection.close()

    def rows(self, sql: str, values: tuple[object, ...] = ()) -> list[Row]:
        """All rows of a query."""
        with self.translated():
            return self.connection.execute(sql, values).fetchall()

    def write(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        """One statement for each row, in one transaction."""
        with self.transaction(what=sql.partition("(")[0].strip()):
            self.connection.executemany(sql, rows)

    def replace(self, table: str, columns: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Let a table hold exactly these rows; within a transaction.

        Parameters
        ----------
        table, columns : literals of this package, e.g. ``memory`` and ``fleet, value``.
        """
        marks = ", ".join("?" for _ in columns.split(","))
        self.connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a literal
        self.connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608

    @contextmanager
    def transaction(
        self, connection: sqlite3.Connection | None = None, *, what: str = "write"
    ) -> Iterator[None]:
        """All of it or nothing; of this database's own connection, or of another one.

        Parameters
        ----------
        what : names it in the log.
        """
        connection = connection or self.connection
        with Asked(log, f"{DATABASE}: {what}") as asked, self.translated():
            connection.execute("BEGIN IMMEDIATE")
            before = connection.total_changes
            try:
                yield
                connection.execute("COMMIT")
                asked.came_back(f"{connection.total_changes - before} rows")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def understanding(self, table: str) -> Iterator[Callable[[str], str]]:
        """Give a function that is told each row's key before its values are made, to name it in a failure."""
        current = ""

        def row(key: str) -> str:
            nonlocal current
            current = key
            return key

        try:
            yield row
        except ValueError as error:
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
            raise StoreError(
                f"{self.path}: table {table}, row {current!r} cannot be read: {why}; "
                "install the release that wrote it, or delete the row"
            ) from error

    @contextmanager
    def translated(self) -> Iterator[None]:
        """SQLite's errors as ours, with the file."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if not _is_damage(error):
                raise StoreError(f"{self.path}: {error}") from error
            self._met = StoreCorrupt(f"{self.path}: {error}")
            raise self._met from error


def _is_damage(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_ERROR:
        # A file that was overwritten may read as a sound one that has not got our tables.
        return str(error).startswith("no such table")
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _existing(path: Path, mode: str) -> sqlite3.Connection:
    """Open a file that is there; SQLite would make one that is not."""
    url = f"{path.as_uri()}?mode={mode}"
    return sqlite3.connect(url, uri=True, timeout=BUSY_TIMEOUT, isolation_level=None)


def _look_for_damage(connection: sqlite3.Connection, table: str = "") -> None:
    found = connection.execute(f"PRAGMA quick_check({table or 1})").fetchone()
    if found is None or found[0] != "ok":
        raise StoreCorrupt(f"the database is damaged: {plain(str(found), 120)}")


def readable(adapter: TypeAdapter[T], rows: Iterable[tuple[str, str]]) -> dict[str, T]:
    """Values by fleet; those that another release wrote otherwise are left out."""
    result = {}
    for fleet, value in rows:
        try:
            result[fleet] = adapter.validate_json(value)
        except ValidationError:
            continue  # the fleet starts to remember anew
    return result
