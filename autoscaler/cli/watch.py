"""`autoscaler watch`: the fleets after each tick."""

from __future__ import annotations

import time
from pathlib import Path

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from autoscaler.cli.options import client, config_option, socket_option
from autoscaler.cli.terminal import console as terminal
from autoscaler.errors import AutoscalerError, DaemonNotRunning
from autoscaler.http.client import Client
from autoscaler.http.tables import fleets_table, workers_table
from autoscaler.http.views import FleetsView
from autoscaler.http.words import holds, states, troubles

#: Seconds between two looks for a new tick.
LOOK_EVERY = 0.5


@click.command()
@config_option
@socket_option
def watch(path: Path | None, socket: Path | None) -> None:
    """Show the fleets and workers anew after each tick, until Ctrl-C.

    Where the output is no terminal it is a line a fleet whenever something changes.

    \b
    Examples:
      autoscaler watch
      autoscaler watch | tee -a fleets.log
    """
    daemon, console = client(path, socket), terminal()
    daemon.fleets()  # one that does not run is told at once
    try:
        if console.is_terminal:
            _draw(daemon, console)
        else:
            _print(daemon)
    except KeyboardInterrupt:
        return


def _draw(daemon: Client, console: Console) -> None:
    at: float | None = None
    with Live(console=console, auto_refresh=False, screen=False) as live:
        while True:
            try:
                fleets = daemon.fleets()
                if fleets.at != at:
                    live.update(_page(daemon, fleets), refresh=True)
                at = fleets.at
            except AutoscalerError as error:
                live.update(Text(f"! {error}", style="yellow"), refresh=True)
            time.sleep(LOOK_EVERY)


def _page(daemon: Client, fleets: FleetsView) -> RenderableType:
    told = [*(f"held: {line}" for line in holds(fleets)), *(f"! {line}" for line in troubles(fleets))]
    return Group(fleets_table(fleets), Text(), workers_table(daemon.workers()), *map(Text, told))


def _print(daemon: Client) -> None:
    before: list[str] = []
    while True:
        try:
            lines = _lines(daemon.fleets())
        except DaemonNotRunning as error:
            lines = [f"! {error}"]
        for line in lines:
            if line not in before:
                click.echo(line)
        before = lines
        time.sleep(LOOK_EVERY)


def _lines(view: FleetsView) -> list[str]:
    fleets = [
        f"{fleet.name}: {states(fleet)}; wants {'?' if fleet.desired is None else fleet.desired}"
        f": {'; '.join(reason.code for reason in fleet.reasons)}".removesuffix(": ")
        for fleet in view.fleets
    ]
    return [*fleets, *(f"! {line}" for line in troubles(view))]
