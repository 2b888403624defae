"""`autoscaler set`: change keys in the config file, and keep the rest of its text."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click

from autoscaler import config
from autoscaler.cli.changed import Outcome, cannot_change, say, say_wrong
from autoscaler.cli.completion import complete_words_of_set
from autoscaler.cli.exits import Exit
from autoscaler.cli.in_use import Use, Watcher
from autoscaler.cli.options import client, config_option, json_option, socket_option
from autoscaler.cli.typed import edits_of, placed, with_reach
from autoscaler.config.changes import change, diff, fleet_names
from autoscaler.config.edit import Reach
from autoscaler.config.restart import needing_restart
from autoscaler.config.rewrite import Held, held
from autoscaler.config.watch import raise_problems
from autoscaler.decide.what_if import WhatIf, what_if
from autoscaler.errors import AutoscalerError, CommandRefused, ConfigError
from autoscaler.http.client import Client
from autoscaler.loop.programs import undefinable
from autoscaler.loop.warnings import notes
from autoscaler.model import Scaling
from autoscaler.model.names import worker_name
from autoscaler.observe.host import local_host_name
from autoscaler.store import stored_tracks
from autoscaler.supervisord.program_file import render
from autoscaler.workers.program import worker_program


@dataclass(frozen=True, slots=True)
class _Asked:
    """The command line."""

    path: Path
    words: tuple[str, ...]
    reach: Reach
    dry_run: bool
    #: Write also what needs a restart.
    restart: bool


@click.command("set")
@click.argument(
    "words",
    nargs=-1,
    required=True,
    metavar="[FLEET] KEY=VALUE...",
    shell_complete=complete_words_of_set,
)
@config_option
@socket_option
@json_option
@click.option("--dry-run", is_flag=True, help="Write nothing; show what the fleet would do now.")
@with_reach
@click.option(
    "--restart-needed",
    "restart",
    is_flag=True,
    help="Write also keys that need a restart of the daemon.",
)
def set_command(
    *,
    words: tuple[str, ...],
    path: Path | None,
    socket: Path | None,
    as_json: bool,
    dry_run: bool,
    reach: Reach,
    restart: bool,
) -> None:
    """Change keys of the config file in place: of a fleet, or of the file's top without one.

    Everything else in the file stays as it is, comments and quotes too. The new file is checked before it is
    written; the old one is kept beside it with .bak behind its name. A running daemon uses it from its next
    tick on.

    A few keys, such as state_dir, cannot change while the daemon runs: they are only written with
    --restart-needed.

    A value that the fleet has from `defaults:`, an anchor or a merge is not changed for others unasked.

    \b
    Examples:
      autoscaler set emails max_workers=20
      autoscaler set emails scale.threshold.up=200 scale.threshold.down=20
      autoscaler set emails scale.max_wait=10s --dry-run
      autoscaler set polling_interval=1s
      autoscaler set defaults.drain_timeout=30m
    """
    found = config.find(path, os.environ)
    daemon = client(path, socket)
    try:
        with held(found) as file:
            asked = _Asked(found, words, reach, dry_run, restart)
            outcome, watcher = _carry_out(asked, file, daemon)
    except ConfigError as error:
        say_wrong(error, words[0], as_json=as_json)
        sys.exit(Exit.CONFIG)
    if watcher:  # another command may edit the file meanwhile
        outcome = replace(outcome, use=watcher.wait())
    say(outcome, as_json=as_json)
    if (outcome.use is not None and outcome.use.in_use is False) or (outcome.locked and not restart):
        sys.exit(Exit.FAILED)


def _carry_out(asked: _Asked, file: Held, daemon: Client) -> tuple[Outcome, Watcher | None]:
    path = asked.path
    edits = list(edits_of(asked.words, fleet_names(path, file.content)))
    new, changes = change(path, file.content, edits, asked.reach)
    now = _present(path, file.content)
    try:
        usable = _validated(path, new)
    except ConfigError as error:
        raise placed(error, path, edits, asked.words) from error
    watcher = Watcher(daemon, path)
    locked = tuple(watcher.locked(needing_restart(now, usable))) if now else ()
    noted = tuple(_new_notes(path, now, usable))
    outcome = Outcome(path, diff(path.name, file.content, new), changes, locked=locked, notes=noted)
    if asked.dry_run:
        return replace(outcome, would=tuple(_would(now, usable, daemon))), None
    if new == file.content:
        return outcome, None
    if locked and not asked.restart:
        raise CommandRefused(f"{cannot_change(locked)}, or give --restart-needed; nothing is written")
    file.replace(new)
    outcome = replace(outcome, backup=file.backup)
    if locked:
        use = Use(None, f"in use once the daemon is restarted, for {', '.join(locked)}")
        return replace(outcome, use=use), None
    return outcome, watcher


def _validated(path: Path, content: bytes) -> config.Config:
    usable = config.load(path, content=content, elsewhere=True)
    raise_problems(path, undefinable(usable, local_host_name()))
    return usable


# --- what would be ---


def _present(path: Path, content: bytes) -> config.Config | None:
    """What the file says before the change; None where it cannot be used."""
    try:
        return config.load(path, content=content, elsewhere=True)
    except ConfigError:
        return None


def _new_notes(path: Path, now: config.Config | None, after: config.Config) -> Iterator[tuple[str, str]]:
    """What the change brings that `check` would note."""
    tracks = stored_tracks(after.state_dir)
    before = {(each.key, each.message) for each in notes(path, now, tracks)} if now else set()
    for each in notes(path, after, tracks):
        if (each.key, each.message) not in before:
            yield each.key, each.message


def _would(
    now: config.Config | None, after: config.Config, daemon: Client
) -> Iterator[tuple[str, WhatIf | str]]:
    """What each fleet would do now that the change touches."""
    for name, fleet in after.fleets.items():
        old = now.fleets.get(name) if now else None
        if old is None or old.scaling != fleet.scaling:
            yield name, _asked(name, fleet.scaling, daemon)
        if now and old and _program(now, old) != _program(after, fleet):
            yield name, "its workers would be replaced, one drained worker at a time"


def _asked(fleet: str, scaling: Scaling, daemon: Client) -> WhatIf | str:
    try:
        values = daemon.situation(fleet).values()
    except AutoscalerError as error:
        return f"unknown: {error}"
    return what_if(*values, scaling) if values else "unknown: the daemon cannot see supervisord"


def _program(settings: config.Config, fleet: config.Fleet) -> str:
    """How supervisord would be told about a worker of the fleet."""
    return render(worker_program(settings, fleet, worker_name(fleet.name, 1), local_host_name()))
