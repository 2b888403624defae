"""`autoscaler check`: every problem of the config, and with `--connect` of the machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from autoscaler import config
from autoscaler.cli.exits import Exit
from autoscaler.cli.findings import exit_of_findings, print_finding, summary
from autoscaler.cli.options import config_option, json_option
from autoscaler.config.watch import WatchedConfig
from autoscaler.errors import ConfigError, Problem
from autoscaler.loop.programs import undefinable
from autoscaler.loop.warnings import notes
from autoscaler.observe.host import local_host_name
from autoscaler.store import stored_tracks
from autoscaler.text import count
from autoscaler.tools.doctor import examine


@click.command()
@config_option
@click.option("--connect", is_flag=True, help="Look also at all that the daemon will rely on: see below.")
@json_option
def check(path: Path | None, connect: bool, as_json: bool) -> None:
    """Check the config file; say everything that is wrong with it at once.

    Notes tell what a config that is fine cannot do.

    With --connect it looks at supervisord, the broker, the files, the workers, their app and the machine,
    and says what to do about each thing that is wrong. It changes nothing, and can run beside the daemon;
    run it as the daemon's user, or as root to see all.

    Exit code: 0 no error, 3 the config is invalid; with --connect also 5 where a service cannot be
    reached, and 1 for any other error.

    \b
    Examples:
      autoscaler check --config autoscaler.yaml && echo fine
      autoscaler check --connect
    """
    found = config.find(path, os.environ)
    try:
        usable = WatchedConfig(found, os.environ, partial(undefinable, host_name=local_host_name())).load()
    except ConfigError as error:
        if as_json:
            _print(error.problems, [])
            sys.exit(Exit.CONFIG)
        raise
    noted = list(notes(found, usable, stored_tracks(usable.state_dir)))
    if as_json and not connect:
        _print([], noted)
        return
    if not as_json:
        click.echo(f"{found}: fine, {count(len(usable.fleets), 'fleet')}: {_names(usable)}")
        for note in noted:
            click.echo(f"note: {note}")
    if connect:
        sys.exit(_connect(found, usable, noted if as_json else None))


def _connect(path: Path, usable: config.Config, noted: list[Problem] | None) -> Exit:
    """Print what the doctor finds, as JSON where `noted` is given; the exit code that follows."""
    findings = []
    for finding in examine(usable, config_file=path, tracks=stored_tracks(usable.state_dir)):
        findings.append(finding)
        if noted is None:
            print_finding(finding)
    if noted is not None:
        shown = [asdict(finding) for finding in findings]
        Console().print_json(data={"problems": [], "notes": _plain(noted), "findings": shown})
    else:
        click.echo(summary(findings))
    return exit_of_findings(findings)


def _print(problems: Iterable[Problem], noted: Iterable[Problem]) -> None:
    Console().print_json(data={"problems": _plain(problems), "notes": _plain(noted)})


def _plain(problems: Iterable[Problem]) -> list[dict[str, object]]:
    return [
        {"file": each.file, "line": each.line, "key": each.key, "message": each.message} for each in problems
    ]


def _names(of: config.Config) -> str:
    return ", ".join(of.fleets) or "none"
