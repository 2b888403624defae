"""Probes of supervisord: its answer, include, limits and user."""

from __future__ import annotations

import configparser
import fnmatch
import grp
import os
import platform
import pwd
from collections.abc import Iterator, Mapping
from pathlib import Path

from autoscaler.config import Fleet
from autoscaler.errors import TargetError
from autoscaler.model.names import is_singleton_name, parse_worker_name
from autoscaler.supervisord.process import environment_of
from autoscaler.supervisord.program_file import setting
from autoscaler.supervisord.rpc import parse_url
from autoscaler.text import count
from autoscaler.tools.doctor.finding import Finding, command, error, note, ok, unknown, unreachable, warning
from autoscaler.tools.doctor.subject import Subject
from autoscaler.workers.program import MIN_STOP_WAIT

#: The oldest supervisord that this was tried with.
OLDEST = (4, 2)
#: Where its main file is when nobody says so.
MAIN_FILES = (Path("/etc/supervisor/supervisord.conf"), Path("/etc/supervisord.conf"))
#: File descriptors that supervisord holds for itself, at most, and for a program: its input, output and log.
OWN_DESCRIPTORS = 30
DESCRIPTORS_PER_PROGRAM = 5
#: The variable that has Celery take TERM for QUIT.
REMAP = "REMAP_SIGTERM"


def answers(subject: Subject) -> Iterator[Finding]:
    """It is reachable, runs, and is a version that we know."""
    label = parse_url(subject.config.supervisord.url.get_secret_value()).label
    found = subject.identity
    if isinstance(found, TargetError):
        yield unreachable(
            "supervisord", str(found), _way_in(found, label, subject.config.supervisord.programs_file)
        )
        return
    seen = f"{found.version} answers on {label}, pid {found.pid}, {found.state}"
    if found.state != "RUNNING":
        yield error("supervisord", seen, "restart it")
    elif _version(found.version) < OLDEST:
        yield warning(
            "supervisord", f"{seen}: never tried with so old a one", "install supervisor 4.2.5 or newer"
        )
    else:
        yield ok("supervisord", seen)


def _way_in(problem: TargetError, label: str, ours: Path) -> str:
    """What to do where supervisord does not answer: start it, or have it let us in, now and from now on.

    Parameters
    ----------
    ours : the programs file; a private supervisord has its own file near to it.
    """
    main = main_file(label, ours)
    if not isinstance(problem.__cause__, PermissionError):
        if main is not None:
            return f"start it: {command('supervisord', '-c', main)}"
        return (
            f"start the supervisord that is to listen on {label}, with its own file: supervisord -c FILE; "
            "or mend supervisord.url"
        )
    socket, group = label.removeprefix("unix://"), _my_group()
    return (
        f"as root, for now: chgrp {group} {socket} && chmod 0770 {socket}; and from its next start on: "
        rf"sed -i 's/^chmod *=.*/chmod=0770\nchown=root:{group}/' {main or 'FILE (its main file)'}"
    )


def main_file(label: str, ours: Path) -> Path | None:
    """The configuration file of the supervisord that is to listen on an address; None where none says so."""
    near = (folder / "supervisord.conf" for folder in (ours.parent, ours.parent.parent))
    return next((file for file in (*near, *MAIN_FILES) if label in _listens_on(file)), None)


def _listens_on(file: Path) -> set[str]:
    """The addresses that a main file names, spelled as ours are."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    try:
        parser.read_string(file.read_text(encoding="utf-8"))
    except (OSError, configparser.Error, UnicodeDecodeError):
        return set()
    socket = parser.get("unix_http_server", "file", fallback="")
    socket = socket.replace("%(here)s", str(file.parent.resolve()))
    host, _, port = parser.get("inet_http_server", "port", fallback="").rpartition(":")
    hosts = (host,) if host not in ("", "*") else ("127.0.0.1", "localhost")
    # Debian has made its socket in both, of which one is a link to the other.
    unix = {f"unix://{path}" for path in (socket, socket.removeprefix("/var"), f"/var{socket}")}
    return unix | {f"http://{each}:{port}" for each in hosts}


def _my_group() -> str:
    try:
        return grp.getgrgid(os.getegid()).gr_name
    except KeyError:
        return str(os.getegid())


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


# --- the include ----------------------------------------------------------------------------------------


def covers_our_file(subject: Subject) -> Iterator[Finding]:
    """Its [include] reads supervisord.programs_file."""
    ours = subject.config.supervisord.programs_file
    if isinstance(subject.identity, TargetError):
        yield unknown("include", "supervisord does not answer")
        return
    if set(subject.sections) & set(subject.processes):
        yield ok("include", f"supervisord runs programs of {ours}")
        return
    main = subject.process.config_file if subject.process else None
    if main is None:
        yield unknown(
            "include",
            "supervisord's own configuration file cannot be told from here",
            f"see that it has: [include] files = {ours}",
        )
        return
    yield _covered(main, ours)


def _covered(main: Path, ours: Path) -> Finding:
    try:
        patterns = include_patterns(main)
    except (OSError, configparser.Error, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else type(problem).__name__
        return unknown(
            "include", f"{main} cannot be read: {why}", f"see that it has: [include] files = {ours}"
        )
    if any(_matches(ours, pattern) for pattern in patterns):
        return ok("include", f"{main} includes {ours}")
    shown = " ".join(patterns) or "nothing"
    todo = f"in {main}: [include] files = {' '.join([*patterns, str(ours)])}; then restart supervisord"
    return error("include", f"{main} includes {shown}, which does not cover {ours}", todo)


def include_patterns(main: Path) -> list[str]:
    """The absolute glob patterns of a main file's [include], as supervisord expands them.

    Source
    ------
    http://supervisord.org/configuration.html#include-section-settings
    """
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    parser.read_string(main.read_text(encoding="utf-8"), source=str(main))
    text = parser.get("include", "files", fallback="")
    here = str(main.parent.resolve())
    text = text.replace("%(here)s", here).replace("%(host_node_name)s", platform.node()).replace("%%", "%")
    return [os.path.normpath(Path(here, pattern)) for pattern in text.split()]


def _matches(path: Path, pattern: str) -> bool:
    """Whether a glob names a file, folder by folder: ``*`` matches no ``/``, nor a leading dot."""
    for spelling in {path, Path(os.path.realpath(path.parent)) / path.name}:
        parts, wanted = spelling.parts, Path(pattern).parts
        if len(parts) == len(wanted) and all(map(_part_matches, parts, wanted)):
            return True
    return False


def _part_matches(part: str, wanted: str) -> bool:
    hidden = part.startswith(".") and not wanted.startswith(".")
    return fnmatch.fnmatchcase(part, wanted) and not hidden


# --- room and rights ------------------------------------------------------------------------------------


def has_descriptors(subject: Subject) -> Iterator[Finding]:
    """It may open as many files as all fleets at their largest take."""
    process = subject.process
    if process is None or process.max_files is None:
        yield unknown("minfds", "supervisord's limit of open files cannot be seen from here")
        return
    most = sum(fleet.max_workers for fleet in subject.config.fleets.values())
    once = set(subject.config.singletons)
    others = len(set(subject.processes) - set(subject.sections) - once)
    wanted = OWN_DESCRIPTORS + DESCRIPTORS_PER_PROGRAM * (most + len(once) + others)
    programs = [count(most), *([count(len(once), "singleton")] if once else [])]
    seen = (
        f"supervisord may open {process.max_files} files; {', '.join(programs)} and "
        f"{count(others, 'other program')} take up to {wanted}"
    )
    if process.max_files >= wanted:
        yield ok("minfds", seen)
    else:
        yield error(
            "minfds",
            seen,
            f"in supervisord's main file: [supervisord] minfds={2 * wanted}; raise its service's limit too "
            f"(systemd: LimitNOFILE={2 * wanted}); then restart supervisord",
        )


def runs_workers_as(subject: Subject) -> Iterator[Finding]:
    """No worker runs as root unless the config says so."""
    process = subject.process
    if process is None:
        yield unknown("root", "whom supervisord runs as cannot be seen from here")
        return
    for name, fleet in subject.config.fleets.items():
        if fleet.user is None and process.uid == 0:
            yield error(
                f"{name}: user",
                "supervisord runs as root and the fleet has no user, so its workers would run as root: "
                "none is started",
                f"fleets: {{{name}: {{user: shop}}}}, or user: root if that is really meant",
            )
        elif fleet.user == "root":
            yield warning(
                f"{name}: user",
                "workers run as root, as the config says: whoever may publish a task may do all on this "
                "machine; Celery refuses pickle as root unless C_FORCE_ROOT is set",
                f"useradd --system shop, and fleets: {{{name}: {{user: shop}}}}",
            )
        else:
            yield can_become(f"{name}: user", "workers run", fleet.user, process.uid)


def can_become(about: str, what: str, user: str | None, uid: int) -> Finding:
    """Whether a supervisord can run something as a user.

    Parameters
    ----------
    what : begins the sentence, ``workers run``.
    user : None: as supervisord itself.
    uid : supervisord's own.
    """
    try:
        wanted = uid if user is None else pwd.getpwnam(user).pw_uid
    except KeyError:
        return error(about, f"there is no user {user} on this machine", f"useradd --system {user}")
    if uid in (0, wanted):
        return ok(about, f"{what} as {user or f'uid {uid}, as supervisord does'}")
    return error(
        about,
        f"supervisord runs as uid {uid} and cannot become {user}",
        f"run supervisord as root, or take `user` out: {what} as supervisord's then",
    )


# --- how programs stop ----------------------------------------------------------------------------------


def waits_long_enough(subject: Subject) -> Iterator[Finding]:
    """The programs that are written now would not be killed in the middle of a task."""
    if not subject.sections:
        yield note("stopwaitsecs", "no worker has a program yet")
        return
    found = False
    for name, section in sorted(subject.sections.items()):
        for problem in _stopping(subject, name, section):
            found = True
            yield warning(f"{name}: stopwaitsecs", problem, _until_replaced(name))
    if not found:
        yield ok("stopwaitsecs", f"each of {count(len(subject.sections), 'program')} has the time to stop")


def _until_replaced(name: str) -> str:
    unless = "nothing, if nobody edited the file: the daemon replaces"
    if is_singleton_name(name):
        return f"{unless} it by its new settings"
    return (
        f"{unless} the worker when it is idle; until then do not stop it with supervisorctl, but with "
        f"`autoscaler drain {name}`"
    )


def _stopping(subject: Subject, name: str, section: str) -> Iterator[str]:
    text, (needs, wanted) = setting(section, "stopwaitsecs"), _time_to_stop(subject, name)
    if not text.isdigit() or int(text) < wanted:
        yield f"stopwaitsecs is {text or 'not there (10)'}, less than {needs} ({wanted:g} s)"
    if setting(section, "stopasgroup") != "false" and not is_singleton_name(name):
        yield "stopasgroup is not false: stopping the worker kills its running tasks"


def _time_to_stop(subject: Subject, name: str) -> tuple[str, float]:
    """The setting that says how long a program may take to stop, and the seconds."""
    parsed = parse_worker_name(name)
    if parsed is None:
        singleton = subject.config.singletons.get(name)
        return "stop_timeout", singleton.stop_timeout if singleton else 0.0
    fleet = subject.config.fleets.get(parsed[0])
    return "drain_timeout", max(fleet.drain_timeout if fleet else 0.0, MIN_STOP_WAIT)


def warm_at_term(subject: Subject) -> Iterator[Finding]:
    """TERM lets workers finish: supervisord gives them no REMAP_SIGTERM. `notes` looks at a fleet's own."""
    inherits = [each for each in subject.config.fleets.values() if REMAP not in each.environment]
    seen = {each.name: _environment(subject, each) for each in inherits}
    cold = [name for name, found in seen.items() if found is not None and found.get(REMAP) == "SIGQUIT"]
    if cold:
        yield warning(
            "TERM",
            f"the workers of {', '.join(cold)} have {REMAP}=SIGQUIT from supervisord: TERM cancels their "
            "tasks, at `supervisorctl stop` and at drain_on_timeout: stop too",
            "take it out of supervisord's own environment (systemd: systemctl show -p Environment "
            "supervisor), or of `environment` under [supervisord] in its main file; restart supervisord",
        )
    elif None in seen.values():
        yield unknown(
            "TERM", f"whether {REMAP} comes from supervisord to its workers cannot be seen from here"
        )
    else:
        yield ok("TERM", "is a warm shutdown: workers finish what they run")


def _environment(subject: Subject, fleet: Fleet) -> Mapping[str, str] | None:
    """What its workers have: as one of them was started, or else as supervisord itself was."""
    found = (environment_of(pid) for pid in subject.pids_of(fleet))
    inherited = subject.process.environment if subject.process else None
    return next((each for each in found if each is not None), inherited)
