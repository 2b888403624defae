"""Probes of our files and folders: rights to write, and secrets that others can read."""

from __future__ import annotations

import getpass
import grp
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from autoscaler.config import Fleet, Singleton
from autoscaler.errors import TargetError
from autoscaler.supervisord.program_file import ProgramFile
from autoscaler.text import MEBIBYTE, mebibytes, passwords_in
from autoscaler.tools.doctor.finding import Finding, command, error, note, ok, unknown, warning
from autoscaler.tools.doctor.subject import Subject

#: Bytes that should be free where we write.
SPACE = 100 * MEBIBYTE
#: The daemon's user and group where it is installed as a service.
DAEMON = "autoscaler"


def programs_file(subject: Subject) -> Iterator[Finding]:
    """It can be read, is ours, and can be replaced: which takes the right to rename in its folder."""
    path = subject.config.supervisord.programs_file
    try:
        sections = ProgramFile(path).read()
    except TargetError as problem:
        yield error(
            "programs_file", str(problem), "set supervisord.programs_file to a file of autoscaler's own"
        )
        return
    folder = Path(os.path.realpath(path)).parent
    if problem_with := _cannot_replace(folder):
        yield error(
            "programs_file",
            f"{folder} cannot be written by {_me()}: {problem_with}",
            _for_us(folder),
        )
        return
    yield ok("programs_file", f"{path} can be replaced by {_me()}; it holds {len(sections)} programs")
    yield from _space("programs_file", folder)


def _for_us(folder: Path) -> str:
    """Commands that give a folder to the daemon's group, or where there is none to whoever runs this."""
    give = ("chgrp", DAEMON) if _has_group(DAEMON) else ("chown", _me())
    mode = "2775" if _has_group(DAEMON) else "0755"
    steps: tuple[tuple[str, ...], ...] = (("mkdir", "-p"), give, ("chmod", mode))
    return " && ".join(command(*words, folder) for words in steps)


def _has_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _cannot_replace(folder: Path) -> str:
    """Make, rename and delete a file of our own there; why not, if not. No include pattern matches it."""
    first, second = (folder / f".autoscaler-check-{os.getpid()}.{end}" for end in ("tmp", "new"))
    try:
        os.close(os.open(first, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        first.replace(second)
        second.unlink()
    except OSError as problem:
        for left in (first, second):
            _forget(left)
        return problem.strerror or str(problem)
    return ""


def _forget(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def state_dir(subject: Subject) -> Iterator[Finding]:
    """It can be written, or made."""
    yield from _folder("state_dir", subject.config.state_dir, private=True)


def log_dirs(subject: Subject) -> Iterator[Finding]:
    """supervisord can write the workers' logs: a missing folder makes it refuse the whole reload."""
    config = subject.config
    logging: list[Fleet | Singleton] = [*config.fleets.values(), *config.singletons.values()]
    folders: dict[Path, Fleet | Singleton] = {}
    for each in logging:
        folders.setdefault(config.log_folder(each), each)
    for folder, first in folders.items():
        about = f"{first.name}: log_dir" if first.log_dir else "log_dir"
        yield from _folder(about, folder, private=False)


def _folder(about: str, folder: Path, *, private: bool) -> Iterator[Finding]:
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not there.is_dir():
        yield error(about, f"{there} is no folder", "name another one, or move it away")
    elif not os.access(there, os.W_OK | os.X_OK):
        todo = f"{command('mkdir', '-p', folder)} && {command('chown', _me(), folder)}"
        yield error(about, f"{there} cannot be written by {_me()}", todo)
    elif there != folder:
        yield ok(about, f"{folder} is not there yet; {_me()} may make it")
    elif private and stat.S_IMODE(there.stat().st_mode) & stat.S_IWOTH:
        yield error(about, f"everybody may write to {folder}", command("chmod", "o-w", folder))
    else:
        yield ok(about, f"{folder} can be written by {_me()}")
    yield from _space(about, there)


def _space(about: str, folder: Path) -> Iterator[Finding]:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as problem:
        yield unknown(about, f"the space left in {folder} cannot be seen: {problem.strerror}")
        return
    if free < SPACE:
        yield warning(
            about,
            f"only {mebibytes(free)} are free in {folder}",
            f"make room: {command('df', '-h', folder)}",
        )


def socket_folder(subject: Subject) -> Iterator[Finding]:
    """The socket can be made; one that is there is for its owner and group only."""
    path = subject.config.console.socket
    if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
        yield error(
            "console.socket", f"{path} is there and is no socket", "name another one, or move it away"
        )
        return
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o007:
        yield warning("console.socket", f"everybody may open {path}", command("chmod", "0660", path))
    yield from _folder("console.socket", path.parent, private=True)


def secrets(subject: Subject) -> Iterator[Finding]:
    """Files that hold a password are not for everybody."""
    found = [*_secret_files(subject)]
    for path, what in found:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError as problem:
            yield unknown("secrets", f"{path}: {problem.strerror}")
            continue
        if mode & 0o007:
            yield warning(
                "secrets",
                f"everybody may read {path} (mode {mode:04o}), which holds {what}",
                _only_for_us(path),
            )
        else:
            yield ok("secrets", f"{path} (mode {mode:04o}) holds {what} and is not for everybody")
    if not found:
        yield note("secrets", "no file of ours holds a password")


def _only_for_us(path: Path) -> str:
    closed = command("chmod", "0640", path)
    return f"{closed} && {command('chgrp', DAEMON, path)}" if _has_group(DAEMON) else closed


def _secret_files(subject: Subject) -> Iterator[tuple[Path, str]]:
    broker, file = subject.config.broker, subject.config_file
    if file is not None and _names_a_password(subject, file):
        yield file, "a password"
    if broker.url_file is not None:
        yield (file.parent / broker.url_file if file else broker.url_file), "the broker's url"
    token = subject.config.console.token_file
    if token is not None:
        yield (file.parent / token if file else token), "the console's token"
    programs = subject.config.supervisord.programs_file
    if any(fleet.environment for fleet in subject.config.fleets.values()) and programs.exists():
        yield programs, "the fleets' environment"


def _names_a_password(subject: Subject, file: Path) -> bool:
    """Whether a password stands in the file itself, and not in the environment or another file."""
    broker, supervisord = subject.config.broker, subject.config.supervisord
    urls = [broker.url, supervisord.url, *([broker.management_url] if broker.management_url else [])]
    try:
        text = file.read_text(errors="replace")
    except OSError:
        return False
    if any(fleet.environment for fleet in subject.config.fleets.values()):
        return True
    return any(password in text for url in urls for password in passwords_in(url.get_secret_value()))


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.geteuid()}"
