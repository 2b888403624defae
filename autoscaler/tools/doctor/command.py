"""Running a command like a worker: its user, folder and environment, with a deadline."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from autoscaler.config import Fleet, Singleton
from autoscaler.tools.doctor.subject import Subject

#: Characters of its output that are kept.
OUTPUT = 20_000


class CannotTry(Exception):
    """It cannot be run from here as the worker would be; says why."""


class CannotStart(Exception):
    """It cannot be started, by us as by the worker; says why."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a fleet's workers, or a singleton, are started in."""

    folder: Path | None
    environment: Mapping[str, str] = field(repr=False)
    #: User to become; None: to stay who we are.
    user: pwd.struct_passwd | None

    @classmethod
    def of(cls, subject: Subject, program: Fleet | Singleton) -> Surroundings:
        """Those of a fleet or a singleton.

        Raises
        ------
        CannotTry : the user does not exist, or we may not become that one.
        """
        process = subject.process
        inherited = process.environment if process and process.environment is not None else subject.environ
        # As supervisord does it: the user changes, HOME and USER do not.
        environment = {**inherited, **program.environment}
        return cls(program.directory, environment, _user(program.user, process.uid if process else None))

    def find(self, command: str) -> str | None:
        """The path of a command as supervisord would find it; None if it would not."""
        return shutil.which(command, path=self.environment.get("PATH", os.defpath))


def _user(name: str | None, supervisord_uid: int | None) -> pwd.struct_passwd | None:
    try:
        if name is not None:
            wanted = pwd.getpwnam(name)
        elif supervisord_uid is not None:
            wanted = pwd.getpwuid(supervisord_uid)
        else:
            return None
    except KeyError:
        raise CannotTry(f"there is no user {name or supervisord_uid} on this machine") from None
    if wanted.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise CannotTry(f"it would run as {wanted.pw_name}, whom we may not become: run this check as root")
    return wanted


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command."""

    #: None: it was ended because its time was up.
    code: int | None
    output: str

    @property
    def last_line(self) -> str:
        """The last line that it wrote, which in a traceback is the error."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return lines[-1] if lines else ""


def run(words: Sequence[str], where: Surroundings, seconds: float) -> Outcome:
    """Run a command to its end, or to the end of its time; what it has started ends with it.

    Raises
    ------
    CannotStart : the file may not be run, or the folder not be entered.
    """
    # A file and no pipe: a grandchild that keeps a pipe open would be waited for.
    with tempfile.TemporaryFile() as output:
        try:
            process = _start(words, where, output.fileno())
        except (OSError, subprocess.SubprocessError) as error:
            who = f" as {where.user.pw_name}" if where.user else ""
            place = f" in {where.folder}" if where.folder else ""
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise CannotStart(f"{words[0]} cannot be started{who}{place}: {why}") from error
        try:
            code: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
        output.seek(max(0, output.seek(0, os.SEEK_END) - OUTPUT))
        return Outcome(code, output.read().decode("utf-8", "replace"))


def _start(words: Sequence[str], where: Surroundings, output: int) -> subprocess.Popen[bytes]:
    user = where.user
    return subprocess.Popen(  # noqa: S603 - the worker's own command, no shell
        list(words),
        cwd=where.folder,
        env=dict(where.environment),
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=os.getgrouplist(user.pw_name, user.pw_gid) if user else None,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(1)
