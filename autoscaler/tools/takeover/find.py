"""The supervisord of this machine: its address, and every section that it has read."""

from __future__ import annotations

import glob
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

import psutil

from autoscaler.errors import AutoscalerError, TakeoverError, TargetError
from autoscaler.supervisord.client import Supervisord
from autoscaler.supervisord.process import SupervisordProcess, supervisord_process
from autoscaler.supervisord.program_file import OURS
from autoscaler.text import split_url
from autoscaler.tools.doctor.supervisor import include_patterns
from autoscaler.tools.takeover.imported import read_text
from autoscaler.tools.takeover.ini import Section, sections

#: Where a supervisord's file is when none runs, first come first served.
USUAL_PLACES = (Path("/etc/supervisor/supervisord.conf"), Path("/etc/supervisord.conf"))
#: The variable that a password of supervisord's own is read from.
PASSWORD = "SUPERVISORD_PASSWORD"  # noqa: S105 - the name of it


@dataclass(frozen=True, slots=True)
class Reached:
    """How to reach a supervisord."""

    #: As the config has it: a password is ``${SUPERVISORD_PASSWORD}``.
    url: str
    #: The variables that `url` names.
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def real_url(self) -> str:
        """The URL itself; may hold a password."""
        url = self.url
        for name, value in self.variables.items():
            url = url.replace(f"${{{name}}}", value)
        return url


@dataclass(frozen=True, slots=True)
class FoundSupervisord:
    """A supervisord of this machine, as its files and its process show it."""

    config_file: Path
    reached: Reached | None
    #: Where a file of ours would be read; None: nothing is included.
    programs_file: Path | None
    sections: tuple[Section, ...]
    process: SupervisordProcess | None
    #: All files that it reads, in its order.
    files: tuple[Path, ...] = ()
    #: What could not be read, in words.
    notes: tuple[str, ...] = ()

    @property
    def environ(self) -> Mapping[str, str]:
        """What its programs inherit, as far as it may be seen; else our own."""
        seen = self.process.environment if self.process else None
        return seen if seen is not None else dict(os.environ)

    def client(self) -> Supervisord:
        """A client for it.

        Raises
        ------
        TakeoverError : there is no way to reach it.
        """
        if self.reached is None:
            raise TakeoverError(
                f"{self.config_file}: supervisord listens nowhere that we can use: add [unix_http_server]"
            )
        return Supervisord(self.reached.real_url)


def find_supervisord(given: str | None) -> FoundSupervisord | None:
    """Find the supervisord of this machine; None where there is no trace of one.

    Parameters
    ----------
    given : its URL or its configuration file; None: look for it.

    Raises
    ------
    TakeoverError : there are several, or its files cannot be read.
    """
    if given is not None and "://" in given:
        return _by_url(given)
    if given is not None:
        running = [each for each in running_supervisords() if each.config_file == Path(given).absolute()]
        return look(Path(given).absolute(), running[0] if running else None)
    running = [each for each in running_supervisords() if each.config_file is not None]
    if len(running) > 1:
        files = ", ".join(sorted({str(each.config_file) for each in running}))
        raise TakeoverError(f"several supervisords run here; say which with --supervisord FILE: {files}")
    if running and running[0].config_file:
        return look(running[0].config_file, running[0])
    file = next((place for place in USUAL_PLACES if place.is_file()), None)
    return look(file, None) if file else None


def running_supervisords() -> Iterator[SupervisordProcess]:
    """The supervisords that we may look at."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any(Path(word).name in {"supervisord", "supervisor.supervisord"} for word in words[:4]):
            found = supervisord_process(process.pid)
            if found is not None:
                yield found


def _by_url(url: str) -> FoundSupervisord:
    try:
        pid = Supervisord(url).identity().pid
    except TargetError as error:
        raise TakeoverError(f"--supervisord: {error}") from error
    process = supervisord_process(pid)
    if process is None or process.config_file is None:
        raise TakeoverError(
            "--supervisord: its configuration file cannot be told from here; name that file instead"
        )
    found = look(process.config_file, process)
    return replace(found, reached=_named(url))


def _named(url: str) -> Reached:
    """A URL with its password moved into a variable."""
    parts = split_url(url)
    if not parts.password:
        return Reached(url)
    return Reached(f"{parts.scheme}://{parts.user}:${{{PASSWORD}}}@{parts.rest}", {PASSWORD: parts.password})


def look(file: Path, process: SupervisordProcess | None) -> FoundSupervisord:
    """Read a supervisord's file and all that it includes.

    Raises
    ------
    TakeoverError : the main file cannot be read.
    """
    main = sections(file, read_text(file))
    patterns = include_patterns(file)
    found, notes = list(main), []
    included_ones = included_files(patterns)
    for included in included_ones:
        try:
            text = read_text(included)
            if not text.startswith(OURS):  # what the autoscaler runs is no old program
                found += sections(included, text)
        except AutoscalerError as error:
            notes.append(str(error))
    environ = process.environment if process and process.environment is not None else os.environ
    reached = _reached(file, main, environ)
    files = (file, *included_ones)
    return FoundSupervisord(file, reached, _our_file(patterns), tuple(found), process, files, tuple(notes))


def included_files(patterns: Sequence[str]) -> list[Path]:
    """The files that are included, in supervisord's order."""
    return [Path(name) for pattern in patterns for name in sorted(glob.glob(pattern))]  # noqa: PTH207


def _our_file(patterns: Sequence[str]) -> Path | None:
    """The file that a pattern would include: ``conf.d/*.conf`` -> ``conf.d/autoscaler.conf``."""
    for pattern in map(Path, patterns):
        if "*" in pattern.name and not glob.has_magic(str(pattern.parent)) and pattern.parent.is_dir():
            return pattern.with_name(pattern.name.replace("*", "autoscaler", 1).replace("*", ""))
    return None


def _reached(file: Path, main: Sequence[Section], environ: Mapping[str, str]) -> Reached | None:
    by_name = {section.name: section.settings for section in main}
    expansions = {f"ENV_{key}": value for key, value in environ.items()}
    expansions |= {"here": str(file.parent), "host_node_name": platform.node()}

    def get(section: str, key: str) -> str:
        try:
            return by_name.get(section, {}).get(key, "").strip() % expansions
        except (KeyError, ValueError, TypeError):
            return ""

    socket = get("unix_http_server", "file")
    if socket and not get("unix_http_server", "username"):
        return Reached(f"unix://{socket}")
    host, _, port = get("inet_http_server", "port").rpartition(":")
    if not port.isdigit():
        return None
    address = f"{host if host not in {'', '*', '0.0.0.0'} else '127.0.0.1'}:{port}"  # noqa: S104
    user, password = get("inet_http_server", "username"), get("inet_http_server", "password")
    if not user:
        return Reached(f"http://{address}")
    variables = {PASSWORD: quote(password, safe="")}
    return Reached(f"http://{quote(user, safe='')}:${{{PASSWORD}}}@{address}", variables)
