"""A load from a CSV file.

    arrival[,service_time]     one line a task
    period_start,count         one line a period; its tasks are spread as a Poisson process by the seed

Times are seconds (any zero) or ISO 8601 (UTC where no zone is given). Lines are in the order of time.
"""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from autoscaler.errors import TraceError
from autoscaler.tools.simulate.load import Load, Service, spread

ARRIVALS = ("arrival", "service_time")
PERIODS = ("period_start", "count")
#: More tasks than this are refused before they fill the memory.
MOST_TASKS = 5_000_000
_HEADERS = "'arrival', 'arrival,service_time' or 'period_start,count'"


@dataclass(frozen=True, slots=True)
class _Row:
    """One line after the header."""

    path: Path
    line: int
    cells: tuple[str, ...]

    def wrong(self, message: str) -> NoReturn:
        raise TraceError(f"{self.path}:{self.line}: {message}")


def read_trace(path: Path, seed: int, service: Service) -> Load:
    """Read a trace file.

    Parameters
    ----------
    seed : of the spread within periods and of the service times that the file does not give.
    service : of tasks whose service time the file does not give.

    Raises
    ------
    TraceError : the file cannot be read or a line of it is wrong; names file, line, value and rule.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _parse(path, csv.reader(file), random.Random(seed), service)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TraceError(f"{path}:1: cannot be read as CSV: {error}") from error


def _parse(path: Path, lines: Iterator[list[str]], rng: random.Random, service: Service) -> Load:
    header = tuple(cell.strip().lower() for cell in next(lines, []))
    rows = [
        _Row(path, line, tuple(cell.strip() for cell in cells))
        for line, cells in enumerate(lines, start=2)
        if any(cell.strip() for cell in cells)
    ]
    if header not in (ARRIVALS, ARRIVALS[:1], PERIODS):
        raise TraceError(f"{path}:1: the header is {','.join(header)!r}; it must be {_HEADERS}")
    if not rows:
        raise TraceError(f"{path}:1: there is no line after the header")
    for row in rows:
        if len(row.cells) != len(header):
            row.wrong(f"has {len(row.cells)} values; the header names {len(header)}")
    times = _times(rows)
    if header == PERIODS:
        return _periods(path.stem, rows, times, rng, service)
    return _arrivals(path.stem, rows, times, rng, service)


def _times(rows: Sequence[_Row]) -> list[float]:
    """Seconds from the first line's time."""
    times = [_time(row) for row in rows]
    for row, before, time in zip(rows[1:], times, times[1:], strict=False):
        if time < before:
            row.wrong(f"{row.cells[0]!r} is before the line above; lines must be in the order of time")
    return [time - times[0] for time in times]


def _arrivals(
    name: str, rows: Sequence[_Row], times: Sequence[float], rng: random.Random, service: Service
) -> Load:
    services = tuple(_service_time(row) if len(row.cells) > 1 else service(rng) for row in rows)
    return Load(name, tuple(times), services, times[-1] + 1.0)


def _periods(
    name: str, rows: Sequence[_Row], times: Sequence[float], rng: random.Random, service: Service
) -> Load:
    if len(rows) < 2 or times[1] <= 0:
        rows[-1].wrong("the first two lines must have different times; they say how long a period is")
    length = times[1]
    for row, before, time in zip(rows[1:], times, times[1:], strict=False):
        if time - before < length * 0.999:
            row.wrong(f"begins {time - before:g} s after the line above; a period is {length:g} s")
    counts = [_count(row) for row in rows]
    if sum(counts) > MOST_TASKS:
        rows[-1].wrong(f"the file has {sum(counts)} tasks; at most {MOST_TASKS} can be simulated")
    arrivals = [
        arrival
        for begin, count in zip(times, counts, strict=True)
        for arrival in sorted(spread(rng, count, begin, begin + length))
    ]
    return Load(name, tuple(arrivals), tuple(service(rng) for _ in arrivals), times[-1] + length)


def _time(row: _Row) -> float:
    text = row.cells[0]
    try:
        seconds = float(text)
    except ValueError:
        return _moment(row, text)
    if not math.isfinite(seconds):
        row.wrong(f"{text!r} is not a time; it must be seconds or ISO 8601")
    return seconds


def _moment(row: _Row, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        row.wrong(f"{text!r} is not a time; it must be seconds or ISO 8601")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _service_time(row: _Row) -> float:
    seconds = _number(row, row.cells[1])
    if seconds <= 0:
        row.wrong(f"service_time {row.cells[1]!r} must be more than 0 seconds")
    return seconds


def _count(row: _Row) -> int:
    count = _number(row, row.cells[1])
    if count < 0 or count != int(count):
        row.wrong(f"count {row.cells[1]!r} must be a whole number, 0 or more")
    return int(count)


def _number(row: _Row, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        row.wrong(f"{text!r} is not a number")
    if not math.isfinite(number):
        row.wrong(f"{text!r} is not a finite number")
    return number
