"""The loads that policies are judged on: made ones by seed, recorded ones by day.

Settings are tuned on odd seeds and odd days, and judged on even ones. A trace of one hour is tuned on its
first half. Recorded loads begin with a warm-up that is simulated but not counted.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from autoscaler.tools.simulate.load import Load, exponential, made, spread
from autoscaler.tools.simulate.patterns import pattern
from benchmarks.policies import surf

#: Makes a load; called in the process that needs it.
Maker = Callable[[], Load]

#: Seconds before a load is counted.
WARMUP = 300.0
#: Workers that the busiest period of the tuning days is scaled to need; max_workers is 64.
BUSIEST = 40.0


@dataclass(frozen=True, slots=True)
class Workload:
    """Loads of one kind."""

    name: str
    #: Whether the load changes slowly against the time that a worker takes to start.
    smooth: bool
    tune: tuple[Maker, ...]
    report: tuple[Maker, ...]
    min_workers: int = 1


@dataclass(frozen=True, slots=True)
class Counts:
    """A trace of counts a period, and which part of it is used."""

    name: str
    file: str
    #: Seconds a period.
    period: float
    #: Mean seconds that a task runs.
    service: float
    smooth: bool
    begin: str
    hours: float
    odd_days: tuple[str, ...]
    even_days: tuple[str, ...]


COUNTS = (
    Counts(
        "worldcup98",
        "worldcup98_per_minute.csv",
        60.0,
        2.0,
        True,
        "16:00",
        2.0,
        ("1998-06-11", "1998-06-17", "1998-06-19"),
        ("1998-06-10", "1998-06-16", "1998-06-18", "1998-06-24"),
    ),
    Counts(
        "nyc-taxi",
        "nyc_taxi_30min.csv",
        1800.0,
        6.0,
        True,
        "06:00",
        2.0,
        ("2014-09-03", "2014-09-05", "2014-09-09"),
        ("2014-09-02", "2014-09-04", "2014-09-10", "2014-09-12"),
    ),
    Counts(
        "elb",
        "elb_requests_5min.csv",
        300.0,
        10.0,
        False,
        "18:00",
        4.0,
        ("2014-04-15", "2014-04-17", "2014-04-21"),
        ("2014-04-14", "2014-04-16", "2014-04-18", "2014-04-22"),
    ),
)
AZURE = "azure_llm_code.csv"
#: Seeds of a made load; each report day of a trace is spread by three of them.
TUNE_SEEDS = (1, 3, 5)
REPORT_SEEDS = tuple(range(2, 22, 2))
DAY_SEEDS = (2, 4, 6)


def workloads(traces: Path | None) -> tuple[list[Workload], list[str]]:
    """All loads that can be had, and a word on each that cannot."""
    found, missing = list(_made()), []
    for name, file, read in _recorded():
        path = traces / file if traces else None
        if path is None or not path.is_file():
            missing.append(_skipped(name, file, traces))
            continue
        try:
            found.append(read(path))
        except ModuleNotFoundError as error:
            missing.append(f"{name}: skipped, {error}: pip install -e '.[parquet]' brings it")
    return found, missing


def _recorded() -> Iterator[tuple[str, str, Callable[[Path], Workload]]]:
    """The name of each recorded load, its file, and what reads it."""
    for counts in COUNTS:
        yield counts.name, counts.file, partial(_counted, counts)
    yield "azure-llm", AZURE, _azure
    yield "surf", surf.FILE, _surf


def _skipped(name: str, file: str, traces: Path | None) -> str:
    where = f"there is no {file} in {traces}" if traces else "no --traces DIR is given"
    return f"{name}: skipped, {where}"


def _made() -> Iterator[Workload]:
    kinds = (
        ("step", False, 1),
        ("cron-burst", False, 1),
        ("random-bursts", False, 1),
        ("rare-long", True, 1),
        ("slow-drift", True, 1),
        ("idle-then-one", False, 0),
        ("broker-outage", False, 1),
        ("worker-crash", True, 1),
    )
    for name, smooth, least in kinds:
        tune, report = (
            tuple(partial(pattern, name, seed) for seed in seeds) for seeds in (TUNE_SEEDS, REPORT_SEEDS)
        )
        yield Workload(name, smooth, tune, report, least)


def _counted(counts: Counts, path: Path) -> Workload:
    rows = dict(_rows(path))
    odd = [_window(counts, rows, day) for day in counts.odd_days]
    most = max(max(values) for values in odd)
    scale = BUSIEST / counts.service * counts.period / most
    even = [_window(counts, rows, day) for day in counts.even_days]
    make = partial(_spread, counts, scale)
    return Workload(
        counts.name,
        counts.smooth,
        tuple(partial(make, values, TUNE_SEEDS[0]) for values in odd),
        tuple(partial(make, values, seed) for values in even for seed in DAY_SEEDS),
    )


def traced_days(traces: Path | None, day: float) -> Iterator[tuple[str, Maker]]:
    """The windows of consecutive days of each trace of counts, one load, each at its time of the day.

    Parameters
    ----------
    day : seconds from one window to the next.
    """
    for counts in COUNTS:
        path = traces / counts.file if traces else None
        if path is not None and path.is_file():
            yield counts.name, partial(_days, counts, path, day)


#: Consecutive days, the first of which are learnt from.
DAYS = 5


def _days(counts: Counts, path: Path, day: float) -> Load:
    rows = dict(_rows(path))
    first = datetime.fromisoformat(min(counts.odd_days + counts.even_days))
    windows = [_window(counts, rows, f"{first + timedelta(days=each):%Y-%m-%d}") for each in range(DAYS)]
    scale = BUSIEST / counts.service * counts.period / max(map(max, windows))
    loads = [_spread(counts, scale, values, DAY_SEEDS[0]) for values in windows]
    arrivals = tuple(index * day + time for index, load in enumerate(loads) for time in load.arrivals)
    services = tuple(service for load in loads for service in load.services)
    return Load(counts.name, arrivals, services, DAYS * day)


def _rows(path: Path) -> Iterator[tuple[datetime, float]]:
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        next(lines)
        for moment, count in lines:
            yield datetime.fromisoformat(moment), float(count)


def _window(counts: Counts, rows: dict[datetime, float], day: str) -> list[float]:
    """Counts of the periods of a day's window; a period that is missing in the file has none."""
    begin = datetime.fromisoformat(f"{day} {counts.begin}")
    end = begin + timedelta(hours=counts.hours)
    inside = {moment: count for moment, count in rows.items() if begin <= moment < end}
    first = min(inside)
    number = round(counts.hours * 3600 / counts.period)
    return [inside.get(first + timedelta(seconds=counts.period * i), 0.0) for i in range(number)]


def _spread(counts: Counts, scale: float, values: list[float], seed: int) -> Load:
    """A Poisson process whose rate follows the counts, scaled."""
    rng = random.Random(f"{counts.name}-{values[0]}-{seed}")
    arrivals: list[float] = []
    for index, value in enumerate(values):
        whole = int(value * scale + rng.random())
        begin = index * counts.period
        arrivals += spread(rng, whole, begin, begin + counts.period)
    duration = len(values) * counts.period
    return made(counts.name, arrivals, duration, exponential(counts.service), rng)


def _azure(path: Path) -> Workload:
    """Real arrivals; the service time as the trace's description has it."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [
            (datetime.fromisoformat(row["TIMESTAMP"]).timestamp(), _llm_service(row))
            for row in csv.DictReader(file)
        ]
    begin, end = rows[0][0], rows[-1][0]
    middle = (begin + end) / 2
    return Workload(
        "azure-llm",
        False,
        (partial(_part, rows, begin, middle + WARMUP / 2),),
        (partial(_part, rows, middle - WARMUP / 2, end + 1.0),),
    )


def _surf(path: Path) -> Workload:
    parts = surf.dealt(surf.read_jobs(path))
    return Workload(
        "surf",
        False,
        tuple(partial(surf.one_day, parts[0], day) for day in surf.ODD_DAYS),
        tuple(partial(surf.one_day, part, day) for day in surf.EVEN_DAYS for part in parts),
    )


def _llm_service(row: dict[str, str]) -> float:
    return 0.5 + 0.0005 * int(row["ContextTokens"]) + 0.05 * int(row["GeneratedTokens"])


def _part(rows: Iterable[tuple[float, float]], begin: float, end: float) -> Load:
    inside = [(time - begin, service) for time, service in rows if begin <= time < end]
    return Load("azure-llm", tuple(t for t, _ in inside), tuple(s for _, s in inside), end - begin)
