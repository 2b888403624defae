"""The tables of operators' holds, of fleets and of single workers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, Generic, TypeVar

from pydantic import TypeAdapter

from autoscaler.model import Hold, WorkerHold
from autoscaler.store.database import Database

V = TypeVar("V")

_HOLD: Final = TypeAdapter(Hold)
_WORKER_HOLD: Final = TypeAdapter(WorkerHold)


class _Table(Generic[V]):
    """Values by name, in memory once they were read: nobody else writes them.

    An order is on the disk before it is in force. One that has ended and cannot be struck is forgotten in
    memory, and struck when that can be done.
    """

    def __init__(self, database: Database, table: str, key: str, adapter: TypeAdapter[V]) -> None:
        self._db = database
        self._table = table
        self._adapter = adapter
        self._values: dict[str, V] | None = None
        self._struck: set[str] = set()
        self._columns = f"{key}, value"
        self._read = f"SELECT {key}, value FROM {table}"  # noqa: S608 - literals
        self._put = f"INSERT OR REPLACE INTO {table} ({key}, value) VALUES (?, ?)"  # noqa: S608
        self._strike = f"DELETE FROM {table} WHERE {key} = ?"  # noqa: S608

    def all(self) -> dict[str, V]:
        if self._values is None:
            rows = self._db.rows(self._read)
            with self._db.understanding(self._table) as row:
                self._values = {row(name): self._adapter.validate_json(value) for name, value in rows}
        return dict(self._values)

    def put(self, values: Mapping[str, V]) -> None:
        known = self.all()
        rows = [(name, self._adapter.dump_json(value).decode()) for name, value in values.items()]
        self._db.write(self._put, rows)
        self._struck -= set(values)
        self._values = known | dict(values)

    def note(self, values: Mapping[str, V]) -> None:
        # In memory first: what follows from what is seen does so again, and must not hold up a tick.
        self._values = self.all() | dict(values)
        self.put(values)

    def drop(self, names: Iterable[str]) -> None:
        gone = frozenset(names)
        self._values = {name: value for name, value in self.all().items() if name not in gone}
        self._struck |= gone
        self.flush()

    def flush(self) -> None:
        if self._struck:
            self._db.write(self._strike, [(name,) for name in sorted(self._struck)])
            self._struck = set()

    def rewrite(self) -> None:
        if self._values is None:
            return
        # All of it: what was rescued may be older than what is known.
        rows = [(name, self._adapter.dump_json(value).decode()) for name, value in self._values.items()]
        with self._db.transaction():
            self._db.replace(self._table, self._columns, rows)
        self._struck = set()


class Orders:
    """Holds of fleets and of single workers."""

    def __init__(self, database: Database) -> None:
        self._fleets = _Table(database, "holds", "fleet", _HOLD)
        self._workers = _Table(database, "worker_holds", "worker", _WORKER_HOLD)

    def holds(self) -> dict[str, Hold]:
        """What operators ordered, by fleet.

        Raises
        ------
        StoreError : also if a row cannot be understood: an order must not get lost.
        """
        return self._fleets.all()

    def put_hold(self, fleet: str, hold: Hold) -> None:
        """Remember an order for a fleet in place of the one before."""
        self._fleets.put({fleet: hold})

    def note_hold(self, fleet: str, hold: Hold) -> None:
        """Change an order by what is seen; in memory also where it cannot be written."""
        self._fleets.note({fleet: hold})

    def delete_holds(self, fleets: Iterable[str]) -> None:
        """Forget the orders for fleets; unknown names are ignored."""
        self._fleets.drop(fleets)

    def worker_holds(self) -> dict[str, WorkerHold]:
        """Who was ordered out of service, by worker name; raises as `holds`."""
        return self._workers.all()

    def put_worker_hold(self, hold: WorkerHold) -> None:
        """Remember an order for a worker in place of the one before."""
        self._workers.put({hold.worker: hold})

    def note_worker_hold(self, hold: WorkerHold) -> None:
        """Change an order for a worker as `note_hold` does."""
        self._workers.note({hold.worker: hold})

    def put_away(self, workers: Iterable[str]) -> None:
        """Note of workers that were ordered out that their processes have ended."""
        holds = self._workers.all()
        self._workers.note({name: replace(holds[name], out=True) for name in workers if name in holds})

    def delete_worker_holds(self, workers: Iterable[str]) -> None:
        """Forget the orders for workers; unknown names are ignored."""
        self._workers.drop(workers)

    def flush(self) -> None:
        """Strike what could not be struck before."""
        self._fleets.flush()
        self._workers.flush()

    def rewrite(self) -> None:
        """Write all of it into a new database."""
        self._fleets.rewrite()
        self._workers.rewrite()
