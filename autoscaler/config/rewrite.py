"""Replacing the config file as a whole, or not at all.

    lock -> read -> (edit, validate) -> has anybody else written? -> old one to .bak -> rename

Two commands wait for each other by the lock on the file; an editor, which knows no lock, is found by
looking again just before the rename. A symbolic link stays one: the file that it leads to is replaced.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from autoscaler.config.files import read_file
from autoscaler.config.load import MAX_BYTES
from autoscaler.errors import ConfigError, EditFailed, Problem

#: Seconds to wait for another command that edits the same file.
LOCK_DEADLINE = 5.0
_POLL = 0.05


@dataclass(frozen=True, slots=True)
class Held:
    """A config file that no other command edits meanwhile."""

    #: Behind all symbolic links.
    target: Path
    content: bytes

    @property
    def backup(self) -> Path:
        """Where the file that was replaced last lies."""
        return self.target.with_name(f"{self.target.name}.bak")

    def replace(self, content: bytes) -> None:
        """Write the file anew, with its mode and owner; the old one becomes the `backup`.

        Raises
        ------
        EditFailed : it changed since it was read, or cannot be written; it is as it was.
        """
        # Names of this call alone: whoever waited may begin as soon as the new file is there.
        mark = secrets.token_hex(4)
        temporary = self.target.with_name(f".{self.target.name}.{mark}")
        saved = self.target.with_name(f".{self.target.name}.{mark}.bak")
        try:
            _write_like(self.target, temporary, content)
            _write_like(self.target, saved, self.content)
            if read_file(self.target, MAX_BYTES) != self.content:
                raise EditFailed(f"{self.target} was changed by somebody else meanwhile: nothing is written")
            saved.replace(self.backup)
            temporary.replace(self.target)
            _sync_folder(self.target.parent)
        except ValueError as error:
            raise EditFailed(f"{self.target}: {error}; nothing is written") from error
        except OSError as error:
            why = "must be writable too: the file is replaced as a whole"
            raise EditFailed(
                f"{self.target} cannot be written: {error.strerror} (the folder {self.target.parent} {why})"
            ) from error
        finally:
            for path in (temporary, saved):
                with suppress(OSError):
                    path.unlink(missing_ok=True)


@contextmanager
def held(path: Path, deadline: float = LOCK_DEADLINE) -> Iterator[Held]:
    """Read a config file and keep other commands from editing it.

    Raises
    ------
    ConfigError : it cannot be read.
    EditFailed : another command holds it for longer than `deadline` seconds.
    """
    ends = time.monotonic() + deadline
    lock = _locked(path, ends)
    try:
        yield _read(path)
    finally:
        os.close(lock)


def _read(path: Path) -> Held:
    try:
        target = path.resolve(strict=True)
        return Held(target, read_file(target, MAX_BYTES))
    except (OSError, ValueError) as error:
        raise ConfigError([Problem(str(path), 1, "", str(error))]) from error


def _locked(path: Path, ends: float) -> int:
    """Lock the file that is at the path now; the one before may have been replaced while we waited."""
    while True:
        try:
            lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise ConfigError([Problem(str(path), 1, "", f"cannot be read: {error.strerror}")]) from error
        if _take(lock) and _is_at(path, lock):
            return lock
        os.close(lock)
        if time.monotonic() > ends:
            raise EditFailed(f"another command edits {path}; try again")
        time.sleep(_POLL)


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: looking again before the rename must do
        return True
    return True


def _is_at(path: Path, opened: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(opened))
    except OSError:
        return False


def _write_like(model: Path, path: Path, content: bytes) -> None:
    """Write a new file with the owner, the mode and the attributes of another, and put it on the disk."""
    like = model.stat()
    path.unlink(missing_ok=True)
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(opened, "wb") as file:
        if (os.fstat(opened).st_uid, os.fstat(opened).st_gid) != (like.st_uid, like.st_gid):
            os.fchown(opened, like.st_uid, like.st_gid)
        os.fchmod(opened, like.st_mode & 0o7777)
        file.write(content)
        file.flush()
        os.fsync(opened)
    with suppress(OSError):  # access lists and labels, where the file system has them
        for name in os.listxattr(model):
            os.setxattr(path, name, os.getxattr(model, name))


def _sync_folder(folder: Path) -> None:
    """Put the rename itself on the disk; some file systems cannot, and need not."""
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
