"""Probes of the user's app: whether the workers' interpreter imports it, and its settings.

It is imported in a process of its own, by the interpreter that the workers will use, as their user and in
their folder; never in ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from autoscaler.config import Fleet
from autoscaler.config.urls import place
from autoscaler.text import masked, plain, secrets_of, userinfo_masked
from autoscaler.tools.doctor.command import CannotStart, CannotTry, Outcome, Surroundings, run
from autoscaler.tools.doctor.finding import Finding, error, note, ok, unknown, warning
from autoscaler.tools.doctor.subject import Subject

#: Seconds that a command, and that importing an app, may take.
COMMAND = 10.0
IMPORT = 15.0

_MARK = "autoscaler-app:"
#: What Celery itself does with ``-A``; nothing with a password is printed.
_SCRIPT = f"""
import json, sys
from celery.app.utils import find_app
app = find_app(sys.argv[1])
with app.connection_for_read() as connection:
    broker = [connection.hostname, connection.port, connection.virtual_host or "/"]
keys = ("worker_prefetch_multiplier", "task_acks_late", "task_serializer", "control_exchange",
        "worker_enable_remote_control")
print({_MARK!r} + json.dumps({{"broker": broker, **{{key: app.conf.get(key) for key in keys}}}}, default=str))
"""


def commands(subject: Subject) -> Iterator[Finding]:
    """Each fleet's celery command is there and runs."""
    for fleet in subject.config.fleets.values():
        about = f"{fleet.name}: celery"
        try:
            where = Surroundings.of(subject, fleet)
            path = where.find(fleet.celery)
            if path is None:
                yield _no_command(about, fleet, where)
                continue
            outcome = run([path, "--version"], where, COMMAND)
        except CannotTry as problem:
            yield unknown(about, str(problem))
            continue
        except CannotStart as problem:
            yield error(
                about, str(problem), "give its user the right to read and run it: namei -l " + fleet.celery
            )
            continue
        yield _version(about, path, outcome)


def _no_command(about: str, fleet: Fleet, where: Surroundings) -> Finding:
    place = (
        "" if fleet.celery.startswith("/") else f" on supervisord's PATH ({where.environment.get('PATH')})"
    )
    todo = f"fleets: {{{fleet.name}: {{celery: /srv/{fleet.name}/venv/bin/celery}}}}"
    return error(about, f"{fleet.celery} is not an executable file{place}", todo)


def _version(about: str, path: str, outcome: Outcome) -> Finding:
    if outcome.code == 0:
        return ok(about, f"{path} is {plain(outcome.last_line, 60)}")
    if outcome.code is None:
        return unknown(about, f"{path} --version did not end within {COMMAND:g} s")
    said = plain(outcome.last_line, 200)
    return error(about, f"{path} --version failed ({outcome.code}): {said}", f"try it: {path} --version")


def apps(subject: Subject) -> Iterator[Finding]:
    """Each fleet's app can be imported, and is set so that its workers can be asked and drained."""
    for fleet in subject.config.fleets.values():
        about = f"{fleet.name}: app"
        try:
            where = Surroundings.of(subject, fleet)
            command = where.find(fleet.celery)
            if command is None:
                continue  # told of the command
            python = interpreter(command)
            if python is None:
                yield unknown(about, f"the interpreter of {fleet.celery} cannot be told from its first lines")
                continue
            outcome = run([*python, "-c", _SCRIPT, fleet.app], where, IMPORT)
        except CannotTry as problem:
            yield unknown(about, str(problem))
            continue
        except CannotStart:
            continue  # told of the command
        yield from _imported(subject, fleet, outcome)


def interpreter(command: str) -> list[str] | None:
    """The interpreter that a script names in its first lines; None for another kind of file.

    A path that is too long for ``#!`` stands in the second line, behind ``exec``, as pip writes it.
    """
    try:
        with Path(command).open("rb") as file:
            first, second = (file.readline(4096).decode("utf-8", "replace").strip() for _ in range(2))
    except OSError:
        return None
    if not first.startswith("#!"):
        return None
    if long := re.match(r"'''exec' \"?(.+?)\"? \"\$0\"", second):
        return [long[1]]
    words = first[2:].split()
    return words if words and "python" in Path(words[-1]).name else None


def _imported(subject: Subject, fleet: Fleet, outcome: Outcome) -> Iterator[Finding]:
    about = f"{fleet.name}: app"
    settings = _settings(outcome.output)
    if outcome.code is None:
        yield unknown(
            about, f"importing {fleet.app} did not end within {IMPORT:g} s: each worker's start takes that"
        )
    elif outcome.code != 0 or settings is None:
        where = f"cd {fleet.directory} && " if fleet.directory else ""
        yield error(
            about,
            f"{fleet.app} cannot be imported: {_without(subject, fleet, outcome.last_line)}",
            f"try it: {where}{fleet.celery} -A {fleet.app} report; is `directory` the folder that holds it?",
        )
    else:
        subject.app_settings[fleet.name] = settings
        yield ok(about, f"{fleet.app} can be imported")
        yield from _controllable(fleet, settings)
        yield from _same_broker(subject, fleet, settings)


def _settings(output: str) -> Mapping[str, Any] | None:
    for line in output.splitlines():
        if line.startswith(_MARK):
            try:
                settings = json.loads(line.removeprefix(_MARK))
            except ValueError:
                return None
            return settings if isinstance(settings, dict) else None
    return None


def _without(subject: Subject, fleet: Fleet, text: str) -> str:
    """An error of the app's, with everything masked that is secret in our config."""
    broker = subject.config.broker
    known = {
        *secrets_of(broker.url.get_secret_value(), broker.transport_options),
        *fleet.environment.values(),
    }
    return plain(userinfo_masked(masked(text, (each for each in known if len(each) > 3))))


def _controllable(fleet: Fleet, settings: Mapping[str, Any]) -> Iterator[Finding]:
    about = f"{fleet.name}: app"
    if settings.get("worker_enable_remote_control") is False:
        yield error(
            about,
            "worker_enable_remote_control is off: its workers cannot be asked or drained, so the "
            "fleet never shrinks",
            "take `worker_enable_remote_control = False` out of the app",
        )
    if settings.get("control_exchange") not in (None, "celery"):
        yield error(
            about,
            f"control_exchange is {settings['control_exchange']!r}: its workers do not hear us",
            "take `control_exchange` out of the app",
        )
    if settings.get("task_serializer") not in (None, "json"):
        yield error(
            about,
            f"task_serializer is {settings['task_serializer']!r}: its workers answer in it, and "
            "only JSON is read",
            'task_serializer = "json" in the app',
        )
    if settings.get("task_acks_late") is False:
        yield note(
            about,
            "task_acks_late is off: a worker that is killed (by the kernel, by supervisorctl) "
            "loses its running tasks",
            "task_acks_late = True in the app, where its tasks may run twice",
        )


def _same_broker(subject: Subject, fleet: Fleet, settings: Mapping[str, Any]) -> Iterator[Finding]:
    theirs = settings.get("broker")
    ours = place(subject.config.broker.url.get_secret_value())
    if ours is None or not isinstance(theirs, Sequence) or len(theirs) != 3:
        return
    host, port, vhost = theirs
    if (port or ours[1], vhost or "/") != ours[1:]:
        yield warning(
            f"{fleet.name}: app",
            f"it uses the broker {host}:{port} with vhost {vhost!r}, and broker.url names "
            f"{ours[0]}:{ours[1]} "
            f"with vhost {ours[2]!r}: the queues that are looked at are not those that its workers read",
            "give both the same broker and vhost (a host may have two names)",
        )
