"""The lock on a state folder: one daemon per folder."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from autoscaler.errors import AlreadyRunning, StoreError


class Lock:
    """Lets one daemon at a time use a state folder; the kernel frees it when the process ends."""

    def __init__(self, state_dir: Path, socket: Path | None = None) -> None:
        """Take the lock.

        Parameters
        ----------
        socket : that this daemon listens on, for those who look for it.

        Raises
        ------
        AlreadyRunning : another process holds it.
        StoreError : the folder cannot be made or written.
        """
        self._path = state_dir / "lock"
        try:
            state_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise StoreError(f"state_dir {state_dir} cannot be used: {error.strerror or error}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._fd, 32).decode("ascii", "replace").partition("\n")[0].strip() or "unknown"
            os.close(self._fd)
            raise AlreadyRunning(
                f"another autoscaler (pid {holder}) uses state_dir {state_dir}: "
                "stop it, or set another state_dir"
            ) from None
        with suppress(OSError):  # a full disk: the lock is held all the same
            os.ftruncate(self._fd, 0)
            os.write(self._fd, f"{os.getpid()}\n".encode() + (os.fsencode(socket) + b"\n" if socket else b""))

    def lost(self) -> bool:
        """Whether the lock file was deleted or replaced: another daemon could take the one there is now."""
        try:
            there = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False  # it cannot be looked at, which does not say that it is gone
        ours = os.fstat(self._fd)
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._fd)


def socket_in_use(state_dir: Path) -> Path | None:
    """The socket that the daemon of a state folder said it listens on; None where this user cannot know."""
    try:
        lines = (state_dir / "lock").read_bytes()[:4096].split(b"\n")
    except OSError:
        return None
    return Path(os.fsdecode(lines[1])) if len(lines) > 1 and lines[1] else None
