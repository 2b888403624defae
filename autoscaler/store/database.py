"""SQLite as the store uses it: one connection, whole transactions, failures in words."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from autoscaler.errors import StoreError
from autoscaler.store.schema import DATABASE, prepare

T = TypeVar("T")
Row = tuple[Any, ...]

#: Seconds to wait for another process that reads the database.
BUSY_TIMEOUT: Final = 2.0


class Database:
    """One connection, used by the loop thread alone."""

    def __init__(self, state_dir: Path) -> None:
        """Open or create it.

        Raises
        ------
        StoreError : it cannot be opened, is corrupt, or was written by a later release.
        """
        self.path = state_dir / DATABASE
        with self.translated():
            self.connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT, isolation_level=None)
            self.path.chmod(0o640)
            prepare(self.connection, self.path)

    def close(self) -> None:
        """Close the database."""
        self.connection.close()

    def rows(self, sql: str, values: tuple[object, ...] = ()) -> list[Row]:
        """All rows of a query."""
        with self.translated():
            return self.connection.execute(sql, values).fetchall()

    def write(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        """One statement for each row, in one transaction."""
        with self.transaction():
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
    def transaction(self) -> Iterator[None]:
        """All of it or nothing."""
        with self.translated():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
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
            raise StoreError(f"{self.path}: {error}") from error


def readable(adapter: TypeAdapter[T], rows: Iterable[tuple[str, str]]) -> dict[str, T]:
    """Values by fleet; those that another release wrote otherwise are left out."""
    result = {}
    for fleet, value in rows:
        try:
            result[fleet] = adapter.validate_json(value)
        except ValidationError:
            continue  # the fleet starts to remember anew
    return result
