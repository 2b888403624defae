"""`autoscaler schema`: the JSON schema of the config."""

from __future__ import annotations

import json

import click

from autoscaler.config import json_schema


@click.command()
def schema() -> None:
    """Print the JSON schema of the config file, for completion and descriptions in an editor.

    An editor that uses yaml-language-server finds it by the config's first line:
    # yaml-language-server: $schema=autoscaler.schema.json

    \b
    Example:
      autoscaler schema > autoscaler.schema.json
    """
    click.echo(schema_text(), nl=False)


def schema_text() -> str:
    """The schema as it is printed, and committed."""
    return json.dumps(json_schema(), indent=2) + "\n"
