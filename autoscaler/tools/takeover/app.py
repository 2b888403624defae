"""The user's app: its queues, routes and broker, asked in a process of its own interpreter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autoscaler.errors import TakeoverError
from autoscaler.text import plain, userinfo_masked
from autoscaler.tools.doctor.app import interpreter
from autoscaler.tools.doctor.command import CannotStart, Surroundings, run
from autoscaler.tools.takeover.workers import AppFacts

#: Seconds that importing an app may take.
IMPORT = 30.0
_MARK = "autoscaler-facts:"
#: Queues and tasks that are told at most.
_MOST = 100
#: Runs in the app's interpreter, which may be much older than ours.
_SCRIPT = f"""
import json, os, sys
sys.path.insert(0, os.getcwd())
from celery.app.utils import find_app
app = find_app(sys.argv[1])
conf, facts = app.conf, {{}}
app.loader.import_default_modules()
def url():
    said = conf.get("broker_read_url") or conf.get("broker_url")
    if isinstance(said, (list, tuple)):
        said = ";".join(said)
    if said and "://" in said:
        return said
    with app.connection_for_read() as connection:
        return connection.as_uri(include_password=True)
def routes():
    found = {{}}
    for name in sorted(app.tasks):
        if not name.startswith("celery."):
            queue = app.amqp.router.route({{}}, name).get("queue")
            queue = getattr(queue, "name", queue)
            if queue and len(found) < {_MOST}:
                found.setdefault(queue, []).append(name)
    return dict((queue, names[:5]) for queue, names in found.items())
def queues():
    return [getattr(queue, "name", name) for name, queue in app.amqp.queues.consume_from.items()][:{_MOST}]
keys = ("worker_concurrency", "worker_pool", "worker_enable_remote_control", "task_serializer",
        "control_exchange", "broker_transport_options")
facts.update((key, conf.get(key)) for key in keys)
facts.update(broker_url=url(), queues=queues(), routes=routes(), ssl=bool(conf.get("broker_use_ssl")))
print({_MARK!r} + json.dumps(facts, default=str))
"""


def ask_app(app: str, python: list[str], where: Surroundings) -> AppFacts:
    """Ask an app about itself.

    Parameters
    ----------
    app : as `celery -A` takes it.
    python : the interpreter of its workers, with its options.
    where : the folder, environment and user that its workers have.

    Raises
    ------
    TakeoverError : it cannot be imported; says how to try it.
    """
    try:
        outcome = run([*python, "-c", _SCRIPT, app], where, IMPORT)
    except CannotStart as error:
        raise TakeoverError(f"{app}: {error}") from error
    told = [line for line in outcome.output.splitlines() if line.startswith(_MARK)]
    if outcome.code is None:
        raise TakeoverError(f"{app}: importing it did not end within {IMPORT:g} s")
    if not told:
        folder = f" in {where.folder}" if where.folder else ""
        raise TakeoverError(
            f"{app}: cannot be imported by {python[0]}{folder}: {without_passwords(outcome.last_line)} "
            "(--directory is the folder that holds it, --python or --celery its interpreter)"
        )
    return app_facts(app, json.loads(told[-1].removeprefix(_MARK)))


def app_facts(app: str, told: Mapping[str, Any]) -> AppFacts:
    """What the script told, as a value."""
    concurrency = told.get("worker_concurrency")
    options, dropped = _plain_options(told.get("broker_transport_options"))
    notes = [*dropped, *_notes(told)]
    return AppFacts(
        app=app,
        broker_url=str(told.get("broker_url") or ""),
        transport_options=options,
        queues=tuple(map(str, told.get("queues") or ())),
        routes={str(queue): tuple(map(str, names)) for queue, names in (told.get("routes") or {}).items()},
        concurrency=concurrency if isinstance(concurrency, int) and concurrency > 0 else None,
        pool=told["worker_pool"] if told.get("worker_pool") in ("threads", "gevent", "eventlet") else None,
        notes=tuple(f"{app}: {text}" for text in notes),
    )


def _plain_options(options: object) -> tuple[dict[str, object], list[str]]:
    if not isinstance(options, dict):
        return {}, []
    secret = [key for key in options if "password" in str(key).lower()]
    told = [f"broker_transport_options.{key}: is a password and was not written down" for key in secret]
    # Nested ones are written whole, or not at all where they may hold a password.
    kept = {
        str(key): value
        for key, value in options.items()
        if key not in secret and "password" not in json.dumps(value, default=str).lower()
    }
    return kept, told


def _notes(told: Mapping[str, Any]) -> list[str]:
    notes = []
    if told.get("worker_enable_remote_control") is False:
        notes.append(
            "worker_enable_remote_control is off: its workers cannot be drained, nothing ever shrinks"
        )
    if told.get("task_serializer") not in (None, "json"):
        notes.append(
            f"task_serializer is {told['task_serializer']}: its workers answer in it; only JSON is read"
        )
    if told.get("control_exchange") not in (None, "celery"):
        notes.append("control_exchange is not celery: its workers do not hear the autoscaler")
    if told.get("ssl"):
        notes.append(
            "broker_use_ssl is set: write the broker's url with amqps:// (certificates cannot be set)"
        )
    return notes


def without_passwords(text: str) -> str:
    """A line of somebody else's output, without what stands between ``://`` and ``@``."""
    return plain(userinfo_masked(text))


def python_of(celery: str, where: Surroundings) -> list[str]:
    """The interpreter that a celery command runs under.

    Raises
    ------
    TakeoverError : there is no such command, or it does not tell.
    """
    path = where.find(celery)
    if path is None:
        raise TakeoverError(f"{celery}: there is no such command; --celery or --python names the right one")
    beside = Path(path).with_name("python")
    found = interpreter(path) or ([str(beside)] if beside.exists() else None)
    if found is None:
        raise TakeoverError(f"{path}: does not tell its interpreter; --python names it")
    return found
