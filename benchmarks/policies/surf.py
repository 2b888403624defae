"""The week of HPC jobs (opendc's `surf_week`), made into loads of an hour with its own heavy tail.

Recorded on machines that ran up to 169 jobs at once, half of them for a minute at most, one in twenty for
more than 13 hours. Left as it is, a day has 43,200 ticks, and a start of 8 s is nothing against hours:
whoever adds a worker for each job pays the same. So

- a day passes in an hour, and jobs run 48 times shorter, so that W and B lie among the times that they run:
  half of them 1.25 s at most, one in four more than 47 s, one in twenty more than 17 minutes, the longest 2.5
  hours. They are scaled and nothing else: the longest tenth has 89 % of the work, the squared coefficient of
  variation is 15.8;
- the jobs are dealt into three parts, at random by a fixed seed, and each part of a day is a load: the
  busiest minute of those that settings are tuned on needs 41 workers. No job comes in two loads.

Many jobs outlast their day. So a load begins, in the warm-up, with what still runs from the days before, and
what comes after its end does not count (`Load.goes_on`): it would be the greater part of some days, and the
same for every policy.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from autoscaler.tools.simulate.load import Load

FILE = "surf_week.parquet"
#: Days of October 2022 on which settings are tuned, and on which they are judged.
ODD_DAYS = (7, 9, 11, 13)
EVEN_DAYS = (8, 10, 12)
#: Loads that the jobs of a day are dealt into.
PARTS = 3
#: Times pass so much faster, and jobs run so much shorter.
FASTER = 24.0
SHORTER = 48.0
#: Central European Summer Time, in which the file's days begin and end.
_ZONE = timezone(timedelta(hours=2))


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it was recorded."""

    #: Seconds since 1970.
    begin: float
    #: Seconds that it ran, > 0.
    runs: float


def read_jobs(path: Path) -> tuple[Job, ...]:
    """The jobs of a file, in the order of their beginning.

    Raises
    ------
    ModuleNotFoundError : the extra `parquet` is not installed.
    """
    from arro3.io import read_parquet  # noqa: PLC0415 (an extra that only this file needs)

    table = read_parquet(path).read_all()
    columns = (table["submission_time"], table["duration"])  # both in milliseconds
    jobs = (Job(begin.as_py() / 1000, runs.as_py() / 1000) for begin, runs in zip(*columns, strict=True))
    return tuple(sorted(jobs, key=lambda job: job.begin))


def dealt(jobs: Sequence[Job]) -> tuple[tuple[Job, ...], ...]:
    """The jobs in `PARTS` random parts, always the same.

    Those of the first moment are left out: they ran when the recording began, nobody knows for how long.
    """
    rng = random.Random("surf")
    parts: tuple[list[Job], ...] = tuple([] for _ in range(PARTS))
    for job in jobs:
        if job.begin > jobs[0].begin:
            parts[rng.randrange(PARTS)].append(job)
    return tuple(map(tuple, parts))


def one_day(jobs: Iterable[Job], day: int) -> Load:
    """A day of October 2022 as an hour; what still runs from before comes first, with what is left of it.

    Parameters
    ----------
    jobs : in the order of their beginning.
    """
    midnight = datetime(2022, 10, day, tzinfo=_ZONE).timestamp()
    duration = timedelta(days=1).total_seconds() / FASTER
    coming = (((job.begin - midnight) / FASTER, job.runs / SHORTER) for job in jobs)
    tasks = [(max(begin, 0.0), runs + min(begin, 0.0)) for begin, runs in coming if -runs < begin < duration]
    return Load("surf", tuple(t for t, _ in tasks), tuple(s for _, s in tasks), duration, goes_on=True)
