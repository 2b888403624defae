"""`python -m benchmarks.policies.learning`: what it gives to start ahead of what earlier days let expect.

Each load has the same window on several days, or the same burst in several hours; its first part is what
is learnt from, and only the rest is counted. Every run is made with `learn` and without it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import click

from autoscaler.model import MaxWait, Scaling
from autoscaler.tools.simulate.load import Load, exponential, made, poisson, spread
from autoscaler.tools.simulate.ours import Ours
from autoscaler.tools.simulate.outcome import Outcome
from autoscaler.tools.simulate.run import simulate
from autoscaler.tools.simulate.setting import Setting
from benchmarks.policies.study import be_nice
from benchmarks.policies.workloads import DAYS, Maker, traced_days, workloads

RESULTS = Path(__file__).parent / "results"
HOUR = 3600.0
DAY = 24 * HOUR
#: (wanted wait, start time) where a reaction is too late; where it is in time nothing is done ahead.
POINTS = ((5.0, 8.0), (30.0, 30.0))
SEED = 2


@dataclass(frozen=True, slots=True)
class Days:
    """A load that repeats itself."""

    name: str
    make: Maker
    #: Seconds that are learnt from and not counted.
    warmup: float


@dataclass(frozen=True, slots=True)
class Job:
    """One run."""

    days: Days
    wait: float
    start: float
    learn: bool


def cron_hourly() -> Load:
    """1 task every 2 seconds for 12 hours, and 200 within 5 seconds ten minutes past every hour."""
    rng = random.Random(SEED)
    bursts = [t for hour in range(12) for t in spread(rng, 200, hour * HOUR + 600, hour * HOUR + 605)]
    return made("cron, hourly", poisson(rng, 0.5, 0, 12 * HOUR) + bursts, 12 * HOUR, exponential(2.0), rng)


def cron_daily() -> Load:
    """From 8 to 10 o'clock 1 task every 3 seconds, and 200 within 5 seconds at 9, on 5 days."""
    rng = random.Random(SEED)
    times = []
    for day in range(DAYS):
        times += poisson(rng, 1 / 3, day * DAY + 8 * HOUR, day * DAY + 10 * HOUR)
        times += spread(rng, 200, day * DAY + 9 * HOUR, day * DAY + 9 * HOUR + 5)
    return made("cron, daily", times, DAYS * DAY, exponential(2.0), rng)


def loads(traces: Path | None) -> Iterator[Days]:
    """All that can be had."""
    yield Days("cron, hourly", cron_hourly, 6 * HOUR)
    yield Days("cron, daily", cron_daily, (DAYS - 1) * DAY)
    for workload in workloads(traces)[0]:
        if workload.name == "azure-llm":
            yield Days("azure-llm, one hour", workload.report[0], 300.0)
    for name, make in traced_days(traces, DAY):
        yield Days(f"{name}, {DAYS} days", make, (DAYS - 1) * DAY)


@click.command()
@click.option("--traces", type=click.Path(path_type=Path, file_okay=False), help="Folder of recorded loads.")
@click.option("--processes", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--to", "path", type=click.Path(path_type=Path), default=RESULTS / "learning.md")
def main(traces: Path | None, processes: int, path: Path) -> None:
    """Run every load with and without what is learnt, and write the table."""
    jobs = [Job(days, *point, learn) for days in loads(traces) for point in POINTS for learn in (False, True)]
    with ProcessPoolExecutor(processes, initializer=be_nice) as pool:
        outcomes = pool.map(_run, jobs)
        rows: list[str] = []
        for job in jobs[::2]:
            rows.append(_row(job, next(outcomes), next(outcomes)))
            click.echo(rows[-1])
            path.write_text("\n".join([*_HEAD, *rows, ""]), encoding="utf-8")


_HEAD = (
    "# Learning from earlier days and hours, measured",
    "",
    "Written by `python -m benchmarks.policies.learning`. `max_wait`, max 64, without and with `learn`.",
    "",
    "| load | W, B | too late | with learn | worker-hours | with learn | starts | with learn |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
)


def _run(job: Job) -> Outcome:
    setting = Setting(wait=job.wait, start_time=job.start, warmup=job.days.warmup)
    scaling = Scaling(
        setting.min_workers, setting.max_workers, 1, (MaxWait(job.wait),), stabilization=0.0, learn=job.learn
    )
    return replace(simulate(job.days.make(), setting, Ours(scaling)), sizes=(), waits=())


def _row(job: Job, without: Outcome, with_it: Outcome) -> str:
    cells = (
        job.days.name,
        f"{job.wait:g} s, {job.start:g} s",
        f"{without.violations:.2%}",
        f"{with_it.violations:.2%}",
        f"{without.worker_hours:.2f}",
        f"{with_it.worker_hours:.2f}",
        str(without.starts),
        str(with_it.starts),
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
