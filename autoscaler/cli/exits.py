"""The exit codes of the command."""

from __future__ import annotations

from enum import IntEnum

from autoscaler.errors import (
    AutoscalerError,
    ConfigError,
    DaemonNotRunning,
    EditRefused,
    ServiceUnavailable,
    SourceError,
    TargetUnreachable,
    UnknownName,
)


class Exit(IntEnum):
    """What the command's exit code says."""

    FINE = 0
    FAILED = 1
    USAGE = 2
    CONFIG = 3
    NOT_RUNNING = 4
    UNREACHABLE = 5


#: The exit code of each kind of error; the first that fits.
_EXITS: tuple[tuple[type[AutoscalerError], Exit], ...] = (
    (ConfigError, Exit.CONFIG),
    (DaemonNotRunning, Exit.NOT_RUNNING),
    (UnknownName, Exit.USAGE),
    (EditRefused, Exit.USAGE),
    (ServiceUnavailable, Exit.UNREACHABLE),
    (TargetUnreachable, Exit.UNREACHABLE),
    (SourceError, Exit.UNREACHABLE),
    (AutoscalerError, Exit.FAILED),
)


def exit_of(error: AutoscalerError) -> Exit:
    """The exit code of an error."""
    return next(code for kind, code in _EXITS if isinstance(error, kind))
