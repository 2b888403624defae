"""The tables of samples, minutes and decisions, and how long they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Final

from pydantic import TypeAdapter

from autoscaler.model import Decision, FleetTick, Measures, Minute, Reason, Tick
from autoscaler.store.database import Database

#: Seconds between two samples of a fleet.
SAMPLE_PERIOD: Final = 10.0
#: Seconds that rows are kept, by table; each has a column `at`.
KEPT: Final = {"samples": 2 * 86400.0, "minutes": 15 * 86400.0, "decisions": 30 * 86400.0}
#: Seconds between two clean-ups.
CLEANUP_PERIOD: Final = 3600.0
#: Rows that one tick deletes, and pages that it gives back: a clean-up of more goes on at the next one.
CLEANUP_ROWS: Final = 5000
CLEANUP_PAGES: Final = 500

_REASONS: Final = TypeAdapter(tuple[Reason, ...])


class Record:
    """Samples at their time, decisions where they differ."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._cleaned_at = 0.0
        self._sampled: dict[str, float] = {}
        self._last_decisions: dict[str, tuple[object, ...]] = {}

    def record_tick(self, tick: Tick) -> None:
        """Write what is to be kept of a tick; within a transaction."""
        decided = [(fleet, fleet.decision) for fleet in tick.fleets if fleet.decision is not None]
        self._db.connection.executemany(
            "INSERT INTO samples"
            " (at, fleet, ready, reserved, running, workers, desired, published, service, wait)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [_sample(tick.at, fleet, d) for fleet, d in decided if self._is_sampled(fleet.name, tick.at)],
        )
        for _, decision in decided:
            self._record_decision(decision)

    def record_minutes(self, minutes: Mapping[str, Minute]) -> None:
        """Write the minutes that are over, by fleet; within a transaction."""
        self._db.connection.executemany(
            "INSERT OR REPLACE INTO minutes (fleet, at, arrivals, slots, by_day, by_hour)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [(fleet, m.at, m.arrivals, m.slots, m.by_day, m.by_hour) for fleet, m in minutes.items()],
        )

    def minutes(self) -> dict[str, tuple[Minute, ...]]:
        """All minutes that are kept, by fleet, in the order of time."""
        rows = self._db.rows(
            "SELECT fleet, at, arrivals, slots, by_day, by_hour FROM minutes ORDER BY fleet, at"
        )
        fleets = groupby(rows, key=lambda row: str(row[0]))
        return {fleet: tuple(Minute(*row[1:]) for row in of) for fleet, of in fleets}

    def _is_sampled(self, fleet: str, now: float) -> bool:
        """Whether it is the fleet's first tick in its period; by a grid, so that late ticks do not add up."""
        period = now // SAMPLE_PERIOD
        if self._sampled.get(fleet) == period:
            return False
        self._sampled[fleet] = period
        return True

    def _record_decision(self, decision: Decision) -> None:
        """Keep a decision that is news after the fleet's last one."""
        gist = (decision.current, decision.desired, *decision.limits)
        if self._last_decisions.get(decision.fleet) == gist:
            return
        self._last_decisions[decision.fleet] = gist
        demand = decision.demand
        self._db.connection.execute(
            "INSERT INTO decisions"
            " (at, fleet, current, recommended, desired, reasons, ready, reserved, running)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                decision.at,
                decision.fleet,
                decision.current,
                decision.recommended,
                decision.desired,
                _REASONS.dump_json(decision.reasons).decode(),
                demand.ready,
                demand.reserved,
                demand.running,
            ),
        )

    def clean_up(self, now: float) -> None:
        """Delete what is too old, a part of it a tick, once in a while."""
        if now - self._cleaned_at < CLEANUP_PERIOD:
            return
        left = CLEANUP_ROWS
        with self._db.transaction(what="delete old rows"):
            for table, kept in KEPT.items():
                old = f"SELECT rowid FROM {table} WHERE at < ? LIMIT ?"  # noqa: S608 - the tables are literals
                delete = f"DELETE FROM {table} WHERE rowid IN ({old})"  # noqa: S608
                left -= self._db.connection.execute(delete, (now - kept, left)).rowcount
        with self._db.translated():
            # As a script: it gives back one page a step, and `execute` takes a single step.
            self._db.connection.executescript(f"PRAGMA incremental_vacuum({CLEANUP_PAGES})")
        if left > 0:
            self._cleaned_at = now


def _sample(at: float, fleet: FleetTick, decision: Decision) -> tuple[object, ...]:
    demand = decision.demand
    ready = demand.ready if demand.complete else None
    counts = (at, fleet.name, ready, demand.reserved, demand.running, decision.current, decision.desired)
    measures = Measures() if fleet.situation is None else fleet.situation.measures
    service = measures.service.value if measures.service else None
    return (*counts, _published(at, measures), service, fleet.expected_wait)


def _published(at: float, measures: Measures) -> float | None:
    """The count of published tasks, if it was taken at this very time."""
    latest = measures.published[-1] if measures.published else None
    return latest[1] if latest is not None and latest[0] == at else None
