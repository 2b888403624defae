"""The config file of a running daemon: read when it is complete, and used only if it is valid.

The files that broker.url_file and console.token_file name are watched along with it: a password or token that
changes there is used without another word to the daemon. One that cannot be read is a mistake in the config,
told as such, and the password or token that was read before goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from autoscaler import config
from autoscaler.config import Config
from autoscaler.errors import ConfigError, Problem, ProgramFileError
from autoscaler.model.names import worker_name
from autoscaler.singletons.program import singleton_program
from autoscaler.supervisord.program_file import Program, render
from autoscaler.workers.program import worker_program

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
CANNOT_CHANGE = "cannot change while the daemon runs"


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
        self._named: tuple[Path, ...] = ()
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
        """Whether it, or a file that it names, is another file or has other bytes than the one read last."""
        return self._signature() != self._read

    def _signature(self) -> object:
        return [_signature(path) for path in (self.path, *self._named)]

    def _settled_signature(self) -> object:
        """Wait until nobody writes to any; half a file can look like a whole one with fleets missing."""
        deadline = time.monotonic() + SETTLE_DEADLINE
        _wait_until_settled(self.path, deadline)
        # Before it is asked for the others: an edit after that is seen as a change of this signature.
        config_file = _signature(self.path)
        self._named = config.files_of(self.path)
        for path in self._named:
            _wait_until_settled(path, deadline)
        return [config_file, *map(_signature, self._named)]


def _signature(path: Path) -> object:
    """What differs when a file does; the reason, for one that cannot be looked at."""
    try:
        status = path.stat()
    except OSError as error:
        return error.errno
    # ctime as well: a tool that writes in place may set mtime back.
    return status.st_ino, status.st_dev, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _wait_until_settled(path: Path, deadline: float) -> None:
    while _is_fresh(path) and time.monotonic() < deadline:
        time.sleep(SETTLE / 2)


def _is_fresh(path: Path) -> bool:
    try:
        return abs(time.time() - path.stat().st_mtime) < SETTLE
    except OSError:
        return False


def unwritable(path: Path, new: Config, host_name: str) -> Iterator[Problem]:
    """Find fleets and singletons that could not be written as supervisord programs."""
    programs: dict[str, Callable[[], Program]] = {
        f"fleets.{name}": partial(worker_program, new, fleet, worker_name(name, 1), host_name)
        for name, fleet in new.fleets.items()
    }
    programs |= {
        f"singletons.{name}": partial(singleton_program, new, singleton)
        for name, singleton in new.singletons.items()
    }
    for key, program in programs.items():
        try:
            render(program())
        except ProgramFileError as error:
            yield Problem(str(path), config.line_of(path, key), key, str(error))


def unchangeable(path: Path, old: Config, new: Config) -> Iterator[Problem]:
    """Find keys that differ and would need another daemon."""
    for key in needing_restart(old, new):
        rule = "cannot change while the daemon runs: restart the daemon, or change it back"
        yield Problem(str(path), config.line_of(path, key), key, rule)


def needing_restart(old: Config, new: Config) -> list[str]:
    """The keys that differ and would need another daemon."""
    return [key for key in UNCHANGEABLE if _value(old, key) != _value(new, key)]


def _value(of: Config, key: str) -> object:
    value: object = of
    for part in key.split("."):
        value = getattr(value, part)
    return value
