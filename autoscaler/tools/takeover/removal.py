"""Removing old sections from supervisord's files, and restoring them: edit, reload, verify."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from autoscaler.errors import SupervisordFault, TakeoverError
from autoscaler.supervisord.client import ReloadDiff
from autoscaler.tools.takeover.imported import read_text
from autoscaler.tools.takeover.ini import commented_in, commented_out, taken_names
from autoscaler.tools.takeover.units import Unit
from autoscaler.tools.takeover.written import replace_text, write_new

#: The way back.
BACK = "autoscaler init --undo-adopt"


class Reloader(Protocol):
    """The part of supervisord's interface that changes its set of programs."""

    def reload(self) -> ReloadDiff: ...
    def add(self, name: str) -> None: ...
    def remove(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Kept:
    """The folder that keeps what is needed for the way back.

    It is the autoscaler's own, never one that supervisord includes.
    """

    folder: Path

    def copy(self, file: Path, text: str) -> Path:
        """Keep a file as it was before its first change, and before the first one after an undo."""
        name = str(file).strip("/").replace("/", "_")
        path = self.folder / f"{name}.before"
        self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        if not path.exists() or not taken_names(text):
            write_new(path, text, mode=0o600, force=True)
        return path

    def cancelled(self) -> dict[str, list[str]]:
        """Process -> the queues that it read before it was told to take no more."""
        try:
            told = json.loads((self.folder / "cancelled.json").read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise TakeoverError(f"{self.folder / 'cancelled.json'}: cannot be read: {error}") from error
        return {str(name): [str(queue) for queue in queues] for name, queues in told.items()}

    def note(self, queues: Mapping[str, Iterable[str]]) -> None:
        """Note processes before they are told; what was noted first stays."""
        merged = {name: sorted(names) for name, names in queues.items()} | self.cancelled()
        self._write(merged)

    def forget(self, processes: Iterable[str]) -> None:
        """Forget processes that are gone, or back in service."""
        gone = set(processes)
        self._write({name: queues for name, queues in self.cancelled().items() if name not in gone})

    def _write(self, noted: Mapping[str, list[str]]) -> None:
        self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        replace_text(self.folder / "cancelled.json", json.dumps(noted, indent=1) + "\n")


@dataclass(frozen=True, slots=True)
class Sections:
    """The files of supervisord that hold old sections.

    Attributes
    ----------
    ours : names of the autoscaler's own programs: changes of those are its daemon's business.
    """

    supervisord: Reloader
    kept: Kept
    ours: frozenset[str] = field(default=frozenset())

    def take_out(self, unit: Unit, when: str) -> list[Path]:
        """Comment a unit's sections out, once all of its processes have ended.

        Returns
        -------
        The files that were changed.

        Raises
        ------
        TakeoverError : the reload would have done anything else than remove it; the files are as before.
        """
        before = {file: read_text(file) for file in unit.sections}
        for file, text in before.items():
            self.kept.copy(file, text)
        after = {file: commented_out(text, unit.sections[file], when, BACK) for file, text in before.items()}
        self._change(before, after, ReloadDiff(removed=frozenset({unit.group})))
        self.supervisord.remove(unit.group)
        return list(after)

    def put_back(self, files: Iterable[Path], groups: frozenset[str]) -> None:
        """Undo `take_out`: the programs are in supervisord again, and start if they autostart.

        Raises
        ------
        TakeoverError : the reload would have done anything else than add them; the files are as before.
        """
        before = {file: read_text(file) for file in files}
        after = {file: commented_in(text) for file, text in before.items()}
        self._change(before, after, ReloadDiff(added=groups))
        for group in sorted(groups):
            self.supervisord.add(group)

    def _change(self, before: Mapping[Path, str], after: Mapping[Path, str], meant: ReloadDiff) -> None:
        baseline = self._reload()
        for file, text in after.items():
            replace_text(file, text)
        try:
            got = self._without_ours(self._reload() - self._without(baseline, meant))
        except TakeoverError:
            self._restore(before)
            raise
        if got != meant:
            self._restore(before)
            raise TakeoverError(
                f"reloading would add {_list(got.added)}, change {_list(got.changed)} and remove "
                f"{_list(got.removed)}; meant was to add {_list(meant.added)} and remove "
                f"{_list(meant.removed)}. The files are as before; look at `supervisorctl reread`"
            )

    @staticmethod
    def _without(baseline: ReloadDiff, meant: ReloadDiff) -> ReloadDiff:
        """A baseline that does not hide what is meant."""
        return ReloadDiff(baseline.added - meant.added, baseline.changed, baseline.removed - meant.removed)

    def _without_ours(self, diff: ReloadDiff) -> ReloadDiff:
        return ReloadDiff(diff.added - self.ours, diff.changed - self.ours, diff.removed - self.ours)

    def _reload(self) -> ReloadDiff:
        try:
            return self.supervisord.reload()
        except SupervisordFault as fault:
            raise TakeoverError(f"supervisord cannot read its configuration: {fault.text}") from fault

    def _restore(self, before: Mapping[Path, str]) -> None:
        for file, text in before.items():
            replace_text(file, text)
        with suppress(TakeoverError):
            self._reload()


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
