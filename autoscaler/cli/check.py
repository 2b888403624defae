"""`autoscaler check`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import click
from rich.console import Console

from autoscaler import config
from autoscaler.cli.exits import Exit
from autoscaler.cli.options import config_option, json_option
from autoscaler.errors import ConfigError, Problem
from autoscaler.notes import notes
from autoscaler.store import stored_tracks
from autoscaler.watched_config import WatchedConfig
from autoscaler.wiring import local_host_name


@click.command()
@config_option
@json_option
def check(path: Path | None, as_json: bool) -> None:
    """Check the config file; say everything that is wrong with it at once.

    Notes tell what a config that is fine cannot do.

    \b
    Example:
      autoscaler check --config autoscaler.yaml && echo fine
    """
    found = config.find(path, os.environ)
    try:
        usable = WatchedConfig(found, os.environ, local_host_name()).load()
    except ConfigError as error:
        if as_json:
            _print(error.problems, [])
            sys.exit(Exit.CONFIG)
        raise
    noted = list(notes(found, usable, stored_tracks(usable.state_dir)))
    if as_json:
        _print([], noted)
        return
    click.echo(f"{found}: fine, {_count(len(usable.fleets), 'fleet')}: {_names(usable)}")
    for note in noted:
        click.echo(f"note: {note}")


def _print(problems: Iterable[Problem], noted: Iterable[Problem]) -> None:
    Console().print_json(data={"problems": _plain(problems), "notes": _plain(noted)})


def _plain(problems: Iterable[Problem]) -> list[dict[str, object]]:
    return [
        {"file": each.file, "line": each.line, "key": each.key, "message": each.message} for each in problems
    ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _names(of: config.Config) -> str:
    return ", ".join(of.fleets) or "none"
