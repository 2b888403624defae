"""The values that acting in one tick works on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from autoscaler.model import Drain, Process, Worker
from autoscaler.model.report import Report


@dataclass(frozen=True, slots=True)
class Order:
    """What one fleet's decision asks for."""

    fleet: str
    queues: frozenset[str]
    drain_timeout: float
    #: Whether a worker whose drain takes longer is told to stop.
    stops_overdue: bool
    #: Renders the section of a worker by its name; None for a fleet that is no longer in the config.
    section: Callable[[str], str] | None
    #: Workers to start.
    start: int = 0
    #: Workers to take back, by name.
    restore: tuple[str, ...] = ()
    #: Workers to drain, by name.
    drain: tuple[str, ...] = ()
    #: Why those of `drain` have to go.
    reason: str = ""
    #: They go for changed settings, with which others are to start in their place.
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """What there is before acting."""

    #: Section text by worker name, as in our file.
    sections: Mapping[str, str]
    #: By program name, foreign ones included.
    processes: Mapping[str, Process]
    #: The journal, by worker name.
    drains: Mapping[str, Drain]
    #: Every worker that has a section or a line in the journal.
    workers: Mapping[str, Worker]


@dataclass(slots=True)
class Turn:
    """One turn: its orders, the journal as it changes, and what comes of it."""

    now: float
    world: World
    #: By fleet. Workers of a fleet without an order are left alone.
    orders: dict[str, Order]
    drains: dict[str, Drain]
    report: Report = field(default_factory=Report)
