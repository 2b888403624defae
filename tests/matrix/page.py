"""docs/supported.md, made from the kept results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from matrix.results import Result
from matrix.rows import ROWS, Row

PAGE = Path(__file__).parents[2] / "docs/supported.md"

_HEAD = """\
# Supported versions

`scripts/test-matrix --write` makes this page. Each row is what ran, in a bare Debian tree with its own
processes and network. No version is listed that was not run. `scripts/test-package` runs the life of the
Debian package on Debian 12 and Debian 13; [installation](installation.md) is its transcript.
"""

#: Title and names of the rows of each table.
_TABLES = (
    (
        "Python",
        "Unit tests, hostile input, and each part against its real service, with the RabbitMQ of the suite.",
        ("py311", "py312", "py313", "py314"),
    ),
    (
        "Debian and RabbitMQ",
        "The daemon with RabbitMQ, supervisord and Celery workers: load, faults, edits, commands, restarts.",
        ("debian12", "debian13", "rabbitmq43"),
    ),
    (
        "Celery",
        "All that depends on Celery: remote control, drains, pools, the main job, faults.",
        ("celery54", "celery55", "celery56", "celery57"),
    ),
)


def page(results: Mapping[str, Result]) -> str:
    """The page as Markdown."""
    parts = [_HEAD]
    rows = {row.name: row for row in ROWS}
    for title, about, names in _TABLES:
        parts.append(f"## {title}\n\n{about}\n")
        parts.append(_table([(rows[name], results[name]) for name in names if name in results]))
    parts += _section("Failed", _failures(results))
    parts += _section("Not run", _not_run(rows, results))
    parts += _section("Skipped", _skips(results))
    return "\n".join(parts)


def _table(rows: list[tuple[Row, Result]]) -> str:
    lines = [
        "| row | ran with | passed | failed | skipped | time | day |",
        "| --- | --- | --: | --: | --: | --: | --- |",
    ]
    for row, result in rows:
        with_what = ", ".join(f"{name} {version}" for name, version in result.versions.items())
        cells = [
            f"{row.title} (`{row.name}`)",
            with_what or "not run",
            str(result.passed),
            str(len(result.failed)),
            str(sum(result.skipped.values())),
            f"{result.seconds:.0f} s",
            result.day,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _section(title: str, lines: Iterator[str]) -> list[str]:
    found = list(lines)
    return [f"## {title}\n", "\n".join(f"- {line}" for line in found) + "\n"] if found else []


def _failures(results: Mapping[str, Result]) -> Iterator[str]:
    for row in ROWS:
        for test in results[row.name].failed if row.name in results else ():
            yield f"{row.title}: `{test}`"


def _not_run(rows: Mapping[str, Row], results: Mapping[str, Result]) -> Iterator[str]:
    for name, row in rows.items():
        if name not in results:
            yield f"{row.title}: no result is kept yet."
        elif results[name].not_run:
            yield f"{row.title}: {results[name].not_run}."


def _skips(results: Mapping[str, Result]) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for row in ROWS:
        for reason, count in results[row.name].skipped.items() if row.name in results else ():
            reasons.setdefault(reason, []).append(f"{row.name} {count}")
    for reason, where in sorted(reasons.items()):
        yield f"{reason}: {', '.join(where)}"
