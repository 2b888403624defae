"""Options that several commands share, and their values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from autoscaler import config
from autoscaler.config import units
from autoscaler.errors import ConfigError
from autoscaler.http.client import Client
from autoscaler.http.wire import TIMEOUT
from autoscaler.store.lock import socket_in_use

#: As in the config's model.
DEFAULT_STATE_DIR = Path("/var/lib/autoscaler")

config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The config file. Default: $AUTOSCALER_CONFIG, ./autoscaler.yaml, /etc/autoscaler/autoscaler.yaml.",
)
socket_option = click.option(
    "--socket", type=click.Path(path_type=Path), help="The daemon's socket. Default: as in the config."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, as the HTTP API gives it.")


def client(path: Path | None, socket: Path | None, timeout: float = TIMEOUT) -> Client:
    """The way to the daemon: its socket as given, else as the config names it, else the default one.

    Parameters
    ----------
    timeout : seconds that the daemon has for an answer.

    The config need not be usable just now: a running daemon still has its last good one.

    Raises
    ------
    ConfigError
        A config file was named and is not there.
    """
    if socket is not None:
        return Client(socket, timeout=timeout)
    default = config.Console().socket
    try:
        found = config.find(path, os.environ)
    except ConfigError as error:
        if path is not None:
            raise
        return Client(default, timeout=timeout, hint=_no_config(error))
    return Client(_listening(found, config.socket_of(found) or default), timeout=timeout)


def _listening(file: Path, socket: Path) -> Path:
    """The socket of the config; while nothing is there, the one that its daemon has used since it started."""
    if os.path.exists(socket):  # noqa: PTH110 - unlike Path.exists, False for a closed folder
        return socket
    state_dir = config.state_dir_of(file) or DEFAULT_STATE_DIR
    used = socket_in_use(state_dir)
    if used is None or used == socket or not os.path.exists(used):  # noqa: PTH110
        return socket
    note(f"the daemon still listens on {used}: console.socket is {socket} once it is restarted")
    return used


def _no_config(error: ConfigError) -> str:
    """Why the default socket is asked: a config that was not found may name another one."""
    looked = "; ".join(problem.message for problem in error.problems)
    return f"it is the default socket that was asked, for {looked}"


def note(text: str) -> None:
    """Say on stderr what the reader should know but need not act on."""
    click.echo(f"note: {text}", err=True)


class Duration(click.ParamType[float]):
    """``500ms``, ``30s``, ``2m``, ``1h`` on the command line; seconds for the command.

    Parameters
    ----------
    zero : whether it may be no time at all.
    """

    name = "duration"

    def __init__(self, *, zero: bool = False) -> None:
        self._zero = zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it here, where it is wrong usage."""
        if isinstance(value, float):  # a default, once more
            return value
        try:
            seconds = units.duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if seconds <= 0 and not self._zero:
            self.fail("must be more than 0s", param, ctx)
        return seconds


DURATION = Duration()
