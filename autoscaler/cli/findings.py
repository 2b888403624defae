"""The doctor's findings on a terminal, and the exit code that they give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click
from rich.text import Text

from autoscaler.cli.exits import Exit
from autoscaler.cli.terminal import console
from autoscaler.text import count
from autoscaler.tools.doctor import Finding, Level

_COLOURS = {Level.OK: "green", Level.NOTE: "blue", Level.WARNING: "yellow", Level.ERROR: "red"}


def print_finding(finding: Finding) -> None:
    """Print one finding, and below it what to do."""
    level = f"{finding.level:8}", _COLOURS[finding.level]
    unknown = "unknown: " if finding.unknown else ""
    line = Text.assemble(level, f" {finding.about}: {unknown}{finding.seen}")
    console().print(line, soft_wrap=True)
    if finding.todo and finding.level is not Level.OK:
        click.echo(f"{'':8} -> {finding.todo}")


def summary(findings: Sequence[Finding]) -> str:
    """How many there are of each level."""
    counts = Counter(finding.level for finding in findings)
    shown = (
        f"{counts[each]} ok" if each is Level.OK else count(counts[each], each) for each in reversed(Level)
    )
    return ", ".join(shown)


def exit_of_findings(findings: Sequence[Finding]) -> Exit:
    """0 without an error; 5 where a service cannot be reached; else 1."""
    if any(finding.unreachable for finding in findings):
        return Exit.UNREACHABLE
    return Exit.FAILED if any(finding.level is Level.ERROR for finding in findings) else Exit.FINE
