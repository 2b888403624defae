"""`python -m benchmarks.policies`: judge every policy and write the results."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import click

from autoscaler.simulate.setting import Setting
from benchmarks.policies.curves import draw_curves
from benchmarks.policies.report import markdown, write_csv
from benchmarks.policies.study import be_nice, study
from benchmarks.policies.workloads import workloads

RESULTS = Path(__file__).parent / "results"


@click.command()
@click.option("--traces", type=click.Path(path_type=Path, file_okay=False), help="Folder of recorded loads.")
@click.option("--only", default="", help="Workloads to run, separated by commas. Default: all.")
@click.option("--full", is_flag=True, help="The whole grid of waits, start times, sizes and lags: hours.")
@click.option("--processes", type=click.IntRange(min=1), default=2, show_default=True)
@click.option(
    "--results", type=click.Path(path_type=Path, file_okay=False), default=RESULTS, help="Folder to write to."
)
def main(traces: Path | None, only: str, full: bool, processes: int, results: Path) -> None:
    """Tune every policy on odd days and seeds, judge it on even ones, and write table and picture.

    \b
    Examples:
      python -m benchmarks.policies
      python -m benchmarks.policies --traces ~/traces --only step,worldcup98
    """
    began = time.monotonic()
    found, missing = workloads(traces)
    wanted = set(filter(None, only.split(","))) or {workload.name for workload in found}
    studies = []
    with ProcessPoolExecutor(processes, initializer=be_nice) as pool:
        for setting, workload in product(settings(full=full), found):
            if workload.name in wanted:
                studies.append(study(workload, setting, pool))
                click.echo(f"{time.monotonic() - began:5.0f} s  {workload.name}, W {setting.wait:g} s")
    results.mkdir(parents=True, exist_ok=True)
    write_csv(results / "policies.csv", studies)
    (results / "policies.md").write_text(markdown(studies, missing), encoding="utf-8")
    draw_curves(results / "cost_at_equal_violations.png", studies)
    for word in missing:
        click.echo(word)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    click.echo(f"{results / 'policies.md'} is written; {used.ru_utime + used.ru_stime:.0f} s of CPU")


def settings(*, full: bool) -> Iterator[Setting]:
    """The grid; the one point of it that the targets are set for, unless the whole is asked for."""
    if not full:
        yield Setting(wait=30.0, start_time=8.0, max_workers=64)
        return
    for wait, start, most, lag in product((5.0, 30.0, 300.0), (1.0, 8.0, 30.0), (16, 64), (0.0, 5.0, 10.0)):
        yield Setting(wait=wait, start_time=start, max_workers=most, lag=lag)


if __name__ == "__main__":
    main()
