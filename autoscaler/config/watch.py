"""The config file of a running daemon: read when nobody writes to it, used only if all of it can be used.

The files that broker.url_file and console.token_file name are watched too: a password or token that changes
there is used without a signal. A file that cannot be read is a problem of the config, and the password or
token that was read before stays in use.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from autoscaler.config.load import load
from autoscaler.config.places import files_of, line_of
from autoscaler.config.restart import LOCKED, needing_restart
from autoscaler.config.schema import Config
from autoscaler.errors import ConfigError, Problem

#: Finds what cannot be used in a config that is valid by itself: dotted key and text of each problem.
Check: TypeAlias = Callable[[Config], Iterable[tuple[str, str]]]

#: Seconds that a config file must have been left alone before it is read: an editor may be writing it.
SETTLE = 0.1
#: Seconds after which it is read all the same.
SETTLE_DEADLINE = 1.0


class WatchedConfig:
    """The config file as it is on the disk.

    Parameters
    ----------
    environ : the variables that ``${NAME}`` in the file is expanded from.
    check : finds problems that the schema does not know, such as a worker that the target cannot run.
    """

    def __init__(self, path: Path, environ: Mapping[str, str], check: Check = lambda _: ()) -> None:
        self.path = path
        self._environ = environ
        self._check = check
        self._named: tuple[Path, ...] = ()
        self._read: object = None

    def load(self, instead_of: Config | None = None) -> Config:
        """Read the file.

        Parameters
        ----------
        instead_of : the config that a running daemon uses now.

        Raises
        ------
        ConfigError : the file cannot be used, or not without a restart.
        """
        self._read = self._settled_signature()
        new = load(self.path, self._environ)
        raise_problems(self.path, [*self._check(new), *(_locked(instead_of, new) if instead_of else ())])
        return new

    def changed(self) -> bool:
        """Whether the config file, or a file that it names, differs from what was read last."""
        return self._signature() != self._read

    def _signature(self) -> object:
        return [_signature(path) for path in (self.path, *self._named)]

    def _settled_signature(self) -> object:
        """Wait until nobody writes to the files: half a config can look whole, with fleets missing."""
        deadline = time.monotonic() + SETTLE_DEADLINE
        _wait_until_settled(self.path, deadline)
        # The signature is taken before the file is read for the others: a later edit then differs from it.
        config_file = _signature(self.path)
        self._named = files_of(self.path)
        for path in self._named:
            _wait_until_settled(path, deadline)
        return [config_file, *map(_signature, self._named)]


def _signature(path: Path) -> object:
    """A value that differs when the file does; the error number for a file that cannot be looked at."""
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


def raise_problems(path: Path, found: Iterable[tuple[str, str]]) -> None:
    """Raise ConfigError with the line of each problem, if there is any.

    Parameters
    ----------
    found : dotted key and text of each problem.
    """
    if problems := [Problem(str(path), line_of(path, key), key, text) for key, text in found]:
        raise ConfigError(problems)


def _locked(old: Config, new: Config) -> Iterator[tuple[str, str]]:
    """Keys that differ and need a restart."""
    for key in needing_restart(old, new):
        yield key, LOCKED
