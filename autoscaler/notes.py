"""What a valid config will not do as its reader may expect: notes, not errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from autoscaler.config import Config, line_of
from autoscaler.decide.max_wait import start_seconds
from autoscaler.decide.words import seconds
from autoscaler.errors import Problem
from autoscaler.model import Track


def notes(path: Path, config: Config, tracks: Mapping[str, Track]) -> Iterator[Problem]:
    """Notes on a config, in the order of its fleets.

    Parameters
    ----------
    path : of the file, for the line numbers.
    tracks : what the daemon has measured of each fleet so far, if it has.
    """
    for name, fleet in config.fleets.items():
        wait = fleet.scale.max_wait if fleet.scale else None
        if wait is not None:
            text = _too_soon(wait, config.polling_interval, tracks.get(name, Track()))
            key = f"fleets.{name}.scale.max_wait"
            if text:
                yield Problem(str(path), line_of(path, key), key, text)


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
