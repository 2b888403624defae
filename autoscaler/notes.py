"""What a valid config will not do as its reader may expect: notes, not errors."""

from __future__ import annotations

import pwd
from collections.abc import Iterator, Mapping
from pathlib import Path

from autoscaler.config import Config, line_of
from autoscaler.decide.max_wait import start_seconds
from autoscaler.decide.words import seconds
from autoscaler.errors import Problem
from autoscaler.model import Track


def notes(path: Path, config: Config, tracks: Mapping[str, Track]) -> Iterator[Problem]:
    """Notes on a config: what this machine lacks for it, and what its fleets cannot keep.

    Parameters
    ----------
    path : of the file, for the line numbers.
    tracks : what the daemon has measured of each fleet so far, if it has.
    """
    for key, text in _missing(config):
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
        key = f"fleets.{name}"
        if fleet.user is not None and not _is_user(fleet.user):
            yield (
                f"{key}.user",
                f"there is no user {fleet.user} on this machine: supervisord will refuse it",
            )
        if fleet.directory is not None and not fleet.directory.is_dir():
            yield (
                f"{key}.directory",
                f"there is no folder {fleet.directory} on this machine to start workers in",
            )
        if fleet.celery.startswith("/") and not Path(fleet.celery).is_file():
            yield f"{key}.celery", f"there is no file {fleet.celery} on this machine: no worker can start"


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
