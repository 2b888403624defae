"""The programs file: one `[program:NAME]` section per worker.

Two halves. `render` writes a `ProgramSpec` so that supervisord reads back exactly what was meant, or refuses.
`ProgramFile` reads the file, trusts it only if it is whole and ours, and replaces it atomically.

How supervisord reads a value, in this order (4.2.5 and 4.3.0; `options.py`, `datatypes.py`):

1. `configparser` takes one line, cuts it at a `;` or `#` that follows white space, also inside quotes,
   and strips it;
2. every literal ``%(here)s`` is replaced by a folder, also where the `%` was doubled;
3. ``value % expansions``: once, for ``stdout_logfile`` twice;
4. ``command`` is split by `shlex.split`, ``environment`` by a lexer of its own that knows no escapes.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import re
import shlex
import stat
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from autoscaler.errors import ProgramFileError, Undefinable
from autoscaler.model import ProgramSpec

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?")
#: Where configparser starts a comment.
_COMMENT = re.compile(r"(\s)([;#])")
_HERE = "%(here)s"
#: Control characters (newline, NUL, U+0085, ...), line and paragraph separators, lone surrogates.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Zl", "Zp", "Cs"})
#: Not allowed in XML, so that supervisord could not tell us a path that holds one.
_NOT_IN_XML = frozenset("\ufffe\uffff")

#: How each of our files begins.
OURS = "; Written by autoscaler. Do not edit: changes made here are lost at the next scaling.\n"
_HEADER = (
    f"{OURS}"
    "; Change the fleets in autoscaler.yaml instead; `autoscaler status --workers` shows the workers.\n"
)
_END = "; End of the programs of autoscaler. A file without this line is taken as truncated.\n"


# --- one program -------------------------------------------------------------------------------------------


def render(program: ProgramSpec) -> str:
    """Write a program as a supervisord section.

    Returns
    -------
    The section, from its header to the newline after its last line.

    Raises
    ------
    Undefinable : a value cannot be written so that supervisord reads the same; names the field.

    Source
    ------
    http://supervisord.org/configuration.html#program-x-section-settings
    """
    if not _NAME.fullmatch(program.name):
        raise Undefinable(
            f"program name {program.name!r}: may hold letters, digits, '.', '_', '-', and starts with no sign"
        )
    lines = [f"{key}={value}" for key, value in _settings(program)]
    return "\n".join([f"[program:{program.name}]", *lines]) + "\n"


def _settings(program: ProgramSpec) -> Iterator[tuple[str, str]]:
    name = program.name
    yield "command", _command(name, program.command)
    if program.directory is not None:
        yield "directory", _path(f"{name}: directory", program.directory)
    if program.user is not None:
        yield "user", _user(f"{name}: user", program.user)
    if program.environment:
        yield "environment", _environment(name, program.environment)
    yield "autostart", "true"
    yield "autorestart", "true"
    yield "startsecs", _whole(f"{name}: start_seconds", program.start_seconds)
    # TERM to the parent only: it finishes its tasks. A TERM to the group would kill the tasks.
    yield "stopsignal", "TERM"
    yield "stopasgroup", "false"
    yield "killasgroup", "true"
    yield "stopwaitsecs", _whole(f"{name}: stop_wait", program.stop_wait)
    yield "redirect_stderr", "true"
    # supervisord expands this one twice.
    yield "stdout_logfile", _path(f"{name}: log_file", program.log_file).replace("%", "%%")
    yield "stdout_logfile_maxbytes", _whole(f"{name}: log_max_bytes", program.log_max_bytes)
    yield "stdout_logfile_backups", _whole(f"{name}: log_backups", program.log_backups)


def _command(name: str, command: tuple[str, ...]) -> str:
    if not command or not command[0]:
        raise Undefinable(f"{name}: command: is empty")
    return " ".join(_argument(f"{name}: command[{i}]", text) for i, text in enumerate(command))


def _argument(where: str, text: str) -> str:
    """Quote one argument; empty quotes break up what supervisord would take for more than text."""
    _check_characters(where, text)
    quoted = _doubled(shlex.quote(text)).replace(_HERE, "%''(here)s")
    return _COMMENT.sub(r"\1''\2", quoted)


def _environment(name: str, environment: Mapping[str, str]) -> str:
    return ",".join(_variable(name, key, environment[key]) for key in sorted(environment))


def _variable(name: str, key: str, value: str) -> str:
    """Write KEY="value"; errors never show the value, it may be a password."""
    if not _VARIABLE.fullmatch(key):
        raise Undefinable(f"{name}: environment: {key!r} is no name for a variable")
    where = f"{name}: environment {key}"
    _check_literal(where, value)
    if value[:1] in {"'", '"'} or value[-1:] in {"'", '"'}:
        raise Undefinable(f"{where}: starts or ends with a quote, which supervisord would strip")
    if "'" in value and '"' in value:
        raise Undefinable(f"{where}: holds both kinds of quotes, which supervisord cannot read")
    quote = "'" if '"' in value else '"'
    return f"{key}={quote}{_doubled(value)}{quote}"


def _path(where: str, path: str) -> str:
    if not path.startswith("/"):
        raise Undefinable(f"{where}: {path!r} is not an absolute path")
    if path != path.rstrip():
        raise Undefinable(f"{where}: {path!r} ends with white space, which supervisord would strip")
    _check_literal(where, path)
    return _doubled(path)


def _user(where: str, user: str) -> str:
    if not _USER.fullmatch(user):
        raise Undefinable(f"{where}: {user!r} is no user name")
    return user


def _whole(where: str, number: float) -> str:
    if not math.isfinite(number) or number < 0:
        raise Undefinable(f"{where}: {number} must be a finite number, 0 or more")
    return str(math.ceil(number))


def _doubled(text: str) -> str:
    return text.replace("%", "%%")


def _check_literal(where: str, text: str) -> None:
    """Refuse what cannot be written where no quotes can break a text up."""
    _check_characters(where, text)
    if _COMMENT.search(text):
        raise Undefinable(f"{where}: holds ';' or '#' after white space, where supervisord would cut it off")
    if _HERE in text:
        raise Undefinable(f"{where}: holds {_HERE}, which supervisord would replace")


def _check_characters(where: str, text: str) -> None:
    bad = _unsafe_character(text)
    if bad is not None:
        raise Undefinable(f"{where}: holds the character {bad}, which cannot be written safely")


def _unsafe_character(text: str) -> str | None:
    """Name the first character that no value may hold, as U+XXXX."""
    if text.isascii() and text.isprintable():
        return None  # nearly all that we write, and every tick reads and writes all of it
    for char in text:
        if unicodedata.category(char) in _UNSAFE_CATEGORIES or char in _NOT_IN_XML:
            return f"U+{ord(char):04X}"
    return None


def arguments(section: str) -> tuple[str, ...]:
    """The argument vector of a section that `render` wrote; empty for one that it did not."""
    return _split_command(setting(section, "command"))


# Every tick asks for each worker's, several times, and they hardly ever change.
@lru_cache(maxsize=4096)
def _split_command(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text.replace("%%", "%")))
    except ValueError:
        return ()


def log_file(section: str) -> Path | None:
    """The log file of a section that `render` wrote; None for one that names none."""
    text = setting(section, "stdout_logfile").replace("%%%%", "%")
    return Path(text) if text.startswith("/") else None


def setting(section: str, key: str) -> str:
    """What a section that `render` wrote says under a key, not unquoted; empty where it says nothing."""
    values = (line.removeprefix(f"{key}=") for line in section.splitlines() if line.startswith(f"{key}="))
    return next(values, "")


# --- the file ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProgramFile:
    """The file that holds our sections and nothing else; it must lie in supervisord's `[include]`."""

    path: Path

    def read(self) -> dict[str, str]:
        """Read the sections.

        Returns
        -------
        ProgramSpec name -> text of its section exactly as in the file (without the blank lines after it);
        empty when the file is missing or empty.

        Raises
        ------
        ProgramFileError : it cannot be read, is truncated, or holds what we did not write.
        """
        try:
            text = self.path.read_bytes().decode("utf-8")
        except FileNotFoundError:
            return {}
        except UnicodeDecodeError as error:
            raise ProgramFileError(f"{self.path}: is not UTF-8 at byte {error.start}: not ours") from error
        except OSError as error:
            raise ProgramFileError(f"{self.path}: cannot be read: {error.strerror}") from error
        return _parse(self.path, text)

    def write(self, sections: Mapping[str, str]) -> None:
        """Replace the file by these sections, all or nothing.

        The new text goes to a temporary file that no include pattern matches, is on the disk before it takes
        the file's place, and keeps the file's mode (0640 for a new one) and owner.

        Raises
        ------
        ProgramFileError : it cannot be written; the file is as it was before.
        """
        text = _compose(sections)
        if _parse(self.path, text) != dict(sections):
            raise ProgramFileError(f"{self.path}: the sections to write would not read back the same")
        # A symbolic link stays one: what it points to is replaced.
        target = Path(os.path.realpath(self.path))
        temporary = target.with_name(f".{target.name}.tmp")
        try:
            temporary.unlink(missing_ok=True)  # left by a crash
            _replace(target, temporary, text.encode("utf-8"))
        except OSError as error:
            raise ProgramFileError(
                f"{self.path}: cannot be written: {error.strerror} "
                f"(the folder must be writable too, the file is replaced as a whole)"
            ) from error


def _compose(sections: Mapping[str, str]) -> str:
    return "\n".join([_HEADER, *(sections[name] for name in sorted(sections)), _END])


def _parse(path: Path, text: str) -> dict[str, str]:
    if not text.strip():
        return {}
    if not text.startswith(_HEADER.partition("\n")[0]):
        raise ProgramFileError(
            f"{path}: does not start with autoscaler's own line, so it is somebody else's file: "
            f"give autoscaler a file of its own (supervisord.programs_file)"
        )
    body, end, rest = text.partition("\n" + _END)
    if not end:
        raise ProgramFileError(f"{path}: its last line is missing, so it is truncated: restore or remove it")
    if rest.strip():
        raise ProgramFileError(f"{path}: holds text after its last line: {rest.strip().splitlines()[0]!r}")
    return _split(path, body)


def _split(path: Path, body: str) -> dict[str, str]:
    """Cut the text at its section headers."""
    sections: dict[str, str] = {}
    lines: list[str] = []
    name: str | None = None
    for number, line in enumerate(body.split("\n"), start=1):
        if bad := _unsafe_character(line):
            raise ProgramFileError(f"{path}:{number}: holds the character {bad}: not ours")
        if line.lstrip().startswith("["):
            _keep(sections, name, lines)
            name, lines = _section_name(path, number, line, sections), []
        elif name is None and line.strip() and not line.startswith((";", "#")):
            raise ProgramFileError(f"{path}:{number}: {line!r} stands before the first section: not ours")
        lines.append(line)
    _keep(sections, name, lines)
    return sections


def _keep(sections: dict[str, str], name: str | None, lines: list[str]) -> None:
    if name is not None:
        sections[name] = "\n".join(lines).rstrip("\n") + "\n"


def _section_name(path: Path, number: int, line: str, seen: Mapping[str, str]) -> str:
    if not (line.startswith("[program:") and line.endswith("]")):
        raise ProgramFileError(f"{path}:{number}: {line!r} is no [program:NAME]: not ours")
    name = line.removeprefix("[program:").removesuffix("]")
    if not _NAME.fullmatch(name):
        raise ProgramFileError(f"{path}:{number}: {name!r} is no program name of ours")
    if name in seen:
        raise ProgramFileError(f"{path}:{number}: [program:{name}] stands twice")
    return name


def _replace(target: Path, temporary: Path, data: bytes) -> None:
    try:
        _write_new(temporary, data, like=target)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _write_new(path: Path, data: bytes, like: Path) -> None:
    mode, owner = 0o640, None
    with contextlib.suppress(FileNotFoundError):
        old = like.stat()
        mode, owner = stat.S_IMODE(old.st_mode), (old.st_uid, old.st_gid)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        if owner is not None and os.geteuid() == 0:
            os.fchown(fd, *owner)
        os.fchmod(fd, mode)
        file.write(data)
        file.flush()
        os.fsync(fd)


def _sync_folder(folder: Path) -> None:
    """Put the rename itself on the disk; some file systems cannot, and need not."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(fd)


def written_node(section: str) -> str | None:
    """The node name that a worker's section gives it; None where it gives none."""
    return _option(section, "-n")


def written_queues(section: str) -> frozenset[str]:
    """The queues that a worker's section makes it read."""
    queues = _option(section, "-Q")
    return frozenset(queues.split(",")) if queues else frozenset()


def _option(section: str, name: str) -> str | None:
    words = arguments(section)
    return next((value for word, value in pairwise(words) if word == name), None)
