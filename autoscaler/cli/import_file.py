"""`autoscaler import`: a first config from the file of another tool."""

from __future__ import annotations

import os
from pathlib import Path

import click

from autoscaler.cli.options import note
from autoscaler.text import count
from autoscaler.tools.takeover.drafts import Machine
from autoscaler.tools.takeover.imported import imported
from autoscaler.tools.takeover.written import write_new
from autoscaler.tools.takeover.yaml_text import fleets_text, secrets_in


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write here, not to stdout.")
@click.option("--force", is_flag=True, help="Replace the file if it is there already.")
def import_command(file: Path, output: Path | None, force: bool) -> None:
    """Write fleets for the workers that another tool's file describes.

    FILE is a queue file (NAME: {id, app, count, queue, concurrency}, also below other keys), a supervisord
    file whose programs run `celery worker`, or a celeryd defaults file. What could not be carried over is
    said line by line on stderr. Paste the fleets below the `fleets:` of a config; to write a whole config,
    use `autoscaler init --from FILE`.

    \b
    Examples:
      autoscaler import cloudmesh_celery.yaml
      autoscaler import /etc/supervisor/conf.d/celeryd.conf --output fleets.yaml
      autoscaler import /etc/default/celeryd > fleets.yaml
    """
    drafts, notes = imported(file, Machine(os.cpu_count() or 1))
    text = fleets_text(drafts)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_new(output, text, mode=0o600 if secrets_in(drafts) else 0o644, force=force)
        click.echo(f"{output}: {count(len(drafts), 'fleet')}: {', '.join(draft.name for draft in drafts)}")
    for each in notes:
        note(each)
    if secrets_in(drafts):
        note(f"these seem to hold passwords, keep the file to yourself: {', '.join(secrets_in(drafts))}")
