"""All tables together, as the loop uses them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from autoscaler.model import Drain, FleetMemory, Hold, Minute, SeenWorker, SingletonMemory, Tick, Track
from autoscaler.store.database import Database
from autoscaler.store.journal import Journal
from autoscaler.store.memories import Memories
from autoscaler.store.orders import Orders
from autoscaler.store.record import Record


class Store:
    """The database. One connection, used by the loop thread alone.

    Every method raises StoreError where the database cannot be read or written; what each returns and
    does stands with its table.
    """

    def __init__(self, state_dir: Path) -> None:
        """Open or create it.

        Raises
        ------
        StoreError : it cannot be opened, is corrupt, or was written by a later release.
        """
        self._db = Database(state_dir)
        self._journal = Journal(self._db)
        self._orders = Orders(self._db)
        self._memories = Memories(self._db)
        self._record = Record(self._db)

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
        self._journal.delete_drains(workers)

    def seen_workers(self) -> dict[str, SeenWorker]:
        """See `Journal`."""
        return self._journal.seen_workers()

    def replace_seen_workers(self, workers: Mapping[str, SeenWorker]) -> None:
        """See `Journal`."""
        self._journal.replace_seen_workers(workers)

    def singletons(self) -> dict[str, SingletonMemory]:
        """See `Journal`."""
        return self._journal.singletons()

    def replace_singletons(self, memories: Mapping[str, SingletonMemory]) -> None:
        """See `Journal`."""
        self._journal.replace_singletons(memories)

    def holds(self) -> dict[str, Hold]:
        """See `Orders`."""
        return self._orders.holds()

    def memory(self) -> dict[str, FleetMemory]:
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
        memory: Mapping[str, FleetMemory],
        tracks: Mapping[str, Track] = MappingProxyType({}),
        minutes: Mapping[str, Minute] = MappingProxyType({}),
    ) -> None:
        """Write a tick, the memory after it and now and then what was measured, in one transaction.

        Parameters
        ----------
        minutes : each fleet's minute that this tick has ended, if it has.
        """
        with self._db.transaction():
            self._memories.record_memory(memory)
            self._record.record_tick(tick)
            self._record.record_minutes(minutes)
            self._memories.record_tracks(tick.at, tracks)
        self._record.clean_up(tick.at)
