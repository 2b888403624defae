"""The group of commands."""

from __future__ import annotations

import sys

import click

from autoscaler import __version__
from autoscaler.cli.check import check
from autoscaler.cli.demo import demo
from autoscaler.cli.exits import exit_of
from autoscaler.cli.explain import explain
from autoscaler.cli.import_file import import_command
from autoscaler.cli.init import init
from autoscaler.cli.run import run
from autoscaler.cli.schema import schema
from autoscaler.cli.set import set_command
from autoscaler.cli.simulate import simulate_command
from autoscaler.cli.status import status
from autoscaler.errors import AutoscalerError, ConfigError


class _Group(click.Group):
    """Turns our errors into one line on stderr and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except AutoscalerError as error:
            click.echo(str(error) if isinstance(error, ConfigError) else f"autoscaler: {error}", err=True)
            sys.exit(exit_of(error))


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="autoscaler")
def main() -> None:
    """Keep the right number of Celery workers running under supervisord.

    \b
    Examples:
      autoscaler demo                      see it work, on private services
      autoscaler init                      write a first config for an app that is there
      autoscaler check --config FILE       is this config right?
      autoscaler run --config FILE         the daemon, in the foreground
      autoscaler status                    what it does, and why
      autoscaler explain FLEET             why a fleet has its size, and what would change it
    """


for command in (
    run,
    check,
    status,
    explain,
    set_command,
    simulate_command,
    schema,
    demo,
    init,
    import_command,
):
    main.add_command(command)
