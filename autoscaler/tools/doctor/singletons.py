"""Probes of the singletons: whether they can start, and as which user."""

from __future__ import annotations

from collections.abc import Iterator

from autoscaler.config import Singleton
from autoscaler.tools.doctor.command import CannotTry, Surroundings
from autoscaler.tools.doctor.finding import Finding, error, ok, unknown
from autoscaler.tools.doctor.subject import Subject
from autoscaler.tools.doctor.supervisor import can_become


def can_start(subject: Subject) -> Iterator[Finding]:
    """Each singleton's command is there, and its user is one that supervisord can become."""
    for singleton in subject.config.singletons.values():
        yield from _user(subject, singleton)
        yield _command(subject, singleton)


def _user(subject: Subject, singleton: Singleton) -> Iterator[Finding]:
    about, process = f"{singleton.name}: user", subject.process
    if process is None:
        yield unknown(about, "whom supervisord runs as cannot be seen from here")
    elif singleton.user is None and process.uid == 0:
        yield error(
            about,
            "supervisord runs as root and the singleton has no user: it is not started",
            f"singletons: {{{singleton.name}: {{user: shop}}}}, or user: root if that is really meant",
        )
    else:
        yield can_become(about, "it runs", singleton.user, process.uid)


def _command(subject: Subject, singleton: Singleton) -> Finding:
    """Look for the file only: nobody knows what running it would do."""
    about, name = f"{singleton.name}: command", singleton.command[0]
    try:
        where = Surroundings.of(subject, singleton)
    except CannotTry as problem:
        return unknown(about, str(problem))
    path = where.find(name)
    if path is not None:
        return ok(about, f"{path} is there")
    place = "" if name.startswith("/") else f" on supervisord's PATH ({where.environment.get('PATH')})"
    return error(
        about,
        f"{name} is not an executable file{place}",
        f"singletons: {{{singleton.name}: {{command: [/srv/shop/venv/bin/celery, ...]}}}}",
    )
