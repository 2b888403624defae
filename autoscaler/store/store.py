"""All tables of the database together, as the loop uses them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

from autoscaler.errors import StoreCorrupt, StoreError
from autoscaler.model import (
    Drain,
    FleetState,
    Hold,
    Minute,
    SeenWorker,
    SingletonRecord,
    Tick,
    Track,
    WorkerHold,
)
from autoscaler.store.database import Database
from autoscaler.store.holds import Holds
from autoscaler.store.journal import Journal
from autoscaler.store.memories import Memories
from autoscaler.store.record import Record

T = TypeVar("T")

#: What follows from a state that cannot be written.
WITHOUT_STATE: Final = (
    "nothing is remembered until it can be written: workers are started as needed, and none is drained"
)


class Store:
    """The database. One connection, used by the loop thread alone.

    Every method raises StoreError where the database cannot be read; what each returns and does stands with
    its table. Of those that write, only the ones that must not be forgotten raise it: what the daemon
    can do without is kept in memory, written when it can be, and told in `trouble`.
    """

    def __init__(self, state_dir: Path) -> None:
        """Open or create it.

        Raises
        ------
        StoreError : it cannot be opened, or was written by a later release. One that is damaged is moved
            aside, and `trouble` says what was lost.
        """
        self._db = Database(state_dir)
        self._journal = Journal(self._db)
        self._holds = Holds(self._db)
        self._memories = Memories(self._db)
        self._record = Record(self._db)
        #: What is wrong with the state just now, in words; empty while nothing is.
        self.trouble = self._db.damage
        #: Whether drains may have been under way of which nothing is known any more.
        self.journal_lost = "drains" in self._db.lost | frozenset(self._forget_nonsense())

    def _forget_nonsense(self) -> Iterator[str]:
        """Empty the tables that were rescued and make no sense; their names."""
        reads = {
            "drains": self._journal.drains,
            "holds": self._holds.holds,
            "worker_holds": self._holds.worker_holds,
            "singletons": self._journal.singletons,
        }
        for table, read in reads.items() if self._db.damage else ():
            try:
                read()
            except StoreError:
                self._db.write(f"DELETE FROM {table}", [()])  # noqa: S608 - a literal
                yield table

    def _tolerated(self, write: Callable[[], None]) -> None:
        """Try to write what the daemon can do without; note why it could not be."""
        try:
            write()
        except StoreCorrupt as error:
            self._renew(error)
        except StoreError as error:
            self.trouble = f"{error}; {WITHOUT_STATE}"
        else:
            self.trouble = ""

    def _renew(self, error: StoreCorrupt) -> None:
        """Go on with a new database, and with the journal as it is in memory."""
        try:
            self._db.renew(error)
            self._journal.rewrite()
            self._holds.rewrite()
        except StoreError as failure:
            self.trouble = f"{failure}; {WITHOUT_STATE}"
        else:
            self.trouble = f"{self._db.damage}; the drain journal and the holds are written anew from memory"

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def drains(self) -> dict[str, Drain]:
        """See `Journal`."""
        return self._journal.drains()

    def put_drain(self, drain: Drain) -> None:
        """See `Journal`."""
        self._journal.put_drain(drain)

    def delete_drains(self, workers: Iterable[str]) -> None:
        """See `Journal`."""
        names = list(workers)
        self._tolerated(lambda: self._journal.delete_drains(names))

    def seen_workers(self) -> dict[str, SeenWorker]:
        """See `Journal`."""
        return self._journal.seen_workers()

    def replace_seen_workers(self, workers: Mapping[str, SeenWorker]) -> None:
        """See `Journal`."""
        self._tolerated(lambda: self._journal.replace_seen_workers(workers))

    def singletons(self) -> dict[str, SingletonRecord]:
        """See `Journal`."""
        return self._journal.singletons()

    def replace_singletons(self, memories: Mapping[str, SingletonRecord]) -> None:
        """See `Journal`."""
        self._journal.replace_singletons(memories)

    def holds(self) -> dict[str, Hold]:
        """See `Holds`."""
        return self._read_holds(self._holds.holds)

    def _read_holds(self, read: Callable[[], dict[str, T]]) -> dict[str, T]:
        try:
            return read()
        except StoreCorrupt as error:
            self._renew(error)
            return read()

    def put_hold(self, fleet: str, hold: Hold) -> None:
        """See `Holds`."""
        self._holds.put_hold(fleet, hold)

    def note_hold(self, fleet: str, hold: Hold) -> None:
        """See `Holds`."""
        self._tolerated(lambda: self._holds.note_hold(fleet, hold))

    def delete_holds(self, fleets: Iterable[str]) -> None:
        """See `Holds`."""
        names = list(fleets)
        self._tolerated(lambda: self._holds.delete_holds(names))

    def worker_holds(self) -> dict[str, WorkerHold]:
        """See `Holds`."""
        return self._read_holds(self._holds.worker_holds)

    def put_worker_hold(self, hold: WorkerHold) -> None:
        """See `Holds`."""
        self._holds.put_worker_hold(hold)

    def note_worker_hold(self, hold: WorkerHold) -> None:
        """See `Holds`."""
        self._tolerated(lambda: self._holds.note_worker_hold(hold))

    def delete_worker_holds(self, workers: Iterable[str]) -> None:
        """See `Holds`."""
        names = list(workers)
        self._tolerated(lambda: self._holds.delete_worker_holds(names))

    def put_away(self, workers: Iterable[str]) -> None:
        """See `Holds`."""
        names = list(workers)
        self._tolerated(lambda: self._holds.put_away(names))

    def memory(self) -> dict[str, FleetState]:
        """See `Memories`."""
        return self._memories.memory()

    def tracks(self) -> dict[str, Track]:
        """See `Memories`."""
        return self._memories.tracks()

    def minutes(self) -> dict[str, tuple[Minute, ...]]:
        """See `Record`."""
        return self._record.minutes()

    def record(
        self,
        tick: Tick,
        memory: Mapping[str, FleetState],
        tracks: Mapping[str, Track] = MappingProxyType({}),
        minutes: Mapping[str, Minute] = MappingProxyType({}),
    ) -> None:
        """Write a tick, the memory after it and now and then what was measured, in one transaction.

        Parameters
        ----------
        minutes : each fleet's minute that this tick has ended, if it has.
        """
        self._tolerated(lambda: self._write(tick, memory, tracks, minutes))

    def _write(
        self,
        tick: Tick,
        memory: Mapping[str, FleetState],
        tracks: Mapping[str, Track],
        minutes: Mapping[str, Minute],
    ) -> None:
        self._db.look()
        self._journal.flush()
        self._holds.flush()
        with self._db.transaction(what="record the tick"):
            self._memories.record_memory(memory)
            self._record.record_tick(tick)
            self._record.record_minutes(minutes)
            self._memories.record_tracks(tick.at, tracks)
        self._record.clean_up(tick.at)
