"""What operators ordered."""

from __future__ import annotations

from typing import Final

from pydantic import TypeAdapter

from autoscaler.model import Hold
from autoscaler.store.database import Database

_HOLD: Final = TypeAdapter(Hold)


class Orders:
    """Pauses and sizes set by hand."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def holds(self) -> dict[str, Hold]:
        """What operators ordered, by fleet.

        Raises
        ------
        StoreError : also if a row cannot be understood: an order must not get lost.
        """
        rows = self._db.rows("SELECT fleet, value FROM holds")
        with self._db.understanding("holds") as row:
            return {row(fleet): _HOLD.validate_json(value) for fleet, value in rows}
