"""The config file of a running daemon: read when it is whole, and only used if all of it can be."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from autoscaler import config
from autoscaler.act.celery_program import worker_name
from autoscaler.act.program_file import render
from autoscaler.config import Config
from autoscaler.errors import ConfigError, Problem, ProgramFileError
from autoscaler.wiring import worker_program

#: Seconds that a config file must have been left alone before it is read: an editor may be writing it.
SETTLE = 0.1
#: Seconds after which it is read all the same.
SETTLE_DEADLINE = 1.0
#: Keys that a running daemon cannot change under itself.
UNCHANGEABLE = (
    "supervisord.url",
    "supervisord.programs_file",
    "console.socket",
    "console.listen",
    "state_dir",
)


class WatchedConfig:
    """The config file as it lies on the disk.

    Parameters
    ----------
    environ : what ``${NAME}`` in it stands for.
    host_name : of this machine; part of every worker's node name.
    """

    def __init__(self, path: Path, environ: Mapping[str, str], host_name: str) -> None:
        self.path = path
        self._environ = environ
        self._host_name = host_name
        self._read: object = None

    def load(self, instead_of: Config | None = None) -> Config:
        """Read it.

        Parameters
        ----------
        instead_of : the config that a running daemon uses now.

        Raises
        ------
        ConfigError : it cannot be used, or not without a restart.
        """
        self._read = self._settled_signature()
        new = config.load(self.path, self._environ)
        problems = [*unwritable(self.path, new, self._host_name)]
        if instead_of is not None:
            problems += unchangeable(self.path, instead_of, new)
        if problems:
            raise ConfigError(problems)
        return new

    def changed(self) -> bool:
        """Whether it is another file, or has other bytes, than the one read last."""
        return self._signature() != self._read

    def _signature(self) -> object:
        try:
            status = self.path.stat()
        except OSError as error:
            return error.errno
        return status.st_ino, status.st_dev, status.st_size, status.st_mtime_ns

    def _settled_signature(self) -> object:
        """Wait until nobody writes to it; half a file can look like a whole one with fleets missing."""
        deadline = time.monotonic() + SETTLE_DEADLINE
        before = self._signature()
        while self._is_fresh() and time.monotonic() < deadline:
            time.sleep(SETTLE / 2)
        return self._signature() or before

    def _is_fresh(self) -> bool:
        try:
            return abs(time.time() - self.path.stat().st_mtime) < SETTLE
        except OSError:
            return False


def unwritable(path: Path, new: Config, host_name: str) -> Iterator[Problem]:
    """Find fleets whose workers could not be written as supervisord programs."""
    for name, fleet in new.fleets.items():
        try:
            render(worker_program(new, fleet, worker_name(name, 1), host_name))
        except ProgramFileError as error:
            key = f"fleets.{name}"
            yield Problem(str(path), config.line_of(path, key), key, str(error))


def unchangeable(path: Path, old: Config, new: Config) -> Iterator[Problem]:
    """Find keys that differ and would need another daemon."""
    for key in UNCHANGEABLE:
        if _value(old, key) != _value(new, key):
            rule = "cannot change while the daemon runs: restart the daemon, or change it back"
            yield Problem(str(path), config.line_of(path, key), key, rule)


def _value(of: Config, key: str) -> object:
    value: object = of
    for part in key.split("."):
        value = getattr(value, part)
    return value
