"""Reading small files whole, with errors for users."""

from __future__ import annotations

import stat
from pathlib import Path


class Unreachable(ValueError):
    """This user may not read the file."""


def read_file(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Raises
    ------
    Unreachable : this user may not read it.
    ValueError : says what is wrong with it, without its name. A pipe or device is refused:
    reading it could wait for ever.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise ValueError("is a folder, not a file" if stat.S_ISDIR(mode) else "is not a regular file")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError as error:
        raise ValueError("there is no such file") from error
    except PermissionError as error:
        raise Unreachable(f"cannot be read: {error.strerror}") from error
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    if len(content) > limit:
        raise ValueError(f"is larger than {limit} bytes")
    return content
