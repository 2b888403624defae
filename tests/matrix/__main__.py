"""`scripts/test-matrix`: run rows of the matrix, each in a bare tree, and show or keep the results."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click

from matrix.page import PAGE, page
from matrix.place import CannotBeHad, Place
from matrix.results import KEPT, Result, from_report, load, save
from matrix.rows import BY_NAME, ROWS, Row

_TAIL = 60


@click.command()
@click.option("--only", default="", metavar="ROW,...", help="These rows alone.")
@click.option("--cut", is_flag=True, help="The short run for CI: some rows, with fewer tests.")
@click.option("--write", is_flag=True, help="Keep the results and write docs/supported.md.")
@click.option("--list", "listing", is_flag=True, help="Name the rows and end.")
@click.option("--suites", is_flag=True, help="Name the suites that the rows need, and end.")
@click.option("--logs", type=click.Path(path_type=Path), default=Path("dist/matrix"), show_default=True)
@click.argument("paths", nargs=-1)
@click.option("--tree", "trees", multiple=True, metavar="SUITE=ARCHIVE", hidden=True)
def main(
    only: str,
    cut: bool,
    write: bool,
    listing: bool,
    suites: bool,
    logs: Path,
    paths: tuple[str, ...],
    trees: tuple[str, ...],
) -> None:
    """Run the tests on each Python, Debian, RabbitMQ and Celery that docs/supported.md names.

    PATHS are given to pytest in place of the rows' own tests.

    Ends with 1 if a row failed or, in CI, could not run.
    """
    rows = _chosen([name for name in only.split(",") if name], cut)
    if listing:
        for row in rows:
            click.echo(
                f"{row.name:12} {row.title:14} {row.suite:9} {' '.join(row.cut if cut else row.tests)}"
            )
        return
    if suites:
        click.echo("\n".join(dict.fromkeys(row.suite for row in rows)))
        return
    if write and (cut or paths):
        raise click.UsageError("--write wants whole rows: neither --cut nor PATHS")
    archives = dict(tree.split("=", 1) for tree in trees)
    logs.mkdir(parents=True, exist_ok=True)
    bad = False
    for row in rows:
        result = _run(
            row, Path(archives[row.suite]), paths or (row.cut if cut else row.tests), logs / f"{row.name}.log"
        )
        _show(row, result, logs)
        bad |= not result.good
        if write:
            save({**(load() if KEPT.exists() else {}), row.name: result})
            PAGE.write_text(page(load()))
    sys.exit(bad)


def _chosen(only: list[str], cut: bool) -> list[Row]:
    if unknown := set(only) - set(BY_NAME):
        raise click.UsageError(f"no such row: {', '.join(sorted(unknown))} (--list names them)")
    return [row for row in ROWS if (not only or row.name in only) and (row.cut or not cut)]


def _run(row: Row, archive: Path, tests: tuple[str, ...], log: Path) -> Result:
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    log.unlink(missing_ok=True)
    work = Path(tempfile.mkdtemp(prefix="matrix-"))
    try:
        root = work / "root"
        root.mkdir()
        root.chmod(0o755)
        subprocess.run(["tar", "-C", root, "--zstd", "-xf", archive], check=True)
        place = Place(root, log)
        try:
            place.prepare(row)
        except CannotBeHad as error:
            return Result(day, not_run=str(error))
        versions = json.loads(place.versions())
        return from_report(place.run_tests(tests), day, versions)
    finally:
        shutil.rmtree(work)


def _show(row: Row, result: Result, logs: Path) -> None:
    if result.not_run:
        click.echo(f"{row.name}: not run: {result.not_run}")
        return
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    click.echo(f"{row.name}: {versions}")
    for test in result.failed:
        click.echo(f"{row.name}: failed: {test}")
    for reason, count in result.skipped.items():
        click.echo(f"{row.name}: {count} skipped: {reason}")
    if result.failed:
        tail = (logs / f"{row.name}.log").read_text(errors="replace").splitlines()[-_TAIL:]
        click.echo("\n".join(tail))
    # The closing line that CI reads.
    skipped = sum(result.skipped.values())
    click.echo(f"{result.passed} passed, {len(result.failed)} failed, {skipped} skipped")
    click.echo(f"{row.name}: {result.seconds:.0f} s")


if __name__ == "__main__":
    main()
