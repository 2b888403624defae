"""`autoscaler run`: the daemon, in the foreground."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import get_args

import click

from autoscaler import config
from autoscaler.cli.options import config_option
from autoscaler.http.access import Rules
from autoscaler.http.api import make_app
from autoscaler.http.server import Server
from autoscaler.http.stream import Stream
from autoscaler.loop.clock import SteadyClock
from autoscaler.loop.daemon import Daemon
from autoscaler.loop.diary import Diary, Format, Level
from autoscaler.loop.service_manager import Notifier
from autoscaler.store.history import History

log = logging.getLogger(__name__)

AS_ROOT = (
    "running as root, which the autoscaler needs for two things only: to open supervisord's socket and to "
    "write supervisord.programs_file. As a user of its own it needs that socket's group (chown= in "
    "[unix_http_server]) and a folder of its own for that file: see docs/security.md"
)


@click.command()
@config_option
@click.option(
    "--log-level",
    type=click.Choice(get_args(Level)),
    envvar="AUTOSCALER_LOG_LEVEL",
    help="Log lines of this level and above. Default: $AUTOSCALER_LOG_LEVEL, log_level in the config, info.",
)
@click.option(
    "--log-format",
    type=click.Choice(get_args(Format)),
    envvar="AUTOSCALER_LOG_FORMAT",
    help="The log's format. Default: $AUTOSCALER_LOG_FORMAT, log_format in the config, text.",
)
def run(path: Path | None, log_level: Level | None, log_format: Format | None) -> None:
    """Run the daemon in the foreground.

    TERM and INT stop it and leave the workers running, HUP reads the config again. The config file is
    also read again by itself when it changes. Services that are not up yet are waited for. Whoever set
    NOTIFY_SOCKET (systemd, start-stop-daemon) is told when it is ready and what it waits for.

    \b
    Example:
      autoscaler run --config /etc/autoscaler/autoscaler.yaml
    """
    with Diary(log_level, log_format) as diary:
        _run(config.find(path, os.environ), diary)


def _run(path: Path, diary: Diary) -> None:
    clock = SteadyClock()
    daemon = Daemon(
        path,
        clock=clock,
        notifier=Notifier(os.environ),
        on_config=lambda used: diary.use(used.log_level, used.log_format),
    )
    if os.geteuid() == 0:
        log.warning("%s", AS_ROOT)
    daemon.handle_signals()
    console = daemon.config.console
    stream = Stream(lambda: daemon.snapshot, clock)
    daemon.after_each_tick(stream.publish)
    app = make_app(
        lambda: daemon.snapshot,
        clock,
        ask=daemon.ask,
        rules=lambda: Rules(daemon.config.console.secrets, console.listen),
        reader=History(daemon.config.state_dir),
        stream=stream,
    )
    daemon.run(beside=Server(app, console.socket, console.listen, closing=stream.close))
