"""`autoscaler demo`: bursts of tasks on private services, shown live."""

from __future__ import annotations

import sys

import click

from autoscaler.cli.terminal import console as terminal
from autoscaler.tools.demo.run import run_demo


@click.command()
@click.option(
    "--for",
    "seconds",
    type=click.FloatRange(min=1),
    default=60.0,
    show_default=True,
    help="Seconds at most; it ends when all is done.",
)
@click.option(
    "--broker",
    type=click.Choice(["auto", "rabbitmq", "redis", "embedded"]),
    default="auto",
    show_default=True,
    help="auto: RabbitMQ where it is installed, otherwise the embedded one, which needs no server.",
)
def demo(seconds: float, broker: str) -> None:
    """See it work: bursts of tasks, workers that come and go, on private services in a temporary folder.

    Leaves no process and no file behind. Exits with 0 only if it was not interrupted and every task ran.

    \b
    Examples:
      autoscaler demo
      autoscaler demo --for 30 --broker embedded
    """
    sys.exit(run_demo(seconds, broker, terminal()))
