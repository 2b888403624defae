"""The drain journal, what was seen of the workers, and what was done to the singletons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from pydantic import TypeAdapter

from autoscaler.model import Drain, DrainPhase, SeenWorker, SingletonMemory, WorkerState
from autoscaler.store.database import Database

_SINGLETON: Final = TypeAdapter(SingletonMemory)


class Journal:
    """Who is leaving, or being taken back, and why; and which worker's process has answered."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def drains(self) -> dict[str, Drain]:
        """The journal, by worker name.

        Raises
        ------
        StoreError : also if a row cannot be understood: without it a drain would be forgotten half-way.
        """
        rows = self._db.rows("SELECT worker, phase, since, reason FROM drains")
        with self._db.understanding("drains") as row:
            return {row(r[0]): Drain(r[0], DrainPhase(r[1]), r[2], r[3]) for r in rows}

    def put_drain(self, drain: Drain) -> None:
        """Write a line of the journal, replacing the worker's former one."""
        self._db.write(
            "INSERT OR REPLACE INTO drains (worker, phase, since, reason) VALUES (?, ?, ?, ?)",
            [(drain.worker, drain.phase.value, drain.since, drain.reason)],
        )

    def delete_drains(self, workers: Iterable[str]) -> None:
        """Strike workers from the journal; unknown names are ignored."""
        self._db.write("DELETE FROM drains WHERE worker = ?", [(worker,) for worker in workers])

    def seen_workers(self) -> dict[str, SeenWorker]:
        """What each worker was when it was seen last, by name.

        Raises
        ------
        StoreError : also if a row cannot be understood.
        """
        rows = self._db.rows("SELECT name, pid, answered, state, since FROM workers")
        with self._db.understanding("workers") as row:
            return {row(r[0]): SeenWorker(r[0], r[1], bool(r[2]), WorkerState(r[3]), r[4]) for r in rows}

    def replace_seen_workers(self, workers: Mapping[str, SeenWorker]) -> None:
        """Remember exactly these workers."""
        rows = [(w.name, w.pid, w.answered, w.state.value, w.since) for w in workers.values()]
        with self._db.transaction():
            self._db.replace("workers", "name, pid, answered, state, since", rows)

    def singletons(self) -> dict[str, SingletonMemory]:
        """What is remembered of each singleton, by name.

        Raises
        ------
        StoreError : also if a row cannot be understood: one that we stopped would seem stopped by hand.
        """
        rows = self._db.rows("SELECT name, value FROM singletons")
        with self._db.understanding("singletons") as row:
            return {row(name): _SINGLETON.validate_json(value) for name, value in rows}

    def replace_singletons(self, memories: Mapping[str, SingletonMemory]) -> None:
        """Remember exactly these."""
        rows = [(name, _SINGLETON.dump_json(memory).decode()) for name, memory in memories.items()]
        with self._db.transaction():
            self._db.replace("singletons", "name, value", rows)
