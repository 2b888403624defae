"""`autoscaler run`: the daemon, in the foreground."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import click

from autoscaler import config
from autoscaler.cli.options import config_option
from autoscaler.http.access import Rules
from autoscaler.http.api import make_app
from autoscaler.http.server import Server
from autoscaler.http.stream import Stream
from autoscaler.loop.clock import SteadyClock
from autoscaler.loop.daemon import Daemon
from autoscaler.loop.service_manager import Notifier
from autoscaler.store.history import History

log = logging.getLogger("autoscaler")

AS_ROOT = (
    "running as root, which the autoscaler needs for two things only: to open supervisord's socket and to "
    "write supervisord.programs_file. As a user of its own it needs that socket's group (chown= in "
    "[unix_http_server]) and a folder of its own for that file: see docs/security.md"
)


@click.command()
@config_option
def run(path: Path | None) -> None:
    """Run the daemon in the foreground.

    TERM and INT stop it and leave the workers running, HUP reads the config again. The config file is
    also read again by itself when it changes. Services that are not up yet are waited for. Whoever set
    NOTIFY_SOCKET (systemd, start-stop-daemon) is told when it is ready and what it waits for.

    \b
    Example:
      autoscaler run --config /etc/autoscaler/autoscaler.yaml
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    if os.geteuid() == 0:
        log.warning("%s", AS_ROOT)
    clock = SteadyClock()
    daemon = Daemon(config.find(path, os.environ), clock=clock, notifier=Notifier(os.environ))
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
