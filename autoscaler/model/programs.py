"""The programs of a target, whatever the target is: their states, their processes, their settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ProgramState(StrEnum):
    """The life of a program under a target that keeps it running.

    stopped ──► starting ──────────► running ──► stopping ──► stopped
                  ▲  │ ends too soon    │ ends by itself
                  │  ▼                  ▼
                retrying             ended ──► starting
                  │ too often
                  ▼
                failed
    """

    #: It has no process: it was stopped, or never started.
    STOPPED = "stopped"
    #: Its process is too young to count as up.
    STARTING = "starting"
    RUNNING = "running"
    #: Its process ended too soon; the target tries again after a pause.
    RETRYING = "retrying"
    #: Its process has been told to stop and has not ended yet.
    STOPPING = "stopping"
    #: Its process ended by itself; the target starts it again.
    ENDED = "ended"
    #: It could not be started too often; the target has given up.
    FAILED = "failed"
    UNKNOWN = "unknown"


#: States that a program does not leave by itself.
DOWN = frozenset({ProgramState.STOPPED, ProgramState.FAILED})


@dataclass(frozen=True, slots=True)
class Process:
    """A program as the target sees it."""

    name: str
    state: ProgramState
    #: None while it has no process.
    pid: int | None = None
    #: When its latest process was started, seconds of the target's clock; 0 if never.
    started_at: float = 0.0
    #: Exit status of its latest finished process.
    exit_status: int = 0
    #: The target's own words on a start that failed, else empty.
    failure: str = ""
    #: When its latest finished process ended, seconds of the target's clock; 0: none has under this target.
    ended_at: float = 0.0

    @property
    def unborn(self) -> bool:
        """Whether the target knows the program and has not started it yet."""
        return self.state is ProgramState.STOPPED and self.started_at == 0


@dataclass(frozen=True, slots=True)
class ProgramSpec:
    """The settings of a program that a target is to run."""

    #: Program name, ``emails-01``.
    name: str
    #: Argument vector; the first is a path, or a name that is looked up in PATH.
    command: tuple[str, ...]
    #: Absolute path to run in; None: the target's own.
    directory: str | None
    #: User to run as; None: the target's own.
    user: str | None
    #: Added to the target's own environment; not in `repr`, it may hold passwords.
    environment: Mapping[str, str] = field(repr=False)
    #: Seconds from TERM to KILL.
    stop_wait: float
    #: Absolute path; the target makes its folder.
    log_file: str
    #: Seconds that a process must stay up to count as up; an earlier end counts as a failed start.
    start_seconds: int = 5
    #: Bytes after which the log is rotated.
    log_max_bytes: int = 10 * 1024 * 1024
    #: Rotated logs that are kept.
    log_backups: int = 5
