"""`python -m benchmarks.policies`: judge every policy and write the results."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import click

from autoscaler.tools.simulate.setting import Setting
from benchmarks.policies.curves import draw_curves
from benchmarks.policies.report import append_csv, grid_markdown, markdown, point, points, write_csv
from benchmarks.policies.study import be_nice, study
from benchmarks.policies.workloads import Workload, workloads

RESULTS = Path(__file__).parent / "results"


@click.command()
@click.option("--traces", type=click.Path(path_type=Path, file_okay=False), help="Folder of recorded loads.")
@click.option("--only", default="", help="Workloads to run, separated by commas. Default: all.")
@click.option("--full", is_flag=True, help="The whole grid: days; goes on where it was.")
@click.option("--budget", type=float, default=20.0, show_default=True, help="Minutes of --full a call.")
@click.option("--processes", type=click.IntRange(min=1), default=2, show_default=True)
@click.option(
    "--results", type=click.Path(path_type=Path, file_okay=False), default=RESULTS, help="Folder to write to."
)
def main(*, traces: Path | None, only: str, full: bool, budget: float, processes: int, results: Path) -> None:
    """Tune every policy on odd days and seeds, judge it on even ones, and write table and picture.

    \b
    Examples:
      python -m benchmarks.policies
      python -m benchmarks.policies --traces ~/traces --only step,worldcup98
      python -m benchmarks.policies --full --budget 60
    """
    began = time.monotonic()
    found, missing = workloads(traces)
    wanted = set(filter(None, only.split(","))) or {workload.name for workload in found}
    results.mkdir(parents=True, exist_ok=True)
    if full:
        _grid([each for each in found if each.name in wanted], results, processes, budget * 60 + began)
        return
    studies = []
    with ProcessPoolExecutor(processes, initializer=be_nice) as pool:
        for setting, workload in product(settings(full=False), found):
            if workload.name in wanted:
                studies.append(study(workload, setting, pool))
                click.echo(f"{time.monotonic() - began:5.0f} s  {workload.name}, W {setting.wait:g} s")
    write_csv(results / "policies.csv", studies)
    (results / "policies.md").write_text(markdown(studies, missing), encoding="utf-8")
    draw_curves(results / "cost_at_equal_violations.png", studies)
    for word in missing:
        click.echo(word)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    click.echo(f"{results / 'policies.md'} is written; {used.ru_utime + used.ru_stime:.0f} s of CPU")


def _grid(found: list[Workload], results: Path, processes: int, end: float) -> None:
    """Run what of the grid its file does not have yet, until the time is over."""
    path, left = results / "full.csv", 0
    done = points(path)
    with ProcessPoolExecutor(processes, initializer=be_nice) as pool:
        for setting, workload in product(settings(full=True), found):
            if point(workload.name, setting) in done:
                continue
            if time.monotonic() > end:
                left += 1
                continue
            began = time.monotonic()
            append_csv(path, study(workload, setting, pool))
            click.echo(f"{time.monotonic() - began:5.0f} s  {', '.join(point(workload.name, setting))}")
    (results / "full.md").write_text(grid_markdown(path), encoding="utf-8")
    click.echo(f"{path}: {left} points are left")


def settings(*, full: bool) -> Iterator[Setting]:
    """The grid; the one point of it that the targets are set for, unless the whole is asked for."""
    if not full:
        yield Setting(wait=30.0, start_time=8.0, max_workers=64)
        return
    # The likeliest first, since the whole takes days.
    for lag, most, start, wait in product((0.0, 5.0, 10.0), (64, 16), (8.0, 1.0, 30.0), (30.0, 5.0, 300.0)):
        yield Setting(wait=wait, start_time=start, max_workers=most, lag=lag)


if __name__ == "__main__":
    main()
