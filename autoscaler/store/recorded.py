"""The recorded load of a fleet, for the simulator; the daemon may run meanwhile."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from autoscaler.errors import StoreError
from autoscaler.store.schema import DATABASE


@dataclass(frozen=True, slots=True)
class RecordedSample:
    """One of the daemon's looks."""

    at: float
    #: Count of published tasks, only differences mean anything; None where they were not counted.
    published: float | None
    #: Mean seconds that a task ran, as measured up to then.
    service: float | None
    #: Serving and held workers.
    workers: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is kept of a fleet, in the order of time: minutes of older times, then samples."""

    #: (when it began, tasks published in it).
    minutes: tuple[tuple[float, float], ...]
    samples: tuple[RecordedSample, ...]


def recorded(state_dir: Path, fleet: str, since: float) -> Recorded:
    """All that was recorded of a fleet since a time.

    Raises
    ------
    StoreError : there is no database, it cannot be read, or a release before this one wrote it.
    """
    path = state_dir / DATABASE
    if not path.exists():
        raise StoreError(f"{path} does not exist: no daemon has run with this state_dir")
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            return _read(database, fleet, since)
    except sqlite3.OperationalError as error:
        if "no such" in str(error):
            raise StoreError(f"{path} is of an earlier release: run this one's daemon, it records") from error
        raise StoreError(f"{path}: {error}") from error
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path}: {error}") from error


def _read(database: sqlite3.Connection, fleet: str, since: float) -> Recorded:
    samples = database.execute(
        "SELECT at, published, service, workers FROM samples WHERE fleet = ? AND at >= ? ORDER BY at",
        (fleet, since),
    ).fetchall()
    counted = (at for at, published, _, _ in samples if published is not None)
    minutes = database.execute(
        "SELECT at, arrivals FROM minutes WHERE fleet = ? AND at >= ? AND at + 60 <= ? ORDER BY at",
        (fleet, since, next(counted, float("inf"))),
    ).fetchall()
    return Recorded(tuple(minutes), tuple(RecordedSample(*row) for row in samples))
