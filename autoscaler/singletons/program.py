"""A singleton as a supervisord program."""

from __future__ import annotations

from autoscaler.config import Config, Singleton
from autoscaler.supervisord.program_file import Program


def singleton_program(config: Config, singleton: Singleton) -> Program:
    """Make the program that runs a singleton."""
    return Program(
        name=singleton.name,
        command=singleton.command,
        directory=None if singleton.directory is None else str(singleton.directory),
        user=singleton.user,
        environment=dict(singleton.environment),
        stop_wait=singleton.stop_timeout,
        log_file=str(config.log_folder(singleton) / f"{singleton.name}.log"),
    )
