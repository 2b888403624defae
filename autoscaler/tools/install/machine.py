"""The machine: reading its state, and putting items on it or removing them.

Folders of the daemon's own user are not trusted: nothing there is opened or given rights through a link.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Final, TypeAlias

from autoscaler.errors import InstallError
from autoscaler.tools.install.items import File, Folder, Init, Item, Link, User
from autoscaler.tools.install.manifest import Manifest, checksum

#: Runs a command, and returns its exit code and what it printed.
Run: TypeAlias = Callable[[Sequence[str]], tuple[int, str]]

_SUPERVISORD: Final = Path("/etc/supervisor/supervisord.conf")
#: Seconds that a command has: more than `drain --all --within 5m` takes.
_DEADLINE: Final = 360.0


class Need(Enum):
    """What an item needs."""

    MAKE = "make"
    #: As an earlier installation wrote it, and not as this one would.
    RENEW = "renew"
    NOTHING = "nothing"
    #: Somebody has changed it, or it is somebody else's.
    CHANGED = "changed"


class Machine:
    """This machine, or a folder that will be the root of one.

    Parameters
    ----------
    root : ``/``, or the folder; in a folder there are no users, owners and services.
    run : runs a command of the machine.
    """

    def __init__(self, root: Path, run: Run | None = None) -> None:
        self.root = root
        self.is_live = root == Path("/")
        self.run = run or _run

    def at(self, path: Path) -> Path:
        """Where a path of the machine is from here."""
        return self.root / path.relative_to("/")

    def init(self) -> Init:
        """The init system that starts services here."""
        if self.has_systemd():
            return Init.SYSTEMD
        if self.at(Path("/sbin/upstart-udev-bridge")).exists() and self.at(Path("/etc/init")).is_dir():
            return Init.UPSTART
        return Init.SYSV if self.at(Path("/etc/init.d")).is_dir() else Init.SUPERVISORD

    def has_systemd(self) -> bool:
        """Whether systemd runs here, as sd_booted(3) tells."""
        return self.at(Path("/run/systemd/system")).is_dir()

    # --- look ---

    def need(self, item: Item, known: Manifest) -> Need:
        """Tell what an item needs.

        Parameters
        ----------
        known : what earlier installations wrote.

        Raises
        ------
        InstallError : it cannot be looked at, or something else is in its place.
        """
        if isinstance(item, User):
            return Need.NOTHING if not self.is_live or _has_user(item.name) else Need.MAKE
        path = self.at(item.path)
        try:
            if not os.path.lexists(path):
                return Need.MAKE
            if isinstance(item, Link):
                same = path.is_symlink() and path.readlink() == item.to
                return Need.NOTHING if same else Need.CHANGED
            if isinstance(item, Folder):
                return _folder_need(path)
            return self._file_need(item, path, known)
        except OSError as error:
            raise InstallError(f"{path}: {error.strerror}") from error

    @staticmethod
    def _file_need(item: File, path: Path, known: Manifest) -> Need:
        if item.is_config or item.is_state:
            return Need.NOTHING
        there = path.read_bytes()
        if there == item.content.encode():
            return Need.NOTHING
        return Need.RENEW if known.files.get(item.path) == checksum(there) else Need.CHANGED

    def is_as_written(self, path: Path, known: Manifest) -> bool:
        """Whether a file is what an installation wrote."""
        try:
            return checksum(self.at(path).read_bytes()) == known.files.get(path)
        except OSError:
            return False

    # --- do ---

    def make(self, item: Item) -> None:
        """Make an item, or write a file anew.

        Raises
        ------
        InstallError : with its place and the reason.
        """
        try:
            if isinstance(item, User):
                self._make_user(item)
            elif isinstance(item, Folder):
                path = self.at(item.path)
                path.mkdir(parents=True)
                self._give(path, item.mode, item.owner, item.group)
            elif isinstance(item, Link):
                path = self.at(item.path)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.symlink_to(item.to)
            else:
                self._write(item)
        except OSError as error:
            raise InstallError(f"{item}: cannot be made: {error.strerror}") from error

    def _make_user(self, user: User) -> None:
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", str(user.home)]
        code, said = self.run([*command, "--shell", "/usr/sbin/nologin", user.name])
        if code:
            raise InstallError(f"{user}: cannot be made: {said.strip()}")

    def _write(self, file: File) -> None:
        self.write(file.path, file.content.encode(), file.mode, file.owner, file.group)

    def write(
        self, path: Path, content: bytes, mode: int = 0o644, owner: str = "root", group: str = "root"
    ) -> None:
        """Replace a file, all or nothing.

        Raises
        ------
        OSError
        """
        place = self.at(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        new = place.with_name(f".{place.name}.new")
        new.unlink(missing_ok=True)
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(fd)
        self._give(new, mode, owner, group)
        new.replace(place)

    def _give(self, path: Path, mode: int, owner: str, group: str) -> None:
        if self.is_live:
            os.chown(path, pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid, follow_symlinks=False)
        path.chmod(mode)

    # --- undo ---

    def delete(self, path: Path) -> None:
        """Delete a file or link; one that is gone already is fine.

        Raises
        ------
        InstallError
        """
        try:
            self.at(path).unlink(missing_ok=True)
        except OSError as error:
            raise InstallError(f"{path}: cannot be deleted: {error.strerror}") from error

    def delete_if_empty(self, path: Path) -> bool:
        """Delete a folder that nothing is in; whether it is gone."""
        try:
            self.at(path).rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False  # somebody put something into it
        return True

    def delete_all(self, path: Path) -> None:
        """Delete a folder with all that is in it.

        Raises
        ------
        InstallError
        """
        try:
            shutil.rmtree(self.at(path))
        except FileNotFoundError:
            return
        except OSError as error:
            raise InstallError(f"{path}: cannot be deleted: {error.strerror}") from error

    def delete_user(self, name: str) -> str:
        """Delete a user and its group; why not, if not."""
        if not self.is_live or not _has_user(name):
            return ""
        if _names_group(self.at(_SUPERVISORD), name):
            return f"the chown= in {_SUPERVISORD} names it, and supervisord would not start without"
        code, said = self.run(["userdel", name])
        return said.strip() if code else ""


def _folder_need(path: Path) -> Need:
    if not path.is_dir():
        raise InstallError(f"{path}: is in the way: it is no folder")
    return Need.NOTHING


def _names_group(path: Path, name: str) -> bool:
    """Whether supervisord's configuration gives its socket to a group."""
    try:
        return (
            re.search(rf"^chown *=.*:{re.escape(name)}\b", path.read_text("utf-8", "replace"), re.M)
            is not None
        )
    except OSError:
        return False


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _run(command: Sequence[str]) -> tuple[int, str]:
    try:
        done = subprocess.run(  # noqa: S603 - commands of our own plan, no shell
            command, capture_output=True, text=True, timeout=_DEADLINE, check=False
        )
    except FileNotFoundError:
        return 127, f"{command[0]} is not installed"
    except subprocess.TimeoutExpired:
        return 124, f"no end within {_DEADLINE:g} s"
    return done.returncode, done.stdout + done.stderr
