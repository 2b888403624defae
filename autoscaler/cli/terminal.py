"""The console for output: terminal width and colours on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys

import click
from rich.console import Console, RenderableType

#: Columns where nobody reads on a terminal: nothing is wrapped for whoever takes it line by line.
_UNWRAPPED = 10_000


def console() -> Console:
    """The way to stdout; with NO_COLOR set also bold and dim are left out."""
    unwrapped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(
        highlight=False,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        width=_UNWRAPPED if unwrapped else None,
    )


def show(to: Console, what: RenderableType) -> None:
    """Print a table; without blanks at the ends of its lines where it is not on a terminal."""
    if to.is_terminal:
        to.print(what)
        return
    with to.capture() as captured:
        to.print(what)
    for line in captured.get().removesuffix("\n").split("\n"):
        click.echo(line.rstrip())
