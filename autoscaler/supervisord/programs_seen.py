"""Our own programs as one tick sees them, before the workers are asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from autoscaler.model import Drain, Process, SeenWorker
from autoscaler.model.names import node_name, parse_worker_name
from autoscaler.supervisord.program_file import written_node


@dataclass(frozen=True, slots=True)
class Scene:
    """Our file, supervisord's processes and the drain journal, beside what was seen last."""

    #: Section text by program name, as in our file.
    sections: Mapping[str, str]
    #: By program name, foreign programs included.
    processes: Mapping[str, Process]
    #: The journal, by worker name.
    drains: Mapping[str, Drain]
    #: What the tick before saw, by worker name.
    seen: Mapping[str, SeenWorker]
    #: Of this machine.
    host_name: str

    @property
    def names(self) -> dict[str, str]:
        """The fleet of every worker of ours, by worker name, in the order of their numbers."""
        parsed = {name: parse_worker_name(name) for name in {*self.sections, *self.drains}}
        ours = {name: worker for name, worker in parsed.items() if worker is not None}
        return {name: fleet for name, (fleet, _) in sorted(ours.items(), key=lambda item: item[1])}

    def pid(self, name: str) -> int | None:
        """Of a program's process; None while it has none."""
        process = self.processes.get(name)
        return process.pid if process is not None else None

    def node(self, name: str) -> str:
        """The node name that a worker was started with: the host may have been renamed since."""
        return written_node(self.sections.get(name, "")) or node_name(name, self.host_name)

    def has_answered(self, name: str) -> bool:
        """Whether a worker's present process has answered before."""
        return self._is_as_seen(name) and self.seen[name].answered

    @property
    def lost_sections(self) -> list[str]:
        """Our workers that run on after somebody took their sections out of the file."""
        left = set(self.seen) - set(self.sections) - set(self.drains)
        return sorted(name for name in left if self._is_as_seen(name))

    @property
    def foreign_drains(self) -> list[str]:
        """Journal lines whose worker has gone, and whose name somebody else's process has now."""
        left = set(self.drains) - set(self.sections)
        return sorted(name for name in left if self.pid(name) is not None and not self._is_as_seen(name))

    def without_foreign_drains(self) -> Scene:
        """The same without the journal lines that are not ours any more."""
        foreign = self.foreign_drains
        return replace(self, drains={name: each for name, each in self.drains.items() if name not in foreign})

    def _is_as_seen(self, name: str) -> bool:
        """Whether a program runs as the process that was seen last."""
        pid = self.pid(name)
        return pid is not None and name in self.seen and self.seen[name].pid == pid
