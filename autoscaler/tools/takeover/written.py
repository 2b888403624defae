"""Writing new files, all or none; an existing file stays unless it may be replaced."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from autoscaler.errors import TakeoverError


def write_new(path: Path, text: str, *, mode: int, force: bool = False) -> None:
    """Write a file atomically.

    Parameters
    ----------
    mode : its permissions; never wider for a moment.
    force : whether it may replace a file.

    Raises
    ------
    TakeoverError : there is one already, or it cannot be written.
    """
    if os.path.lexists(path) and not force:
        raise TakeoverError(f"{path}: is there already; --force replaces it")
    replace_text(path, text, mode=mode)


def replace_text(path: Path, text: str, *, mode: int | None = None) -> None:
    """Replace a file's text atomically; it keeps its mode and owner unless `mode` is given.

    Raises
    ------
    TakeoverError : it cannot be written; it is as it was.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        _write(temporary, target, text.encode(), mode)
        temporary.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise TakeoverError(f"{path}: cannot be written: {error.strerror}") from error


def _write(temporary: Path, target: Path, data: bytes, mode: int | None) -> None:
    temporary.unlink(missing_ok=True)  # left by a crash
    old = target.stat() if target.exists() else None
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        if old is not None and os.geteuid() == 0:
            os.fchown(fd, old.st_uid, old.st_gid)
        os.fchmod(fd, mode if mode is not None else (old.st_mode & 0o7777 if old else 0o644))
        file.write(data)
        file.flush()
        os.fsync(fd)
