"""The group of all commands, with the module of each."""

from __future__ import annotations

import click

from autoscaler import __version__
from autoscaler.cli.lazy import LazyGroup

#: Where each command is, in the order of the help; a new one is one line.
COMMANDS = {
    "run": "run:run",
    "check": "check:check",
    "status": "status:status",
    "watch": "watch:watch",
    "explain": "explain:explain",
    "history": "history:history",
    "set": "set:set_command",
    "pause": "hold:pause",
    "resume": "hold:resume",
    "scale": "hold:scale",
    "stop": "hold:stop",
    "start": "hold:start",
    "drain": "drain:drain",
    "release": "hold:release",
    "purge": "purge:purge",
    "simulate": "simulate:simulate_command",
    "init": "init:init",
    "import": "import_file:import_command",
    "schema": "schema:schema",
    "install": "install:install",
    "uninstall": "install:uninstall",
    "completion": "completion:completion",
    "demo": "demo:demo",
}


@click.group(cls=LazyGroup, places=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
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
      autoscaler set FLEET max_workers=20  change a threshold
      autoscaler pause FLEET --for 10m     leave a fleet as it is; `resume` ends that
      autoscaler stop FLEET                drain its workers and keep it so; `start` ends that
      autoscaler drain --all --within 5m   drain everything before the machine goes down
    """
