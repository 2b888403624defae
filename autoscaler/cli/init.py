"""`autoscaler init`: a first config for an existing Celery app."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click

from autoscaler import config
from autoscaler.cli.adopt import adopt, undo_adopt
from autoscaler.cli.exits import Exit
from autoscaler.cli.findings import exit_of_findings, print_finding, summary
from autoscaler.cli.options import DURATION, note
from autoscaler.errors import ConfigError, TakeoverError
from autoscaler.text import count
from autoscaler.tools.doctor import examine
from autoscaler.tools.takeover.first_config import URL_FILE, FirstConfig, first_config
from autoscaler.tools.takeover.gather import SOME_BROKER, Asked, Gathered, gather
from autoscaler.tools.takeover.written import write_new
from autoscaler.tools.takeover.yaml_text import secrets_in


@click.command()
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default="autoscaler.yaml",
    show_default=True,
    help="The file to write.",
)
@click.option("--app", help="The Celery app, as celery -A takes it. Default: that of the worker programs.")
@click.option("--directory", help="The folder that holds the app. Default: the programs', or this one.")
@click.option("--celery", help="The celery command of the app. Default: that of the programs, or on PATH.")
@click.option("--python", help="The app's interpreter. Default: the one that runs its celery command.")
@click.option("--user", help="The user that workers run as. Default: that of the programs.")
@click.option(
    "--supervisord", metavar="URL|FILE", help="Its URL or main file. Default: the one that runs here."
)
@click.option("--management-url", help="RabbitMQ's management API. Default: port 15672 of the broker's host.")
@click.option(
    "--broker-url-env",
    metavar="NAME",
    help="Take the broker's URL from this variable of the daemon's environment, not from a file.",
)
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where the daemon keeps its state.")
@click.option(
    "--from",
    "from_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Take the workers from this file, as `autoscaler import` reads it.",
)
@click.option("--dry-run", is_flag=True, help="Print the config, write nothing; passwords are left out.")
@click.option("--force", is_flag=True, help="Replace the files if they are there already.")
@click.option(
    "--adopt", "take_over", is_flag=True, help="Take over the workers that run from hand-written programs."
)
@click.option("--undo-adopt", "back", is_flag=True, help="Bring them back.")
@click.option(
    "--wait",
    "within",
    type=DURATION,
    default="1h",
    show_default=True,
    help="How long one old worker may take to become idle.",
)
def init(
    *,
    path: Path,
    dry_run: bool,
    force: bool,
    broker_url_env: str | None,
    take_over: bool,
    back: bool,
    within: float,
    **said: str | Path | None,
) -> None:
    """Write a first config for a Celery app that is already there.

    Finds supervisord and its include folder, the workers that run from its programs, the app's queues,
    routes and broker (asked in a process of its own, by the app's own interpreter), the management API,
    and what this machine has. Asks nothing. Every line says why it is there. A password goes to a
    file beside it with mode 0600. Ends with what `autoscaler check --connect` says of it.

    --adopt takes over the workers that run from hand-written programs, with the config that is there or
    a new one. The daemon must run, and its workers be up and answering. Then one old worker after another
    is told to take no new tasks, finishes what it has, and is stopped; when all of a section are, it is
    commented out in its file. A busy worker is never stopped. Ended at any point, run it again to go on.
    --undo-adopt brings the sections and their workers back.

    \b
    Examples:
      autoscaler init
      autoscaler init --app shop --directory /srv/shop --celery /srv/shop/venv/bin/celery
      autoscaler init --supervisord /etc/supervisord.conf --dry-run
      autoscaler init --adopt
      autoscaler init --undo-adopt
      autoscaler init --from cloudmesh_celery.yaml --config /etc/autoscaler/autoscaler.yaml
    """
    asked = Asked(broker_variable=broker_url_env, **said)  # type: ignore[arg-type]
    there = os.path.lexists(path)
    if back:
        undo_adopt(path, config.load(path), asked.supervisord)
        return
    if there and take_over:
        adopt(path, config.load(path), asked.supervisord, within, dry_run=dry_run)
        return
    if there and not (dry_run or force):
        raise TakeoverError(
            f"{path}: is there already; --force replaces it, --dry-run shows what it would be"
        )
    usable, code = _first(path, asked, dry_run=dry_run, force=force)
    if take_over:
        adopt(path, usable, asked.supervisord, within, dry_run=dry_run)
    sys.exit(code)


def _first(path: Path, asked: Asked, *, dry_run: bool, force: bool) -> tuple[config.Config, Exit]:
    """Write the first config, or only show it, and look at what it names."""
    gathered = gather(asked)
    made = first_config(gathered.found)
    environ = environment(gathered)
    usable = checked(made, environ)
    for text in gathered.notes:
        note(text)
    if dry_run:
        click.echo(made.shown, nl=False)
        return usable, Exit.FINE
    write(path, made, gathered, force=force)
    return usable, _examined(path, environ, gathered)


def environment(gathered: Gathered) -> dict[str, str]:
    """Our environment, with the variables that the config needs."""
    found = gathered.found
    more = dict(found.reached.variables) if found.reached else {}
    if found.broker_variable is not None:
        more[found.broker_variable] = found.facts.broker_url or SOME_BROKER
    return {**os.environ, **more}


def checked(made: FirstConfig, environ: dict[str, str]) -> config.Config:
    """Read the config that would be written.

    Raises
    ------
    TakeoverError : it would not be valid; nothing was written.
    """
    with tempfile.TemporaryDirectory(prefix="autoscaler-") as folder:
        file = Path(folder) / "autoscaler.yaml"
        write_new(file, made.text, mode=0o600)
        if made.url is not None:
            write_new(file.with_name(URL_FILE), made.url, mode=0o600)
        try:
            return config.load(file, environ)
        except ConfigError as error:
            raise TakeoverError(
                f"what was found makes no valid config, nothing was written:\n{error}"
            ) from error


def write(path: Path, made: FirstConfig, gathered: Gathered, *, force: bool) -> None:
    """Write the config, and the broker's URL beside it before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if made.url is not None:
        write_new(path.with_name(URL_FILE), f"{made.url}\n", mode=0o600, force=force)
        click.echo(f"{path.with_name(URL_FILE)}: written, mode 0600: the broker's URL")
    drafts = gathered.found.drafts
    write_new(path, made.text, mode=0o600 if secrets_in(drafts) else 0o644, force=force)
    names = ", ".join(draft.name for draft in drafts) or "none"
    click.echo(f"{path}: written, {count(len(drafts), 'fleet')}: {names}")


def _examined(path: Path, environ: dict[str, str], gathered: Gathered) -> Exit:
    found = []
    for finding in examine(config.load(path, environ), config_file=path):
        found.append(finding)
        print_finding(finding)
    click.echo(summary(found))
    for name in {**(gathered.found.reached.variables if gathered.found.reached else {})}:
        note(f"the daemon needs ${name} in its environment: supervisord's password, percent-encoded")
    if gathered.found.broker_variable is not None:
        note(f"the daemon needs ${gathered.found.broker_variable} in its environment: the broker's URL")
    return exit_of_findings(found)
