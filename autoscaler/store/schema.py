"""The schema of the database, and the migrations from older releases."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from autoscaler.errors import StoreError

DATABASE: Final = "autoscaler.db"
#: Version of the tables; a database with a higher one was written by a later release.
SCHEMA_VERSION: Final = 3

#: Tables as they are now. What an older release has made stays as it was until a migration changes it.
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS workers (
    name TEXT PRIMARY KEY, pid INTEGER, answered INTEGER NOT NULL, state TEXT NOT NULL, since REAL NOT NULL);
CREATE TABLE IF NOT EXISTS drains (
    worker TEXT PRIMARY KEY, phase TEXT NOT NULL, since REAL NOT NULL, reason TEXT NOT NULL, pid INTEGER);
CREATE TABLE IF NOT EXISTS singletons (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS memory (fleet TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tracks (fleet TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS holds (fleet TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS worker_holds (worker TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS decisions (
    at REAL NOT NULL, fleet TEXT NOT NULL, current INTEGER NOT NULL, recommended INTEGER,
    desired INTEGER NOT NULL, reasons TEXT NOT NULL, ready REAL, reserved INTEGER, running INTEGER);
CREATE INDEX IF NOT EXISTS decisions_by_fleet ON decisions (fleet, at);
CREATE INDEX IF NOT EXISTS decisions_by_time ON decisions (at);
CREATE TABLE IF NOT EXISTS samples (
    at REAL NOT NULL, fleet TEXT NOT NULL, ready REAL, reserved INTEGER, running INTEGER,
    workers INTEGER NOT NULL, desired INTEGER NOT NULL, published REAL, service REAL, wait REAL);
CREATE INDEX IF NOT EXISTS samples_by_fleet ON samples (fleet, at);
CREATE INDEX IF NOT EXISTS samples_by_time ON samples (at);
CREATE TABLE IF NOT EXISTS minutes (
    at REAL NOT NULL, fleet TEXT NOT NULL, arrivals REAL NOT NULL, slots INTEGER NOT NULL,
    by_day INTEGER, by_hour INTEGER, PRIMARY KEY (fleet, at));
CREATE INDEX IF NOT EXISTS minutes_by_time ON minutes (at);
"""

#: What brings the tables of one version to the next, by the version that it starts from.
_MIGRATIONS: Final[dict[int, str]] = {
    1: """
ALTER TABLE drains ADD COLUMN pid INTEGER;
ALTER TABLE samples ADD COLUMN published REAL;
ALTER TABLE samples ADD COLUMN service REAL;
""",
    2: """
ALTER TABLE samples ADD COLUMN wait REAL;
""",
}


def prepare(database: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or bring those of an older release up to date; all of it or nothing.

    Raises
    ------
    StoreError : a later release wrote them.
    sqlite3.Error : they cannot be read or written.
    """
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path} has version {version}, this release knows up to {SCHEMA_VERSION}: "
            "install the release that wrote it, or another state_dir"
        )
    # Before anything is in the database; it says nothing to one that has tables already.
    database.execute("PRAGMA auto_vacuum = INCREMENTAL")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    # Version 0 is a new file: it has the tables of today at once.
    steps = [_MIGRATIONS[each] for each in range(version, SCHEMA_VERSION)] if version else []
    script = "\n".join([*steps, _SCHEMA, f"PRAGMA user_version = {SCHEMA_VERSION};"])
    try:
        database.executescript(f"BEGIN IMMEDIATE;\n{script}\nCOMMIT;")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
