"""Warnings about a valid config: settings whose effect a reader may not expect."""

from __future__ import annotations

import pwd
from collections.abc import Iterator, Mapping
from pathlib import Path

from autoscaler.config import Config, Fleet, Singleton, line_of
from autoscaler.decide.capacity import start_seconds
from autoscaler.errors import Problem
from autoscaler.model import Track
from autoscaler.text import seconds


def notes(path: Path, config: Config, tracks: Mapping[str, Track]) -> Iterator[Problem]:
    """Notes on a config: what this machine lacks for it, and what its fleets cannot keep.

    Parameters
    ----------
    path : of the file, for the line numbers.
    tracks : what the daemon has measured of each fleet so far, if it has.
    """
    for key, text in _missing(config):
        yield Problem(str(path), line_of(path, key), key, text)
    for key, text in _cold_stops(config):
        yield Problem(str(path), line_of(path, key), key, text)
    for key, text in _doubled_beats(config):
        yield Problem(str(path), line_of(path, key), key, text)
    for name, fleet in config.fleets.items():
        wait = fleet.scale.max_wait if fleet.scale else None
        if wait is not None:
            text = _too_soon(wait, config.polling_interval, tracks.get(name, Track()))
            key = f"fleets.{name}.scale.max_wait"
            if text:
                yield Problem(str(path), line_of(path, key), key, text)


def _missing(config: Config) -> Iterator[tuple[str, str]]:
    """What the config names and this machine does not have, by key; the config may be meant for another."""
    folder = config.supervisord.programs_file.parent
    if not folder.is_dir():
        yield "supervisord.programs_file", f"there is no folder {folder} on this machine to write it to"
    for name, fleet in config.fleets.items():
        yield from _missing_rights(f"fleets.{name}", fleet)
        if fleet.celery.startswith("/") and not Path(fleet.celery).is_file():
            key = f"fleets.{name}.celery"
            yield key, f"there is no file {fleet.celery} on this machine: no worker can start"
    for name, singleton in config.singletons.items():
        yield from _missing_rights(f"singletons.{name}", singleton)
        command = singleton.command[0]
        if command.startswith("/") and not Path(command).is_file():
            yield f"singletons.{name}.command", f"there is no file {command} on this machine: it cannot start"


def _missing_rights(key: str, of: Fleet | Singleton) -> Iterator[tuple[str, str]]:
    if of.user is not None and not _is_user(of.user):
        yield f"{key}.user", f"there is no user {of.user} on this machine: supervisord will refuse it"
    if of.directory is not None and not of.directory.is_dir():
        yield f"{key}.directory", f"there is no folder {of.directory} on this machine to start workers in"


def _cold_stops(config: Config) -> Iterator[tuple[str, str]]:
    """Fleets whose workers take TERM for QUIT, which cancels their tasks."""
    for name, fleet in config.fleets.items():
        if fleet.environment.get("REMAP_SIGTERM") == "SIGQUIT":
            yield (
                f"fleets.{name}.environment",
                "REMAP_SIGTERM=SIGQUIT makes TERM a cold shutdown, which cancels tasks: leave it out, "
                "or `supervisorctl stop`, drain_on_timeout: stop and the end of an orphan cost tasks",
            )


def _doubled_beats(config: Config) -> Iterator[tuple[str, str]]:
    """Singletons that send the periodic tasks of the same app."""
    first: dict[str, str] = {}
    for name, singleton in config.singletons.items():
        app = singleton.beat_app
        if app and app in first:
            text = f"{first[app]} sends the periodic tasks of {app} as well, so each would be sent twice"
            yield f"singletons.{name}.command", text
        first.setdefault(app, name)


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _too_soon(wait: float, interval: float, track: Track) -> str:
    """Say that a worker which is started when a task waits would come too late; empty if it would not."""
    start, measured = start_seconds(track.measures), track.measures.start_seconds is not None
    if wait >= start + interval:
        return ""
    how = "measured" if measured else "assumed until one is measured"
    return (
        f"{seconds(wait)} is less than a worker's start ({seconds(start)}, {how}) and one polling_interval "
        f"({seconds(interval)}): no worker that is started when a task waits can keep it, so the fleet keeps "
        "as many ready as the measured load needs, and a sudden burst will wait longer"
    )
