"""The tables of the states of decisions and measurements, one JSON value per fleet."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from autoscaler.model import FleetState, Track
from autoscaler.store.database import Database, readable
from autoscaler.store.schema import DATABASE

#: Seconds between two writes of what is measured: some kilobytes a fleet, too much for every tick.
TRACKS_PERIOD: Final = 10.0

_MEMORY: Final = TypeAdapter(FleetState)
_TRACK: Final = TypeAdapter(Track)


class Memories:
    """Memory and tracks. Both are only wanted, not needed: what cannot be read any more is left out."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._tracked_at = 0.0

    def memory(self) -> dict[str, FleetState]:
        """Each fleet's memory."""
        return readable(_MEMORY, self._db.rows("SELECT fleet, value FROM memory"))

    def tracks(self) -> dict[str, Track]:
        """What was measured of each fleet."""
        return readable(_TRACK, self._db.rows("SELECT fleet, value FROM tracks"))

    def record_memory(self, memory: Mapping[str, FleetState]) -> None:
        """Remember exactly this; within a transaction."""
        rows = [(fleet, _MEMORY.dump_json(value).decode()) for fleet, value in memory.items()]
        self._db.replace("memory", "fleet, value", rows)

    def record_tracks(self, now: float, tracks: Mapping[str, Track]) -> None:
        """Remember exactly this, if it is time again; within a transaction."""
        if now - self._tracked_at < TRACKS_PERIOD:
            return
        self._tracked_at = now
        rows = [(fleet, _TRACK.dump_json(track).decode()) for fleet, track in tracks.items()]
        self._db.replace("tracks", "fleet, value", rows)


def stored_tracks(state_dir: Path) -> dict[str, Track]:
    """What a daemon has measured, as far as this user may read it; also while it runs."""
    try:
        with closing(sqlite3.connect(f"{(state_dir / DATABASE).as_uri()}?mode=ro", uri=True)) as db:
            return readable(_TRACK, db.execute("SELECT fleet, value FROM tracks").fetchall())
    except (sqlite3.Error, OSError):
        return {}  # no daemon has run here yet, or it is not for our eyes
