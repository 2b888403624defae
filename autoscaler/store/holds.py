"""The tables of operators' holds, of fleets and of single workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from pydantic import TypeAdapter

from autoscaler.model import FixedSize, Hold, Paused, Stopped, WorkerHold
from autoscaler.store.database import Database

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _StoredHold:
    """The hold of a fleet as the database has it: one shape for all kinds."""

    #: None: paused; 0 where `stopped`.
    workers: int | None
    by: str = ""
    reason: str = ""
    since: float = 0.0
    until: float | None = None
    stopped: bool = False
    #: Empty but for a stop that ends with the boot of the machine.
    boot: str = ""
    beneath: _StoredHold | None = None


_STORED_HOLD: Final = TypeAdapter(_StoredHold)
_WORKER_HOLD: Final = TypeAdapter(WorkerHold)


def _stored(hold: Hold) -> _StoredHold:
    row = _StoredHold(None, hold.by, hold.reason, hold.since, hold.until)
    match hold:
        case Paused():
            return row
        case FixedSize():
            return replace(row, workers=hold.workers)
        case Stopped():
            beneath = _stored(hold.beneath) if hold.beneath is not None else None
            return replace(row, workers=0, stopped=True, boot=hold.boot, beneath=beneath)


def _hold(row: _StoredHold) -> Hold:
    hold: Hold
    if row.stopped:
        hold = Stopped(boot=row.boot, beneath=_hold(row.beneath) if row.beneath is not None else None)
    else:
        hold = Paused() if row.workers is None else FixedSize(row.workers)
    return replace(hold, by=row.by, reason=row.reason, since=row.since, until=row.until)


class _Table(Generic[V]):
    """Values by name, in memory once they were read: nobody else writes them.

    A hold is on the disk before it is in force. A hold that has ended and cannot be deleted is forgotten in
    memory, and deleted when that can be done.

    Parameters
    ----------
    load, dump : a value from JSON, and its JSON.
    """

    def __init__(
        self, database: Database, table: str, key: str, load: Callable[[str], V], dump: Callable[[V], bytes]
    ) -> None:
        self._db = database
        self._table = table
        self._load = load
        self._dump = dump
        self._values: dict[str, V] | None = None
        self._deleted: set[str] = set()
        self._columns = f"{key}, value"
        self._read = f"SELECT {key}, value FROM {table}"  # noqa: S608 - literals
        self._put = f"INSERT OR REPLACE INTO {table} ({key}, value) VALUES (?, ?)"  # noqa: S608
        self._delete = f"DELETE FROM {table} WHERE {key} = ?"  # noqa: S608

    def all(self) -> dict[str, V]:
        if self._values is None:
            rows = self._db.rows(self._read)
            with self._db.understanding(self._table) as row:
                self._values = {row(name): self._load(value) for name, value in rows}
        return dict(self._values)

    def put(self, values: Mapping[str, V]) -> None:
        known = self.all()
        self._db.write(self._put, self._rows(values))
        self._deleted -= set(values)
        self._values = known | dict(values)

    def note(self, values: Mapping[str, V]) -> None:
        # In memory first: what follows from what is seen does so again, and must not hold up a tick.
        self._values = self.all() | dict(values)
        self.put(values)

    def drop(self, names: Iterable[str]) -> None:
        gone = frozenset(names)
        self._values = {name: value for name, value in self.all().items() if name not in gone}
        self._deleted |= gone
        self.flush()

    def flush(self) -> None:
        if self._deleted:
            self._db.write(self._delete, [(name,) for name in sorted(self._deleted)])
            self._deleted = set()

    def rewrite(self) -> None:
        if self._values is None:
            return
        # All of it: what was rescued may be older than what is known.
        with self._db.transaction(what=f"rewrite {self._table}"):
            self._db.replace(self._table, self._columns, self._rows(self._values))
        self._deleted = set()

    def _rows(self, values: Mapping[str, V]) -> list[tuple[str, str]]:
        return [(name, self._dump(value).decode()) for name, value in values.items()]


class Holds:
    """Holds of fleets and of single workers."""

    def __init__(self, database: Database) -> None:
        self._fleets: _Table[Hold] = _Table(
            database,
            "holds",
            "fleet",
            load=lambda value: _hold(_STORED_HOLD.validate_json(value)),
            dump=lambda hold: _STORED_HOLD.dump_json(_stored(hold)),
        )
        self._workers: _Table[WorkerHold] = _Table(
            database,
            "worker_holds",
            "worker",
            load=_WORKER_HOLD.validate_json,
            dump=_WORKER_HOLD.dump_json,
        )

    def holds(self) -> dict[str, Hold]:
        """The holds by fleet.

        Raises
        ------
        StoreError : also if a row cannot be understood: a hold must not get lost.
        """
        return self._fleets.all()

    def put_hold(self, fleet: str, hold: Hold) -> None:
        """Store the hold of a fleet in place of the one before."""
        self._fleets.put({fleet: hold})

    def note_hold(self, fleet: str, hold: Hold) -> None:
        """Change a hold by what is seen; in memory also where it cannot be written."""
        self._fleets.note({fleet: hold})

    def delete_holds(self, fleets: Iterable[str]) -> None:
        """Delete the holds of fleets; unknown names are ignored."""
        self._fleets.drop(fleets)

    def worker_holds(self) -> dict[str, WorkerHold]:
        """The holds of single workers by worker name; raises as `holds`."""
        return self._workers.all()

    def put_worker_hold(self, hold: WorkerHold) -> None:
        """Store the hold of a worker in place of the one before."""
        self._workers.put({hold.worker: hold})

    def note_worker_hold(self, hold: WorkerHold) -> None:
        """Change the hold of a worker as `note_hold` does."""
        self._workers.note({hold.worker: hold})

    def put_away(self, workers: Iterable[str]) -> None:
        """Note that the processes of held workers have ended."""
        holds = self._workers.all()
        self._workers.note({name: replace(holds[name], out=True) for name in workers if name in holds})

    def delete_worker_holds(self, workers: Iterable[str]) -> None:
        """Delete the holds of workers; unknown names are ignored."""
        self._workers.drop(workers)

    def flush(self) -> None:
        """Delete what could not be deleted before."""
        self._fleets.flush()
        self._workers.flush()

    def rewrite(self) -> None:
        """Write all holds into a new database."""
        self._fleets.rewrite()
        self._workers.rewrite()
