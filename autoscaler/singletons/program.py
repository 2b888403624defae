"""A singleton as a supervisord program."""

from __future__ import annotations

from autoscaler.config import Config, Singleton
from autoscaler.model import ProgramSpec


def singleton_program(config: Config, singleton: Singleton) -> ProgramSpec:
    """Make the program that runs a singleton."""
    return ProgramSpec(
        name=singleton.name,
        command=singleton.command,
        directory=None if singleton.directory is None else str(singleton.directory),
        user=singleton.user,
        environment=dict(singleton.environment),
        stop_wait=singleton.stop_timeout,
        log_file=str(config.log_folder(singleton) / f"{singleton.name}.log"),
    )
