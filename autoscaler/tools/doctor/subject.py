"""The values that several probes share: the config, and what was observed once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from autoscaler.config import Config, Fleet
from autoscaler.errors import TargetError
from autoscaler.model import Process, Track
from autoscaler.model.names import parse_worker_name
from autoscaler.supervisord.client import Identity, Supervisord
from autoscaler.supervisord.process import SupervisordProcess, supervisord_process
from autoscaler.supervisord.program_file import ProgramFile

#: Seconds that a service has for one answer.
TIMEOUT = 3.0


@dataclass
class Subject:
    """What is examined.

    Parameters
    ----------
    config_file : where the config was read, None where it was not read from a file.
    tracks : what a daemon has measured of each fleet so far, if it has.
    """

    config: Config
    config_file: Path | None
    tracks: Mapping[str, Track]
    host_name: str
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    #: By fleet: what its app is set to, once a probe has imported it.
    app_settings: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    #: By worker: its ``stats``, unchecked, once a probe has asked for them.
    worker_stats: dict[str, Any] = field(default_factory=dict)
    #: Whether a probe has found that the broker does not answer at all.
    broker_is_down: bool = False

    def supervisord(self) -> Supervisord:
        """A client of its own for each probe: they run in threads."""
        return Supervisord(self.config.supervisord.url.get_secret_value(), timeout=TIMEOUT)

    @cached_property
    def identity(self) -> Identity | TargetError:
        """Who answers as supervisord, or why nobody does."""
        try:
            return self.supervisord().identity()
        except TargetError as error:
            return error

    @cached_property
    def process(self) -> SupervisordProcess | None:
        """supervisord's process on this machine; None where it cannot be told."""
        return None if isinstance(self.identity, TargetError) else supervisord_process(self.identity.pid)

    @cached_property
    def sections(self) -> Mapping[str, str]:
        """Our programs as they are written now; none where the file cannot be read."""
        try:
            return ProgramFile(self.config.supervisord.programs_file).read()
        except TargetError:
            return {}

    @cached_property
    def processes(self) -> Mapping[str, Process]:
        """What supervisord runs; nothing where it does not answer."""
        try:
            return self.supervisord().processes()
        except TargetError:
            return {}

    def workers_of(self, fleet: Fleet) -> list[str]:
        """The fleet's workers that have a process now, by program name."""
        return [
            name
            for name in sorted(self.sections)
            if (parsed := parse_worker_name(name)) and parsed[0] == fleet.name and self._pid(name)
        ]

    def _pid(self, name: str) -> int | None:
        process = self.processes.get(name)
        return process.pid if process else None

    def pids_of(self, fleet: Fleet) -> list[int]:
        """Pids of the fleet's workers."""
        return [pid for name in self.workers_of(fleet) if (pid := self._pid(name))]

    def service_seconds(self, fleet: Fleet) -> float | None:
        """How long the fleet's tasks run on the mean; None until it was measured."""
        service = self.tracks.get(fleet.name, Track()).measures.service
        return service.value if service else None
