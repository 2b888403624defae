"""Where a key stands in the config file."""

from __future__ import annotations

from pathlib import Path

from autoscaler.config.yaml_lines import Unreadable, parse


def line_of(path: Path, key: str) -> int:
    """The 1-based line of a dotted key, or of the nearest parent that is written.

    Parameters
    ----------
    key : such as ``console.socket``; its parts hold no dots.
    """
    try:
        places = parse(path.read_bytes()).places
    except (OSError, Unreadable):
        return 1
    parts = tuple(key.split("."))
    found = (places[parts[:length]] for length in range(len(parts), -1, -1) if parts[:length] in places)
    return next((place.line for place in found), 1)


def socket_of(path: Path) -> Path | None:
    """The console.socket that a file names, whether the rest of it can be used or not; None if none.

    A command has to find its daemon also while the file holds a mistake that the daemon refused.
    """
    try:
        data = parse(path.read_bytes()).data
    except (OSError, Unreadable):
        return None
    console = data.get("console") if isinstance(data, dict) else None
    socket = console.get("socket") if isinstance(console, dict) else None
    return Path(socket) if isinstance(socket, str) else None
