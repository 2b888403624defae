"""The output of `autoscaler set`: the changed keys, the difference, and whether the daemon uses it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
from rich.console import Console

from autoscaler.cli.in_use import Use
from autoscaler.cli.terminal import console as terminal
from autoscaler.config.changes import Change
from autoscaler.config.restart import CANNOT_CHANGE
from autoscaler.decide.what_if import WhatIf
from autoscaler.errors import ConfigError

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that is told in the end."""

    file: Path
    diff: list[str]
    changes: list[Change]
    backup: Path | None = None
    use: Use | None = None
    #: By fleet, for a dry run: the two decisions, or why there are none.
    would: tuple[tuple[str, WhatIf | str], ...] = ()
    #: Changed keys that the running daemon cannot change.
    locked: tuple[str, ...] = ()
    #: Key and text of what `check` would note of the new config and not of the present one.
    notes: tuple[tuple[str, str], ...] = ()


def cannot_change(keys: Iterable[str]) -> str:
    """What to do about keys that a running daemon cannot change."""
    return f"{', '.join(keys)} {CANNOT_CHANGE}: edit the file and restart the daemon"


def say_wrong(error: ConfigError, first: str, *, as_json: bool) -> None:
    """Say why nothing is written.

    Parameters
    ----------
    first : the first word that was typed; problems of the fleet that it names are told without it.
    """
    if as_json:
        Console().print_json(data={"problems": [asdict(problem) for problem in error.problems]})
        return
    for problem in error.problems:
        short = (
            problem if problem.line else replace(problem, key=problem.key.removeprefix(f"fleets.{first}."))
        )
        click.echo(str(short), err=True)
    click.echo("nothing is written", err=True)


def say(outcome: Outcome, *, as_json: bool) -> None:
    """Say what came of it."""
    if as_json:
        Console().print_json(data=_data(outcome))
        return
    console = terminal()
    for line in outcome.diff:
        style = None if line.startswith(("---", "+++")) else _COLOURS.get(line[0])
        console.print(line, style=style, markup=False, soft_wrap=True)
    for line in _told(outcome):
        click.echo(line)


def _told(outcome: Outcome) -> Iterable[str]:
    name = outcome.file
    for each in outcome.changes:
        if not each.changed:
            yield f"{name}:{each.line}: {each.key} has that value already"
        if each.others:
            yield f"with it: {', '.join(each.others)}"
        if each.not_for:
            yield f"not for {', '.join(each.not_for)}: there {each.key.partition('.')[2]} is given"
    for key, text in outcome.notes:
        yield f"note: {key}: {text}"
    for fleet, would in outcome.would:
        yield f"{fleet}: {would}" if isinstance(would, str) else would.text
    if outcome.locked and outcome.use is None:
        yield cannot_change(outcome.locked)
    if outcome.use is not None:
        yield f"{name}: written, the old one is {outcome.backup}"
        yield outcome.use.text


def _data(outcome: Outcome) -> dict[str, object]:
    use = outcome.use
    return {
        "file": str(outcome.file),
        "written": use is not None,
        "backup": str(outcome.backup) if outcome.backup else None,
        "in_use": use.in_use if use else None,
        "text": use.text if use else "",
        "needs_restart": outcome.locked,
        "notes": [{"key": key, "message": text} for key, text in outcome.notes],
        "diff": outcome.diff,
        "changes": [asdict(each) for each in outcome.changes],
        "would": [_would(fleet, would) for fleet, would in outcome.would],
    }


def _would(fleet: str, would: WhatIf | str) -> dict[str, object]:
    if isinstance(would, str):
        return {"fleet": fleet, "text": would}
    return {
        "fleet": fleet,
        "text": would.text,
        "desired": would.now.desired,
        "would_desire": would.then.desired,
    }
