"""The `autoscaler` command.

Exit codes: 0 fine, 1 failed, 2 wrong usage, 3 config invalid, 4 daemon not running,
5 a service cannot be reached.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path
from typing import NoReturn

import click
from rich.console import Console

from autoscaler import __version__, config
from autoscaler.console.client import Client
from autoscaler.console.explained import explanation_lines
from autoscaler.console.server import Server, make_app
from autoscaler.console.tables import fleets_table, troubles, workers_table
from autoscaler.daemon import Daemon, SteadyClock
from autoscaler.demo.run import run_demo
from autoscaler.errors import (
    AutoscalerError,
    ConfigError,
    DaemonNotRunning,
    Problem,
    ServiceUnavailable,
    SourceError,
    SupervisordUnreachable,
    UnknownName,
)
from autoscaler.notes import notes
from autoscaler.simulate.command import simulate_command
from autoscaler.store import stored_tracks
from autoscaler.watched_config import WatchedConfig
from autoscaler.wiring import local_host_name


class Exit(IntEnum):
    """What the command's exit code says."""

    FINE = 0
    FAILED = 1
    USAGE = 2
    CONFIG = 3
    NOT_RUNNING = 4
    UNREACHABLE = 5


#: The exit code of each kind of error; the first that fits.
_EXITS: tuple[tuple[type[AutoscalerError], Exit], ...] = (
    (ConfigError, Exit.CONFIG),
    (DaemonNotRunning, Exit.NOT_RUNNING),
    (UnknownName, Exit.USAGE),
    (ServiceUnavailable, Exit.UNREACHABLE),
    (SupervisordUnreachable, Exit.UNREACHABLE),
    (SourceError, Exit.UNREACHABLE),
    (AutoscalerError, Exit.FAILED),
)

_config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The config file. Default: $AUTOSCALER_CONFIG, ./autoscaler.yaml, /etc/autoscaler/autoscaler.yaml.",
)
_socket_option = click.option(
    "--socket", type=click.Path(path_type=Path), help="The daemon's socket. Default: as in the config."
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, as the HTTP API gives it.")


class _Group(click.Group):
    """Turns our errors into one line on stderr and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except AutoscalerError as error:
            _fail(error)


def _fail(error: AutoscalerError) -> NoReturn:
    code = next(code for kind, code in _EXITS if isinstance(error, kind))
    click.echo(str(error) if isinstance(error, ConfigError) else f"autoscaler: {error}", err=True)
    sys.exit(code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="autoscaler")
def main() -> None:
    """Keep the right number of Celery workers running under supervisord.

    \b
    Examples:
      autoscaler demo                      see it work, on private services
      autoscaler check --config FILE       is this config right?
      autoscaler run --config FILE         the daemon, in the foreground
      autoscaler status                    what it does, and why
      autoscaler explain FLEET             why a fleet has its size, and what would change it
    """


@main.command()
@_config_option
def run(path: Path | None) -> None:
    """Run the daemon in the foreground.

    TERM and INT stop it and leave the workers running, HUP reads the config again. The config file is
    also read again by itself when it changes.

    \b
    Example:
      autoscaler run --config /etc/autoscaler/autoscaler.yaml
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    clock = SteadyClock()
    daemon = Daemon(config.find(path, os.environ), clock=clock)
    daemon.handle_signals()
    console = daemon.config.console
    daemon.run(beside=Server(make_app(lambda: daemon.snapshot, clock), console.socket, console.listen))


@main.command()
@_config_option
@_json_option
def check(path: Path | None, as_json: bool) -> None:
    """Check the config file; say everything that is wrong with it at once.

    Notes tell what a config that is fine cannot do.

    \b
    Example:
      autoscaler check --config autoscaler.yaml && echo fine
    """
    found = config.find(path, os.environ)
    try:
        usable = WatchedConfig(found, os.environ, local_host_name()).load()
    except ConfigError as error:
        if as_json:
            _print_problems(error)
            sys.exit(Exit.CONFIG)
        raise
    noted = list(notes(found, usable, stored_tracks(usable.state_dir)))
    if as_json:
        Console().print_json(data={"problems": [], "notes": _problems(noted)})
        return
    click.echo(f"{found}: fine, {_count(len(usable.fleets), 'fleet')}: {_names(usable)}")
    for note in noted:
        click.echo(f"note: {note}")


@main.command()
@_config_option
@_socket_option
@_json_option
@click.option("--workers", "with_workers", is_flag=True, help="Show the workers one by one as well.")
def status(path: Path | None, socket: Path | None, as_json: bool, with_workers: bool) -> None:
    """Show the fleets of the running daemon: what is there, what is wanted, and why.

    \b
    Examples:
      autoscaler status
      autoscaler status --workers
      autoscaler status --json | jq '.fleets[].desired'
    """
    client = Client(socket or _socket(path))
    fleets = client.fleets()
    workers = client.workers() if with_workers else None
    if as_json:
        both = fleets.model_dump(mode="json") | (
            {"workers": workers.model_dump()["workers"]} if workers else {}
        )
        Console().print_json(data=both)
        return
    console = Console(highlight=False)
    console.print(fleets_table(fleets))
    if workers is not None:
        console.print()
        console.print(workers_table(workers))
    for line in troubles(fleets):
        console.print(f"! {line}", style="yellow", markup=False, soft_wrap=True)


@main.command()
@click.argument("fleet")
@_config_option
@_socket_option
@_json_option
def explain(fleet: str, path: Path | None, socket: Path | None, as_json: bool) -> None:
    """Explain why a fleet has the size that it has, and what would have to change for another worker.

    \b
    Examples:
      autoscaler explain emails
      autoscaler explain emails --json | jq .next_worker
    """
    view = Client(socket or _socket(path)).explanation(fleet)
    if as_json:
        Console().print_json(data=view.model_dump(mode="json"))
        return
    for line in explanation_lines(view):
        click.echo(line)


@main.command()
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
    type=click.Choice(["auto", "rabbitmq", "embedded"]),
    default="auto",
    show_default=True,
    help="auto: RabbitMQ where it is installed, otherwise the embedded one, which needs no server.",
)
def demo(seconds: float, broker: str) -> None:
    """See it work: bursts of tasks, workers that come and go, on private services in a temporary folder.

    Leaves no process and no file behind. Exits with 0 only if every task ran.

    \b
    Examples:
      autoscaler demo
      autoscaler demo --for 30 --broker embedded
    """
    sys.exit(run_demo(seconds, broker, Console(highlight=False)))


main.add_command(simulate_command)


def _socket(path: Path | None) -> Path:
    """The daemon's socket: as the config names it, usable or not just now, else the default one."""
    try:
        found = config.find(path, os.environ)
    except ConfigError:
        if path is not None:
            raise
        return config.Console().socket
    named = config.socket_of(found)
    return named or config.Console().socket


def _print_problems(error: ConfigError) -> None:
    Console().print_json(data={"problems": _problems(error.problems), "notes": []})


def _problems(problems: Iterable[Problem]) -> list[dict[str, object]]:
    return [
        {"file": each.file, "line": each.line, "key": each.key, "message": each.message} for each in problems
    ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _names(of: config.Config) -> str:
    return ", ".join(of.fleets) or "none"


if __name__ == "__main__":
    main()
