"""A fleet's worker as a supervisord program: its names and its command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from autoscaler.act.program_file import Program, arguments
from autoscaler.config import Fleet
from autoscaler.errors import ProgramFileError

#: Seconds from TERM to KILL at least, however short the drain timeout: a warm shutdown takes a while.
MIN_STOP_WAIT = 60.0

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


def celery_program(fleet: Fleet, worker: str, node: str, default_log_dir: Path) -> Program:
    """Make the program that runs one worker of a fleet.

    Parameters
    ----------
    worker : program name, ``emails-01``.
    node : Celery node name, ``emails-01@host``.
    default_log_dir : for a fleet without a ``log_dir``. The folder must exist before the program is added.

    Raises
    ------
    ProgramFileError : a name that Celery would read as something else.
    """
    return Program(
        name=worker,
        command=_command(fleet, node),
        directory=None if fleet.directory is None else str(fleet.directory),
        user=fleet.user,
        environment=dict(fleet.environment),
        stop_wait=max(fleet.drain_timeout, MIN_STOP_WAIT),
        log_file=str(Path(fleet.log_dir or default_log_dir) / f"{worker}.log"),
    )


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


def _command(fleet: Fleet, node: str) -> tuple[str, ...]:
    return (
        *(str(fleet.celery), "-A", fleet.app, "worker"),
        *("-n", _node(fleet.name, node)),
        *("-Q", _queues(fleet.name, fleet.queues)),
        *("-c", str(fleet.concurrency), "-P", fleet.pool),
        # Both wait for or chat with all the other workers at each start; neither is needed to run tasks.
        *("--without-mingle", "--without-gossip"),
        *fleet.options,
    )


def _node(fleet: str, node: str) -> str:
    # Celery expands %h and the like here, and not every version knows an escape.
    if "%" in node:
        raise ProgramFileError(f"fleets.{fleet}: node name {node!r} holds '%', which Celery would expand")
    return node


def _queues(fleet: str, queues: Sequence[str]) -> str:
    for queue in queues:
        if not queue or "," in queue:
            raise ProgramFileError(
                f"fleets.{fleet}.queues: {queue!r} is empty or holds ',', so that celery -Q cannot name it"
            )
    return ",".join(queues)
