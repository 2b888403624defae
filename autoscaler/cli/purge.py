"""`autoscaler purge`: delete the waiting messages of a fleet's queues."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

import click
from rich.console import Console

from autoscaler import config
from autoscaler.cli.completion import complete_fleets
from autoscaler.cli.exits import Exit
from autoscaler.cli.options import config_option, json_option
from autoscaler.config import Config
from autoscaler.model import Known, QueueStats, Reading
from autoscaler.net.deadline import Deadline
from autoscaler.observe.broker_queues import broker_queues
from autoscaler.operator.purge import Purged, purge_queues
from autoscaler.text import no_fleet

#: Seconds for counting all queues, and for emptying them.
TIMEOUT = 5.0


@click.command()
@click.argument("fleet", required=False, shell_complete=complete_fleets)
@click.option("--all", "every", is_flag=True, help="The queues of all fleets.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
@json_option
def purge(*, fleet: str | None, every: bool, yes: bool, path: Path | None, as_json: bool) -> None:
    """Delete the messages that wait in a fleet's queues. They cannot be brought back.

    Says how many there are and asks; without a terminal it needs --yes. Tasks that workers have taken
    already, running or prefetched, are not touched. Asks the broker itself: no daemon has to run.

    \b
    Examples:
      autoscaler purge emails
      autoscaler purge --all --yes
    """
    settings = config.load(config.find(path, os.environ))
    fleets = _fleets(settings, fleet, every=every)
    queues = sorted({queue for name in fleets for queue in settings.fleets[name].queues})
    waiting = _count(settings, queues)
    others = _other_readers(settings, fleets)
    if not as_json:
        for queue in queues:
            click.echo(_line(queue, waiting[queue], others.get(queue, [])))
    if not yes and not _confirmed(queues):
        click.echo("nothing was deleted", err=True)
        sys.exit(Exit.FAILED)
    broker = settings.broker
    deadline = Deadline.within(TIMEOUT)
    done = purge_queues(broker.url.get_secret_value(), broker.transport_options, queues, deadline)
    _tell(done, others, as_json=as_json)
    if any(each.messages is None for each in done.values()):
        sys.exit(Exit.FAILED)


def _fleets(settings: Config, fleet: str | None, *, every: bool) -> list[str]:
    if every == (fleet is not None):
        raise click.UsageError("give one of FLEET and --all")
    if fleet is None:
        return list(settings.fleets)
    if fleet not in settings.fleets:
        raise click.UsageError(no_fleet(fleet, settings.fleets))
    return [fleet]


def _count(settings: Config, queues: Collection[str]) -> Mapping[str, Reading[QueueStats]]:
    source = broker_queues(settings.broker.url.get_secret_value(), settings.broker.transport_options)
    try:
        return source.queues(queues, Deadline.within(TIMEOUT))
    finally:
        source.close()


def _other_readers(settings: Config, fleets: Collection[str]) -> dict[str, list[str]]:
    """By queue, the fleets that read it too and are not to be purged."""
    readers: dict[str, list[str]] = {}
    for name, each in settings.fleets.items():
        for queue in each.queues if name not in fleets else ():
            readers.setdefault(queue, []).append(name)
    return readers


def _line(queue: str, waiting: Reading[QueueStats], others: list[str]) -> str:
    shared = f"; {', '.join(others)} also reads it" if others else ""
    if isinstance(waiting, Known):
        return f"{queue}: {waiting.value.ready} waiting{shared}"
    return f"{queue}: unknown how many wait ({waiting.error}){shared}"


def _confirmed(queues: Collection[str]) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on: give --yes to delete these messages")
    return click.confirm(f"Delete what waits in {', '.join(queues)}?")


def _tell(done: Mapping[str, Purged], others: Mapping[str, list[str]], *, as_json: bool) -> None:
    if as_json:
        queues = [
            {
                "queue": name,
                "deleted": each.messages,
                "error": each.error,
                "also_read_by": others.get(name, []),
            }
            for name, each in done.items()
        ]
        Console().print_json(data={"queues": queues})
        return
    for name, each in done.items():
        text = f"{each.messages} deleted" if each.messages is not None else f"not deleted: {each.error}"
        click.echo(f"{name}: {text}")
