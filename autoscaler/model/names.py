"""The names of workers and of their Celery nodes."""

from __future__ import annotations

import re

_WORKER_NAME = re.compile(r"(?P<fleet>[A-Za-z0-9][A-Za-z0-9_.-]*)-(?P<number>[0-9]{2,9})")


def worker_name(fleet: str, number: int) -> str:
    """Name a fleet's worker: ``emails-01``, with at least two digits.

    Parameters
    ----------
    number : >= 1.
    """
    return f"{fleet}-{number:02d}"


def parse_worker_name(name: str) -> tuple[str, int] | None:
    """Take a worker's name apart, ``emails-01`` -> ``("emails", 1)``; None if `worker_name` never gave it."""
    match = _WORKER_NAME.fullmatch(name)
    if match is None:
        return None
    fleet, number = match["fleet"], int(match["number"])
    return (fleet, number) if number and worker_name(fleet, number) == name else None


def is_singleton_name(program: str) -> bool:
    """Whether a program of ours is a singleton: no worker's name can be a singleton's."""
    return parse_worker_name(program) is None


def node_name(worker: str, host_name: str) -> str:
    """Celery's name for a worker: ``emails-01@host``."""
    return f"{worker}@{host_name}"
