"""`autoscaler status`: the fleets, singletons and workers of the running daemon."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from autoscaler.cli.options import client, config_option, json_option, socket_option
from autoscaler.cli.terminal import console as terminal
from autoscaler.cli.terminal import show
from autoscaler.http.tables import fleets_table, singletons_table, workers_table
from autoscaler.http.words import holds, singleton_troubles, troubles


@click.command()
@config_option
@socket_option
@json_option
@click.option("--workers", "with_workers", is_flag=True, help="Show the workers one by one as well.")
def status(path: Path | None, socket: Path | None, as_json: bool, with_workers: bool) -> None:
    """Show the fleets of the running daemon: what is there, what is wanted, and why.

    \b
    Examples:
      autoscaler status
      autoscaler status --workers
      autoscaler status --json | jq '.fleets[].desired'
    """
    daemon = client(path, socket)
    fleets, singletons = daemon.fleets(), daemon.singletons()
    workers = daemon.workers() if with_workers else None
    if as_json:
        data = fleets.model_dump(mode="json") | {"singletons": singletons.model_dump()["singletons"]}
        Console().print_json(data=data | ({"workers": workers.model_dump()["workers"]} if workers else {}))
        return
    console = terminal()
    show(console, fleets_table(fleets))
    if singletons.singletons:
        console.print()
        show(console, singletons_table(singletons))
    if workers is not None:
        console.print()
        show(console, workers_table(workers))
    for line in holds(fleets):
        console.print(f"held: {line}", markup=False, soft_wrap=True)
    for line in [*troubles(fleets), *singleton_troubles(singletons)]:
        console.print(f"! {line}", style="yellow", markup=False, soft_wrap=True)
