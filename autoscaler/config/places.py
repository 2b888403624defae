"""Where a key stands in the config file."""

from __future__ import annotations

from pathlib import Path

from autoscaler.config.files import read_file
from autoscaler.config.load import MAX_BYTES
from autoscaler.config.yaml_lines import parse


def line_of(path: Path, key: str) -> int:
    """The 1-based line of a dotted key, or of the nearest parent that is written.

    Parameters
    ----------
    key : such as ``console.socket``; its parts hold no dots.
    """
    try:
        places = parse(read_file(path, MAX_BYTES)).places
    except ValueError:
        return 1
    parts = tuple(key.split("."))
    found = (places[parts[:length]] for length in range(len(parts), -1, -1) if parts[:length] in places)
    return next((place.line for place in found), 1)


def socket_of(path: Path) -> Path | None:
    """The console.socket that a file names, whether the rest of it can be used or not; None if none.

    A command has to find its daemon also while the file holds a mistake that the daemon refused.
    """
    try:
        data = parse(read_file(path, MAX_BYTES)).data
    except ValueError:
        return None
    console = data.get("console") if isinstance(data, dict) else None
    socket = console.get("socket") if isinstance(console, dict) else None
    return Path(socket) if isinstance(socket, str) else None
