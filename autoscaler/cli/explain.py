"""`autoscaler explain`: why a fleet has its size, and which load would change it."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from autoscaler.cli.completion import complete_fleets
from autoscaler.cli.options import client, config_option, json_option, socket_option
from autoscaler.http.words import explanation_lines


@click.command()
@click.argument("fleet", shell_complete=complete_fleets)
@config_option
@socket_option
@json_option
def explain(fleet: str, path: Path | None, socket: Path | None, as_json: bool) -> None:
    """Explain why a fleet has the size that it has, and what would have to change for another worker.

    \b
    Examples:
      autoscaler explain emails
      autoscaler explain emails --json | jq .next_worker
    """
    view = client(path, socket).explanation(fleet)
    if as_json:
        Console().print_json(data=view.model_dump(mode="json"))
        return
    for line in explanation_lines(view):
        click.echo(line)
