"""A singleton as a supervisord program."""

from __future__ import annotations

from pathlib import Path

from autoscaler.act.celery_program import parse_worker_name
from autoscaler.act.program_file import Program
from autoscaler.config import Singleton


def singleton_program(singleton: Singleton, default_log_dir: Path) -> Program:
    """Make the program that runs a singleton.

    Parameters
    ----------
    default_log_dir : for one without a ``log_dir``.
    """
    return Program(
        name=singleton.name,
        command=singleton.command,
        directory=None if singleton.directory is None else str(singleton.directory),
        user=singleton.user,
        environment=dict(singleton.environment),
        stop_wait=singleton.stop_timeout,
        log_file=str(Path(singleton.log_dir or default_log_dir) / f"{singleton.name}.log"),
    )


def is_singleton_name(program: str) -> bool:
    """Whether a program of ours is a singleton: no worker's name can be a singleton's."""
    return parse_worker_name(program) is None
