"""Which sources answered in a tick: supervisord, queues, workers, host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from autoscaler.model import Known, Reading, Tick, Worker
from autoscaler.observe.queues import NoSuchQueue


@dataclass(frozen=True, slots=True)
class Source:
    """One of them."""

    #: ``supervisord``, ``queues``, ``workers`` or ``host``.
    name: str
    #: Why nothing could be seen of it; empty when it could.
    error: str = ""

    @property
    def up(self) -> bool:
        """Whether it told anything."""
        return not self.error


def sources(tick: Tick) -> Iterator[Source]:
    """Those that a tick has asked.

    Queues and workers are up when one of them told anything: the others are matters of their fleets. A
    worker that has never answered yet is not expected to, so with none that has there is no source.
    """
    yield Source("supervisord", _error(tick.observation.processes))
    queues = tick.observation.queues
    yield from _any("queues", ((f"queue {name}: ", queues[name]) for name in sorted(queues)))
    yield from _any("workers", ((f"worker {each.name}: ", each.stats) for each in _answering(tick)))
    yield Source("host", _error(tick.observation.host))


def _answering(tick: Tick) -> Iterator[Worker]:
    return (worker for fleet in tick.fleets for worker in fleet.workers or () if worker.answered)


def _any(name: str, readings: Iterable[tuple[str, Reading[object]]]) -> Iterator[Source]:
    """One source of many readings: up when any has told, down with the first one's error."""
    asked = list(readings)
    errors = [f"{what}{_error(reading)}" for what, reading in asked if _error(reading)]
    if asked:
        yield Source(name, errors[0] if len(errors) == len(asked) else "")


def _error(reading: Reading[object]) -> str:
    """Why a source did not tell; that there is no such queue is an answer."""
    if isinstance(reading, Known | NoSuchQueue):
        return ""
    return reading.error or "unknown"
