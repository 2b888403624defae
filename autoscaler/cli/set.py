"""`autoscaler set`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
from rich.console import Console

from autoscaler import config
from autoscaler.act.celery_program import worker_name
from autoscaler.act.program_file import render
from autoscaler.cli.completion import complete_words_of_set
from autoscaler.cli.exits import Exit
from autoscaler.cli.in_use import Use, Watcher
from autoscaler.cli.options import client, config_option, json_option, socket_option
from autoscaler.cli.terminal import console as terminal
from autoscaler.config.changes import Change, change, diff, fleet_names
from autoscaler.config.edit import Reach, dotted
from autoscaler.config.edit_value import Value, value_of
from autoscaler.config.explain import OF_A_FLEET
from autoscaler.config.rewrite import Held, held
from autoscaler.config.yaml_lines import KeyPath
from autoscaler.console.client import Client
from autoscaler.errors import AutoscalerError, CommandRefused, ConfigError, Problem
from autoscaler.model import Scaling
from autoscaler.nearest import no_fleet
from autoscaler.notes import notes
from autoscaler.store import stored_tracks
from autoscaler.watched_config import CANNOT_CHANGE, needing_restart, unwritable
from autoscaler.what_if import WhatIf, what_if
from autoscaler.wiring import local_host_name, worker_program

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, slots=True)
class _Outcome:
    """All that is told in the end."""

    file: Path
    diff: list[str]
    changes: list[Change]
    backup: Path | None = None
    use: Use | None = None
    #: By fleet, for a dry run: the two decisions, or why there are none.
    would: tuple[tuple[str, WhatIf | str], ...] = ()
    #: Changed keys that the running daemon cannot change.
    locked: tuple[str, ...] = ()
    #: Key and text of what `check` would note of the new config and not of the present one.
    notes: tuple[tuple[str, str], ...] = ()


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
@click.option("--here", is_flag=True, help="Write a value that comes from elsewhere into the fleet itself.")
@click.option("--everywhere", is_flag=True, help="Change a shared value for all that have it.")
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
    here: bool,
    everywhere: bool,
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
    reach = _reach(here=here, everywhere=everywhere)
    found = config.find(path, os.environ)
    daemon = client(path, socket)
    try:
        with held(found) as file:
            asked = _Asked(found, words, reach, dry_run, restart)
            outcome, watcher = _carry_out(asked, file, daemon)
    except ConfigError as error:
        _say_wrong(error, words[0], as_json=as_json)
        sys.exit(Exit.CONFIG)
    if watcher:  # another command may edit the file meanwhile
        outcome = replace(outcome, use=watcher.wait())
    _print_json(outcome) if as_json else _print(outcome)
    if (outcome.use is not None and outcome.use.in_use is False) or (outcome.locked and not restart):
        sys.exit(Exit.FAILED)


def _carry_out(asked: _Asked, file: Held, daemon: Client) -> tuple[_Outcome, Watcher | None]:
    path = asked.path
    edits = list(_edits(asked.words, fleet_names(path, file.content)))
    new, changes = change(path, file.content, edits, asked.reach)
    now = _present(path, file.content)
    try:
        usable = _validated(path, new)
    except ConfigError as error:
        raise _placed(
            error, path, dict(zip(_dotted(edits), asked.words[-len(edits) :], strict=True))
        ) from error
    watcher = Watcher(daemon, path)
    locked = tuple(watcher.locked(needing_restart(now, usable))) if now else ()
    noted = tuple(_new_notes(path, now, usable))
    outcome = _Outcome(path, diff(path.name, file.content, new), changes, locked=locked, notes=noted)
    if asked.dry_run:
        return replace(outcome, would=tuple(_would(now, usable, daemon))), None
    if new == file.content:
        return outcome, None
    if locked and not asked.restart:
        raise CommandRefused(f"{_cannot_change(locked)}, or give --restart-needed; nothing is written")
    file.replace(new)
    outcome = replace(outcome, backup=file.backup)
    if locked:
        use = Use(None, f"in use once the daemon is restarted, for {', '.join(locked)}")
        return replace(outcome, use=use), None
    return outcome, watcher


def _dotted(edits: list[tuple[KeyPath, Value]]) -> list[str]:
    return [dotted(keys) for keys, _ in edits]


def _placed(error: ConfigError, path: Path, given: dict[str, str]) -> ConfigError:
    """The problems where the user can see them: of what was typed none is in a file, the rest in the old one.

    Parameters
    ----------
    given : by dotted key, the word that was typed.
    """
    return ConfigError([_place(problem, path, given) for problem in error.problems])


def _place(problem: Problem, path: Path, given: dict[str, str]) -> Problem:
    word = next(
        (word for key, word in given.items() if re.match(rf"{re.escape(key)}(\W|$)", problem.key)), None
    )
    if word is None:
        return replace(problem, line=config.line_of(path, problem.key))
    if problem.message.endswith(OF_A_FLEET):
        problem = replace(problem, message=f"{problem.message}: `autoscaler set FLEET {word}`")
    return replace(problem, line=0)


def _cannot_change(keys: Iterable[str]) -> str:
    return f"{', '.join(keys)} {CANNOT_CHANGE}: edit the file and restart the daemon"


# --- what is wanted ---


def _reach(*, here: bool, everywhere: bool) -> Reach:
    if here and everywhere:
        raise click.UsageError("--here and --everywhere are two different places; give one of them")
    return Reach.HERE if here else Reach.EVERYWHERE if everywhere else Reach.ASK


def _edits(words: tuple[str, ...], fleets: list[str]) -> Iterator[tuple[KeyPath, Value]]:
    start: KeyPath = ()
    if "=" not in words[0]:
        start = ("fleets", _known_fleet(words[0], fleets))
        words = words[1:]
    if not words:
        raise click.UsageError(f"say what to set: autoscaler set {start[1]} KEY=VALUE")
    for word in words:
        key, equals, typed = word.partition("=")
        if not equals or not key:
            raise click.UsageError(f"{word!r} is not KEY=VALUE")
        keys = (*start, *_keys(key))
        if not start and keys[0] in fleets:
            rest = key.partition(".")[2] or "KEY"
            raise click.UsageError(
                f"{key} is not a key; did you mean `autoscaler set {keys[0]} {rest}={typed}`?"
            )
        if keys[0] == "fleets" and len(keys) > 1:
            _known_fleet(str(keys[1]), fleets)
        try:
            yield keys, value_of(typed)
        except ValueError as error:
            raise click.UsageError(f"{key} {error}") from error


def _known_fleet(name: str, fleets: list[str]) -> str:
    if name not in fleets:
        raise click.UsageError(no_fleet(name, fleets))
    return name


def _keys(dotted: str) -> KeyPath:
    """``scale.schedule[0].min_workers`` as a path."""
    parts = dotted.replace("[", ".").replace("]", "").split(".")
    if not all(parts):
        raise click.UsageError(f"{dotted!r} is not a key such as scale.threshold.up")
    return tuple(int(part) if part.isdecimal() else part for part in parts)


def _validated(path: Path, content: bytes) -> config.Config:
    usable = config.load(path, content=content, elsewhere=True)
    if problems := list(unwritable(path, usable, local_host_name())):
        raise ConfigError(problems)
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


# --- telling ---


def _say_wrong(error: ConfigError, first: str, *, as_json: bool) -> None:
    if as_json:
        Console().print_json(data={"problems": [asdict(problem) for problem in error.problems]})
        return
    for problem in error.problems:
        short = (
            problem if problem.line else replace(problem, key=problem.key.removeprefix(f"fleets.{first}."))
        )
        click.echo(str(short), err=True)
    click.echo("nothing is written", err=True)


def _print(outcome: _Outcome) -> None:
    console = terminal()
    for line in outcome.diff:
        style = None if line.startswith(("---", "+++")) else _COLOURS.get(line[0])
        console.print(line, style=style, markup=False, soft_wrap=True)
    for line in _told(outcome):
        click.echo(line)


def _told(outcome: _Outcome) -> Iterable[str]:
    name = outcome.file
    for each in outcome.changes:
        if not each.changed:
            yield f"{name}:{each.line}: {each.key} has that value already"
        if each.others:
            yield f"with it: {', '.join(each.others)}"
        if each.not_for:
            yield f"not for {', '.join(each.not_for)}: there {each.key.partition('.')[2]} is given"
    for key, text in outcome.notes:
        yield f"note: {key}: {text}"
    for fleet, would in outcome.would:
        yield f"{fleet}: {would}" if isinstance(would, str) else would.text
    if outcome.locked and outcome.use is None:
        yield _cannot_change(outcome.locked)
    if outcome.use is not None:
        yield f"{name}: written, the old one is {outcome.backup}"
        yield outcome.use.text


def _print_json(outcome: _Outcome) -> None:
    use = outcome.use
    Console().print_json(
        data={
            "file": str(outcome.file),
            "written": use is not None,
            "backup": str(outcome.backup) if outcome.backup else None,
            "in_use": use.in_use if use else None,
            "text": use.text if use else "",
            "needs_restart": outcome.locked,
            "notes": [{"key": key, "message": text} for key, text in outcome.notes],
            "diff": outcome.diff,
            "changes": [asdict(each) for each in outcome.changes],
            "would": [
                {"fleet": fleet, "text": would}
                if isinstance(would, str)
                else {
                    "fleet": fleet,
                    "text": would.text,
                    "desired": would.now.desired,
                    "would_desire": would.then.desired,
                }
                for fleet, would in outcome.would
            ],
        }
    )
