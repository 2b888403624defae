"""All exceptions of the autoscaler, in one tree.

    AutoscalerError
    ├── ConfigError              the config file cannot be used; carries every problem found
    ├── EditRefused              an edit of the config file would not do what was meant; nothing is written
    ├── EditFailed               the config file cannot be written, or somebody else wrote it meanwhile
    ├── SourceError              an observation failed: its reading becomes unknown
    ├── TargetError              acting failed, nothing was half-done; the next tick tries again
    │   ├── Undefinable              a program's settings, which the target cannot keep as they are meant
    │   ├── TargetUnreachable        the target gave no answer within the deadline
    │   │   └── SupervisordUnreachable
    │   ├── TargetRefused            the target answered, and refused
    │   │   ├── SupervisordFault         supervisord answered with a fault
    │   │   └── ReloadRefused            a reload was, or would have been, something else than was meant
    │   └── ProgramFileError         the programs file cannot be read, trusted or written
    ├── TakeoverError            an existing set-up cannot be read or taken over; says what stays as it was
    ├── TraceError               a trace file cannot be used
    ├── OutOfTime                a run of the simulator was broken off
    ├── InstallError             something cannot be put on the machine, or taken back from it
    ├── StoreError               the state folder or its database cannot be used
    │   └── StoreCorrupt             the database is damaged: it is moved aside and a new one made
    ├── AlreadyRunning           another daemon holds the lock
    ├── DaemonNotRunning         nobody answers on the daemon's socket
    ├── UnknownName              the daemon has no fleet or worker of that name
    ├── CommandRefused           an operator's command cannot be carried out, or may not be given
    └── ServiceUnavailable       a service that a command needs cannot be reached or started

A caller catches the class that it can mend and lets the rest pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class AutoscalerError(Exception):
    """Base of every error that this package raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a config file.

    Attributes
    ----------
    file : path as the user gave it.
    line : 1-based line of the offending value (of its parent for a missing key); 0 for a value that is not
        in the file but was given with a command.
    key : dotted key path, e.g. ``fleets.emails.min_workers``; empty for the whole file.
    message : value and rule in words, e.g. ``9 is more than max_workers (4)``.
    """

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        if not self.line:
            return f"{self.key}: {self.message}"
        where = f"{self.file}:{self.line}"
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class ConfigError(AutoscalerError):
    """The config file has problems, all of them in `problems`, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class EditRefused(AutoscalerError):
    """An edit of the config file would change more, or something else, than was meant."""


class EditFailed(AutoscalerError):
    """The config file cannot be written, or changed while it was edited; nothing is written."""


class SourceError(AutoscalerError):
    """A source failed, timed out or answered nonsense."""


class TargetError(AutoscalerError):
    """Something could not be acted on; the state before is still the state now."""


class Undefinable(TargetError):
    """The target cannot keep a program's settings as they are meant; names the setting."""


class TargetUnreachable(TargetError):
    """The target did not answer within the deadline."""


class TargetRefused(TargetError):
    """The target answered, and refused; it would refuse the same again."""


class SupervisordUnreachable(TargetUnreachable):
    """supervisord did not answer within the deadline."""


class SupervisordFault(TargetRefused):
    """supervisord answered an RPC with a fault.

    Attributes
    ----------
    code : the number, see `supervisor.xmlrpc.Faults`.
    text : supervisord's own words.
    """

    def __init__(self, method: str, code: int, text: str) -> None:
        self.method, self.code, self.text = method, code, text
        super().__init__(f"supervisord refused {method}: {text} (fault {code})")


class ProgramFileError(TargetError):
    """The programs file cannot be read, is not ours, or cannot be written."""


class ReloadRefused(TargetRefused):
    """Reloading supervisord's config would change something else than was meant."""


class TakeoverError(AutoscalerError):
    """An existing set-up cannot be read, or not be taken over as it is."""


class TraceError(AutoscalerError):
    """A trace file cannot be read, or a line of it is wrong; says which."""


class OutOfTime(AutoscalerError):
    """A run of the simulator was broken off; says how far it had come."""


class InstallError(AutoscalerError):
    """Something cannot be put on this machine, or taken back from it."""


class StoreError(AutoscalerError):
    """The state folder or the database in it cannot be used."""


class StoreCorrupt(StoreError):
    """The database is damaged; nothing more can be read from it or written to it."""


class AlreadyRunning(AutoscalerError):
    """Another daemon holds the lock of the same state folder."""


class DaemonNotRunning(AutoscalerError):
    """No daemon answers on the socket."""


class UnknownName(AutoscalerError):
    """The daemon has no fleet or worker of that name."""


class CommandRefused(AutoscalerError):
    """A command cannot be carried out as things are, or may not be given by who gave it; nothing was done."""


class ServiceUnavailable(AutoscalerError):
    """A service that the command needs cannot be reached or started."""
