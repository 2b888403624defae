"""Past decisions and samples, read while the daemon writes; newest first."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from autoscaler.errors import StoreError
from autoscaler.model import PastDecision, Reason, Sample
from autoscaler.store.database import BUSY_TIMEOUT, Row
from autoscaler.store.schema import DATABASE

_REASONS: Final = TypeAdapter(tuple[Reason, ...])


class History:
    """Reads a state folder's database; any thread, any process that may read it."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / DATABASE

    def decisions(self, fleet: str, limit: int, since: float = 0.0) -> list[PastDecision]:
        """The last decisions about a fleet, from a time on.

        Raises
        ------
        StoreError : the database cannot be read.
        """
        columns = "at, current, desired, recommended, reasons, ready, reserved, running"
        return [
            PastDecision(at, current, desired, recommended, _REASONS.validate_json(reasons), *demand)
            for at, current, desired, recommended, reasons, *demand in self._rows(
                "decisions", columns, fleet, limit, since
            )
        ]

    def samples(self, fleet: str, limit: int, since: float = 0.0) -> list[Sample]:
        """The last samples of a fleet, from a time on; raises as `decisions`."""
        columns = "at, ready, reserved, running, workers, desired, wait"
        return [Sample(*row) for row in self._rows("samples", columns, fleet, limit, since)]

    def _rows(self, table: str, columns: str, fleet: str, limit: int, since: float) -> list[Row]:
        sql = f"SELECT {columns} FROM {table} WHERE fleet = ? AND at >= ? ORDER BY at DESC LIMIT ?"  # noqa: S608
        url = f"{self._path.as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(url, uri=True, timeout=BUSY_TIMEOUT)) as database:
                return database.execute(sql, (fleet, since, limit)).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self._path} cannot be read: {error}") from error
