"""The line of a key in the config file, and the paths in a file that is invalid as a whole."""

from __future__ import annotations

import re
from pathlib import Path

from autoscaler.config.files import read_file
from autoscaler.config.load import MAX_BYTES
from autoscaler.config.yaml_lines import Unreadable, parse
from autoscaler.errors import ConfigError, Problem

_SOCKET_LINE = re.compile(r"^\s+socket:\s*[\"']?(/[^\s\"'#}]+)", re.MULTILINE)


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

    A command has to find its daemon also while the file holds a mistake that the daemon refused. Where
    the mistake is in the YAML itself, the line that looks like the socket's is taken.

    Raises
    ------
    ConfigError : the file cannot be read, or is no YAML and has no such line.
    """
    try:
        content = read_file(path, MAX_BYTES)
        data = parse(content).data
    except Unreadable as error:
        found = _SOCKET_LINE.search(content.decode(errors="replace"))
        if found:
            return Path(found[1])
        rule = f"{error.fault.message}; so the daemon's socket is unknown: name it with --socket"
        raise ConfigError([Problem(str(path), error.fault.line, "", rule)]) from error
    except ValueError as error:
        raise ConfigError([Problem(str(path), 1, "", str(error))]) from error
    return _path_at(data, "console", "socket")


def state_dir_of(path: Path) -> Path | None:
    """The state_dir that a file names, whether the rest of it can be used or not; None if none."""
    try:
        data = parse(read_file(path, MAX_BYTES)).data
    except ValueError:
        return None
    value = data.get("state_dir") if isinstance(data, dict) else None
    return Path(value) if isinstance(value, str) else None


def files_of(path: Path) -> tuple[Path, ...]:
    """The broker.url_file and console.token_file that a file names, whether any of it can be used or not.

    A daemon has to notice when a broken one is mended, or one that a new config names appears.
    """
    try:
        data = parse(read_file(path, MAX_BYTES)).data
    except ValueError:
        return ()
    named = _path_at(data, "broker", "url_file"), _path_at(data, "console", "token_file")
    return tuple(path.parent / file for file in named if file)


def _path_at(data: object, section: str, key: str) -> Path | None:
    """The path under a key of a section, in data that need not be valid."""
    keys = data.get(section) if isinstance(data, dict) else None
    value = keys.get(key) if isinstance(keys, dict) else None
    return Path(value) if isinstance(value, str) else None
