"""What the daemon remembers: one SQLite database in the state folder.

    workers     what each worker was when it was seen last (which process has answered)
    drains      the drain journal: who is leaving, or being taken back, and why
    memory      each fleet's memory for its next decision
    tracks      what was measured of each fleet; written now and then only
    holds       what operators ordered
    decisions   each decision that differs from the one before it
    samples     one row a fleet every ten seconds

A killed daemon loses at most the tick that it was in, and a few seconds of what it measured: every step
on a worker is journalled before it is taken (write-ahead log, so a commit survives the process; a power
cut ends the workers too).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from autoscaler.errors import AlreadyRunning, StoreError
from autoscaler.model import (
    Decision,
    Drain,
    DrainPhase,
    FleetMemory,
    FleetTick,
    Hold,
    Reason,
    SeenWorker,
    Tick,
    Track,
    WorkerState,
)

T = TypeVar("T")

DATABASE: Final = "autoscaler.db"
#: Version of the tables; a database with a higher one was written by a later release.
SCHEMA_VERSION: Final = 1
#: Seconds between two samples of a fleet.
SAMPLE_PERIOD: Final = 10.0
#: Seconds that rows are kept, by table.
KEPT: Final = {"samples": 2 * 86400.0, "decisions": 30 * 86400.0}
#: Seconds between two clean-ups.
CLEANUP_PERIOD: Final = 3600.0
#: Seconds between two writes of what is measured: some kilobytes a fleet, too much for every tick.
TRACKS_PERIOD: Final = 10.0
#: Rows that one tick deletes, and pages that it gives back: a clean-up of more goes on at the next one.
CLEANUP_ROWS: Final = 5000
CLEANUP_PAGES: Final = 500
#: Seconds to wait for another process that reads the database.
BUSY_TIMEOUT: Final = 2.0

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS workers (
    name TEXT PRIMARY KEY, pid INTEGER, answered INTEGER NOT NULL, state TEXT NOT NULL, since REAL NOT NULL);
CREATE TABLE IF NOT EXISTS drains (
    worker TEXT PRIMARY KEY, phase TEXT NOT NULL, since REAL NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS memory (fleet TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tracks (fleet TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS holds (fleet TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS decisions (
    at REAL NOT NULL, fleet TEXT NOT NULL, current INTEGER NOT NULL, recommended INTEGER,
    desired INTEGER NOT NULL, reasons TEXT NOT NULL, ready REAL, reserved INTEGER, running INTEGER);
CREATE INDEX IF NOT EXISTS decisions_by_fleet ON decisions (fleet, at);
CREATE INDEX IF NOT EXISTS decisions_by_time ON decisions (at);
CREATE TABLE IF NOT EXISTS samples (
    at REAL NOT NULL, fleet TEXT NOT NULL, ready REAL, reserved INTEGER, running INTEGER,
    workers INTEGER NOT NULL, desired INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS samples_by_fleet ON samples (fleet, at);
CREATE INDEX IF NOT EXISTS samples_by_time ON samples (at);
"""

_MEMORY: Final = TypeAdapter(FleetMemory)
_TRACK: Final = TypeAdapter(Track)
_HOLD: Final = TypeAdapter(Hold)
_REASONS: Final = TypeAdapter(tuple[Reason, ...])


class Lock:
    """Lets one daemon at a time use a state folder; the kernel frees it when the process ends."""

    def __init__(self, state_dir: Path) -> None:
        """Take the lock.

        Raises
        ------
        AlreadyRunning : another process holds it.
        StoreError : the folder cannot be made or written.
        """
        self._path = state_dir / "lock"
        try:
            state_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise StoreError(f"state_dir {state_dir} cannot be used: {error.strerror or error}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._fd, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise AlreadyRunning(
                f"another autoscaler (pid {holder}) uses state_dir {state_dir}: "
                "stop it, or set another state_dir"
            ) from None
        os.ftruncate(self._fd, 0)
        os.write(self._fd, f"{os.getpid()}\n".encode())

    def lost(self) -> bool:
        """Whether the lock file was deleted or replaced: another daemon could take the one there is now."""
        try:
            there = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False  # it cannot be looked at, which does not say that it is gone
        ours = os.fstat(self._fd)
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._fd)


class Store:
    """The database. One connection, used by the loop thread alone."""

    def __init__(self, state_dir: Path) -> None:
        """Open or create it.

        Raises
        ------
        StoreError : it cannot be opened, is corrupt, or was written by a later release.
        """
        self._path = state_dir / DATABASE
        self._cleaned_at = 0.0
        self._tracked_at = 0.0
        self._sampled: dict[str, float] = {}
        self._last_decisions: dict[str, tuple[object, ...]] = {}
        with self._translated():
            self._db = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT, isolation_level=None)
            self._path.chmod(0o640)
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise StoreError(
                    f"{self._path} has version {version}, this release knows up to {SCHEMA_VERSION}: "
                    "install the release that wrote it, or another state_dir"
                )
            # Before anything is in the database; it says nothing to one that has tables already.
            self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    # --- the drain journal ---

    def drains(self) -> dict[str, Drain]:
        """The journal, by worker name.

        Raises
        ------
        StoreError : also if a row cannot be understood: without it a drain would be forgotten half-way.
        """
        rows = self._rows("SELECT worker, phase, since, reason FROM drains")
        with self._understanding("drains") as row:
            return {row(r[0]): Drain(r[0], DrainPhase(r[1]), r[2], r[3]) for r in rows}

    def put_drain(self, drain: Drain) -> None:
        """Write a line of the journal, replacing the worker's former one."""
        self._write(
            "INSERT OR REPLACE INTO drains (worker, phase, since, reason) VALUES (?, ?, ?, ?)",
            [(drain.worker, drain.phase.value, drain.since, drain.reason)],
        )

    def delete_drains(self, workers: Iterable[str]) -> None:
        """Strike workers from the journal; unknown names are ignored."""
        self._write("DELETE FROM drains WHERE worker = ?", [(worker,) for worker in workers])

    # --- what was seen of the workers ---

    def seen_workers(self) -> dict[str, SeenWorker]:
        """What each worker was when it was seen last, by name.

        Raises
        ------
        StoreError : also if a row cannot be understood.
        """
        rows = self._rows("SELECT name, pid, answered, state, since FROM workers")
        with self._understanding("workers") as row:
            return {row(r[0]): SeenWorker(r[0], r[1], bool(r[2]), WorkerState(r[3]), r[4]) for r in rows}

    def replace_seen_workers(self, workers: Mapping[str, SeenWorker]) -> None:
        """Remember exactly these workers."""
        with self._transaction():
            self._db.execute("DELETE FROM workers")
            self._db.executemany(
                "INSERT INTO workers (name, pid, answered, state, since) VALUES (?, ?, ?, ?, ?)",
                [(w.name, w.pid, w.answered, w.state.value, w.since) for w in workers.values()],
            )

    # --- memory and holds ---

    def memory(self) -> dict[str, FleetMemory]:
        """Each fleet's memory; one that cannot be read any more is left out, as if it were new."""
        return _readable(_MEMORY, self._rows("SELECT fleet, value FROM memory"))

    def tracks(self) -> dict[str, Track]:
        """What was measured of each fleet; left out as `memory` is."""
        return _readable(_TRACK, self._rows("SELECT fleet, value FROM tracks"))

    def holds(self) -> dict[str, Hold]:
        """What operators ordered, by fleet.

        Raises
        ------
        StoreError : also if a row cannot be understood: an order must not get lost.
        """
        rows = self._rows("SELECT fleet, value FROM holds")
        with self._understanding("holds") as row:
            return {row(fleet): _HOLD.validate_json(value) for fleet, value in rows}

    # --- the record ---

    def record(
        self,
        tick: Tick,
        memory: Mapping[str, FleetMemory],
        tracks: Mapping[str, Track] = MappingProxyType({}),
    ) -> None:
        """Write a tick, the memory after it and now and then what was measured, in one transaction."""
        decided = [(fleet, fleet.decision) for fleet in tick.fleets if fleet.decision is not None]
        with self._transaction():
            self._db.execute("DELETE FROM memory")
            self._db.executemany(
                "INSERT INTO memory (fleet, value) VALUES (?, ?)",
                [(fleet, _MEMORY.dump_json(value).decode()) for fleet, value in memory.items()],
            )
            self._db.executemany(
                "INSERT INTO samples (at, fleet, ready, reserved, running, workers, desired)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [_sample(tick.at, fleet, d) for fleet, d in decided if self._is_sampled(fleet.name, tick.at)],
            )
            for _, decision in decided:
                self._record_decision(decision)
            self._record_tracks(tick.at, tracks)
        self._clean_up(tick.at)

    def _is_sampled(self, fleet: str, now: float) -> bool:
        """Whether it is the fleet's first tick in its period; by a grid, so that late ticks do not add up."""
        period = now // SAMPLE_PERIOD
        if self._sampled.get(fleet) == period:
            return False
        self._sampled[fleet] = period
        return True

    def _record_tracks(self, now: float, tracks: Mapping[str, Track]) -> None:
        if now - self._tracked_at < TRACKS_PERIOD:
            return
        self._tracked_at = now
        self._db.execute("DELETE FROM tracks")
        self._db.executemany(
            "INSERT INTO tracks (fleet, value) VALUES (?, ?)",
            [(fleet, _TRACK.dump_json(track).decode()) for fleet, track in tracks.items()],
        )

    def _record_decision(self, decision: Decision) -> None:
        """Keep a decision that differs from the fleet's last one."""
        gist = (decision.current, decision.desired, *(reason.code for reason in decision.reasons))
        if self._last_decisions.get(decision.fleet) == gist:
            return
        self._last_decisions[decision.fleet] = gist
        demand = decision.demand
        self._db.execute(
            "INSERT INTO decisions"
            " (at, fleet, current, recommended, desired, reasons, ready, reserved, running)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                decision.at,
                decision.fleet,
                decision.current,
                decision.recommended,
                decision.desired,
                _REASONS.dump_json(decision.reasons).decode(),
                demand.ready,
                demand.reserved,
                demand.running,
            ),
        )

    def _clean_up(self, now: float) -> None:
        if now - self._cleaned_at < CLEANUP_PERIOD:
            return
        left = CLEANUP_ROWS
        with self._transaction():
            for table, kept in KEPT.items():
                old = f"SELECT rowid FROM {table} WHERE at < ? LIMIT ?"  # noqa: S608 - the tables are literals
                delete = f"DELETE FROM {table} WHERE rowid IN ({old})"  # noqa: S608
                left -= self._db.execute(delete, (now - kept, left)).rowcount
        with self._translated():
            # As a script: it gives back one page a step, and `execute` takes a single step.
            self._db.executescript(f"PRAGMA incremental_vacuum({CLEANUP_PAGES})")
        if left > 0:
            self._cleaned_at = now

    # --- SQLite ---

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self._translated():
            return self._db.execute(sql).fetchall()

    def _write(self, sql: str, rows: list[tuple[object, ...]]) -> None:
        with self._transaction():
            self._db.executemany(sql, rows)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _understanding(self, table: str) -> Iterator[Callable[[str], str]]:
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
                f"{self._path}: table {table}, row {current!r} cannot be read: {why}; "
                "install the release that wrote it, or delete the row"
            ) from error

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self._path}: {error}") from error


def stored_tracks(state_dir: Path) -> dict[str, Track]:
    """What a daemon has measured, as far as this user may read it; also while it runs."""
    try:
        with closing(sqlite3.connect(f"{(state_dir / DATABASE).as_uri()}?mode=ro", uri=True)) as db:
            return _readable(_TRACK, db.execute("SELECT fleet, value FROM tracks").fetchall())
    except (sqlite3.Error, OSError):
        return {}  # no daemon has run here yet, or it is not for our eyes


def _readable(adapter: TypeAdapter[T], rows: Iterable[tuple[str, str]]) -> dict[str, T]:
    """Values by fleet; those that another release wrote otherwise are left out."""
    result = {}
    for fleet, value in rows:
        try:
            result[fleet] = adapter.validate_json(value)
        except ValidationError:
            continue  # the fleet starts to remember anew
    return result


def _sample(at: float, fleet: FleetTick, decision: Decision) -> tuple[object, ...]:
    demand = decision.demand
    ready = demand.ready if demand.complete else None
    return (at, fleet.name, ready, demand.reserved, demand.running, decision.current, decision.desired)
