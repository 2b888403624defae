"""The tables of drains in progress, of workers as they were seen, and of singletons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from pydantic import TypeAdapter

from autoscaler.errors import StoreError
from autoscaler.model import Drain, DrainPhase, SeenWorker, SingletonRecord, WorkerState
from autoscaler.store.database import Database

_SINGLETON: Final = TypeAdapter(SingletonRecord)

_COLUMNS = "worker, phase, since, reason, pid"
_PUT = f"INSERT OR REPLACE INTO drains ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)"  # noqa: S608 - literals
_STRIKE = "DELETE FROM drains WHERE worker = ?"


class Journal:
    """Who is leaving, or being taken back, and why; and which worker's process has answered."""

    def __init__(self, database: Database) -> None:
        self._db = database
        #: As it was seen last; None before the first look. Nobody else writes it.
        self._drains: dict[str, Drain] | None = None
        #: What could not be written yet: whom to strike, and whom we saw.
        self._struck: set[str] = set()
        self._seen: Mapping[str, SeenWorker] | None = None
        #: As they were read or written last, for a new database.
        self._known_seen: Mapping[str, SeenWorker] | None = None
        self._known_singletons: Mapping[str, SingletonRecord] | None = None

    def drains(self) -> dict[str, Drain]:
        """The journal, by worker name; after the first look also while it cannot be read.

        Raises
        ------
        StoreError : also if a row cannot be understood: without it a drain would be forgotten half-way.
        """
        try:
            drains = self._read_drains()
        except StoreError:
            if self._drains is None:
                raise
        else:
            self._drains = {name: drain for name, drain in drains.items() if name not in self._struck}
        return dict(self._drains)

    def _read_drains(self) -> dict[str, Drain]:
        rows = self._db.rows(f"SELECT {_COLUMNS} FROM drains")  # noqa: S608 - literals
        with self._db.understanding("drains") as row:
            return {row(r[0]): Drain(r[0], DrainPhase(r[1]), *r[2:]) for r in rows}

    def put_drain(self, drain: Drain) -> None:
        """Write a line of the journal, replacing the worker's former one; it is on the disk, or not there."""
        known = self.drains()
        self._db.write(_PUT, [_row(drain)])
        self._struck.discard(drain.worker)
        self._drains = known | {drain.worker: drain}

    def delete_drains(self, workers: Iterable[str]) -> None:
        """Strike workers from the journal; unknown names are ignored.

        A line that stays on the disk for longer does no harm: what it tells to do has been done.
        """
        struck = frozenset(workers)
        self._drains = {name: drain for name, drain in self.drains().items() if name not in struck}
        self._struck |= struck
        self.flush()

    def flush(self) -> None:
        """Write what could not be written before."""
        if not self._struck and self._seen is None:
            return
        with self._db.transaction(what="ended drains, seen workers"):
            self._db.connection.executemany(_STRIKE, [(worker,) for worker in sorted(self._struck)])
            if self._seen is not None:
                self._replace_seen(self._seen)
        self._struck, self._seen = set(), None

    def rewrite(self) -> None:
        """Write all that is known into a new database."""
        with self._db.transaction(what="rewrite the journal"):
            if self._drains is not None:
                self._db.replace("drains", _COLUMNS, [_row(drain) for drain in self._drains.values()])
            if self._known_seen is not None:
                self._replace_seen(self._known_seen)
            if self._known_singletons is not None:
                self._replace_singletons(self._known_singletons)

    def seen_workers(self) -> dict[str, SeenWorker]:
        """What each worker was when it was seen last, by name.

        Raises
        ------
        StoreError : also if a row cannot be understood.
        """
        rows = self._db.rows("SELECT name, pid, answered, state, since FROM workers")
        with self._db.understanding("workers") as row:
            seen = {row(r[0]): SeenWorker(r[0], r[1], bool(r[2]), WorkerState(r[3]), r[4]) for r in rows}
        self._known_seen = seen
        return seen

    def replace_seen_workers(self, workers: Mapping[str, SeenWorker]) -> None:
        """Remember exactly these workers."""
        self._seen = self._known_seen = workers
        self.flush()

    def _replace_seen(self, workers: Mapping[str, SeenWorker]) -> None:
        rows = [(w.name, w.pid, w.answered, w.state.value, w.since) for w in workers.values()]
        self._db.replace("workers", "name, pid, answered, state, since", rows)

    def singletons(self) -> dict[str, SingletonRecord]:
        """What is remembered of each singleton, by name.

        Raises
        ------
        StoreError : also if a row cannot be understood: one that we stopped would seem stopped by hand.
        """
        rows = self._db.rows("SELECT name, value FROM singletons")
        with self._db.understanding("singletons") as row:
            memories = {row(name): _SINGLETON.validate_json(value) for name, value in rows}
        self._known_singletons = memories
        return memories

    def replace_singletons(self, memories: Mapping[str, SingletonRecord]) -> None:
        """Remember exactly these."""
        with self._db.transaction(what="singletons"):
            self._replace_singletons(memories)
        self._known_singletons = memories

    def _replace_singletons(self, memories: Mapping[str, SingletonRecord]) -> None:
        rows = [(name, _SINGLETON.dump_json(memory).decode()) for name, memory in memories.items()]
        self._db.replace("singletons", "name, value", rows)


def _row(drain: Drain) -> tuple[object, ...]:
    return (drain.worker, drain.phase.value, drain.since, drain.reason, drain.pid)
