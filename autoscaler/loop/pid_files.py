"""A pid file for each worker, for tools that need one.

What supervisord says after each tick is written to ``<pid_dir>/<worker>.pid``. Nothing reads it back, and a
folder that cannot be written never holds the daemon up. When the daemon stops the files stay, as the workers
do.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from autoscaler.config import Config
from autoscaler.model import FleetTick, Tick
from autoscaler.model.names import parse_worker_name

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """The files of one fleet."""

    folder: Path
    #: By worker name.
    pids: Mapping[str, int]


class PidFiles:
    """Keeps the files of all fleets that have a `pid_dir`."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}
        self._trouble: dict[str, str] = {}

    def keep(self, config: Config, tick: Tick) -> None:
        """Write, change and delete what a tick has changed; a fleet that was not seen keeps its files."""
        wanted = {fleet.name: files for fleet in tick.fleets if (files := _wanted(config, fleet)) is not None}
        for name in [name for name in self._kept if name not in config.fleets or not _folder(config, name)]:
            self._change(name, None)
        for name, files in wanted.items():
            if files != self._kept.get(name):
                self._change(name, files)

    def _change(self, fleet: str, files: Kept | None) -> None:
        before = self._kept.get(fleet)
        try:
            if before is not None and (files is None or files.folder != before.folder):
                _delete(before.folder, fleet, keep=())
            if files is not None:
                _write(files)
                _delete(files.folder, fleet, keep=files.pids)
        except OSError as error:
            self._tell(fleet, f"{fleet}: pid_dir: {error.filename}: {error.strerror}")
            return
        self._trouble.pop(fleet, None)
        if files is None:
            del self._kept[fleet]
        else:
            self._kept[fleet] = files

    def _tell(self, fleet: str, trouble: str) -> None:
        if self._trouble.get(fleet) != trouble:
            self._trouble[fleet] = trouble
            log.warning("%s", trouble)


def _folder(config: Config, fleet: str) -> Path | None:
    settings = config.fleets.get(fleet)
    return settings.pid_dir if settings is not None else None


def _wanted(config: Config, fleet: FleetTick) -> Kept | None:
    """The files of a fleet; None where it has no folder, or its workers could not be seen."""
    folder = _folder(config, fleet.name)
    if folder is None or fleet.workers is None:
        return None
    return Kept(folder, {worker.name: worker.pid for worker in fleet.workers if worker.pid})


def _write(files: Kept) -> None:
    """Write each file whole or not at all: whoever reads it never sees half a number."""
    files.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    for worker, pid in files.pids.items():
        temporary = files.folder / f".{worker}.pid.{os.getpid()}"
        temporary.write_text(f"{pid}\n")
        temporary.replace(files.folder / f"{worker}.pid")


def _delete(folder: Path, fleet: str, keep: Iterable[str]) -> None:
    """Delete the files of a fleet's other workers, and nobody else's."""
    for path in folder.glob("*.pid"):
        name = parse_worker_name(path.stem)
        if name is not None and name[0] == fleet and path.stem not in keep:
            path.unlink(missing_ok=True)
