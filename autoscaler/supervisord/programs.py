"""A change of the set of programs: rewrite the file, reload, verify, add and remove; or nothing.

The order survives a crash after any step, because each step only follows from what the file, supervisord and
the drain journal say:

    written     the file says what should be; supervisord knows nothing of it yet
    reloaded    supervisord has read it and reported exactly the change that was meant
    removed     programs that have left the file are no longer in supervisord
    added       programs that are new in the file are started

`reloadConfig` touches no process and reports every difference from what is active, each time anew, so a
change that was cut short is found and finished by the next call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from autoscaler.errors import ReloadRefused, SupervisordFault
from autoscaler.supervisord.client import ReloadDiff
from autoscaler.supervisord.program_file import ProgramFile, log_file

#: Called after each step with its name; tests kill the daemon there.
StepHook = Callable[[str], None]

#: Ends the name under which new settings are shown to supervisord; no name of ours can end so.
TRIAL = ".trial"
#: Seconds before a change of the programs that was refused is tried again.
RETRY_REFUSED = 10.0


class ProgramTarget(Protocol):
    """The part of supervisord's interface that changes its set of programs."""

    def reload(self) -> ReloadDiff: ...
    def add_all(self, names: Iterable[str]) -> Mapping[str, SupervisordFault]: ...
    def remove_all(self, names: Iterable[str]) -> Mapping[str, SupervisordFault]: ...


@dataclass(frozen=True, slots=True)
class Change:
    """What the set of programs is, and what it should be.

    Attributes
    ----------
    before, after : section text by program name, as in the file now and as it should be.
    active : names that supervisord knows now, anybody's.
    """

    before: Mapping[str, str]
    after: Mapping[str, str]
    active: frozenset[str]
    #: Names that were ours, are in neither file any more, and may still be in supervisord.
    leftover: frozenset[str] = frozenset()

    @property
    def add(self) -> frozenset[str]:
        """Programs that supervisord has to start."""
        return frozenset(self.after) - self.active

    @property
    def remove(self) -> frozenset[str]:
        """Programs that supervisord has to forget; none of them has a process."""
        return (frozenset(self.before) - frozenset(self.after) | self.leftover) & self.active

    @property
    def ours(self) -> frozenset[str]:
        """Every name that is or was ours."""
        return frozenset(self.before) | frozenset(self.after) | self.leftover

    def __bool__(self) -> bool:
        return dict(self.before) != dict(self.after) or bool(self.add) or bool(self.remove)


def meant(change: Change, baseline: ReloadDiff) -> ReloadDiff:
    """The report that a reload must give after the file was rewritten.

    Others may have edits of their own waiting (`baseline`): those must be in it unchanged.
    """
    return ReloadDiff(
        added=baseline.added - change.ours | change.add,
        changed=baseline.changed - change.remove,
        removed=baseline.removed - change.ours | change.remove,
    )


def collisions(names: frozenset[str], change: Change, baseline: ReloadDiff) -> frozenset[str]:
    """Those new names that somebody else's program has already, loaded or only written."""
    foreign = (change.active | baseline.added | baseline.changed) - frozenset(change.before) - change.leftover
    return names & foreign


def difference(path: str, meant: ReloadDiff, got: ReloadDiff) -> str:
    """Say what a reload reported instead of what was meant, and what to do."""
    unseen = meant.added - got.added
    if unseen:
        return (
            f"supervisord does not see {_list(unseen)} of {path}: its [include] does not cover this file. "
            f"Add `files = {path}` under [include] in supervisord's main file and restart supervisord"
        )
    surplus = got - meant
    left_out = meant - got
    missing = left_out.added | left_out.changed | left_out.removed
    return (
        f"reloading with the new {path} would add {_list(surplus.added)}, change {_list(surplus.changed)} "
        f"and remove {_list(surplus.removed)} beyond what was meant, and not do {_list(missing)}; "
        "nothing was started or stopped. Look at `supervisorctl reread`"
    )


class Programs:
    """Our programs in supervisord."""

    def __init__(self, file: ProgramFile, supervisord: ProgramTarget, on_step: StepHook) -> None:
        self._file = file
        self._supervisord = supervisord
        self._on_step = on_step

    def baseline(self, sections: Mapping[str, str]) -> ReloadDiff:
        """What a reload would change now, before anything of ours is changed.

        Parameters
        ----------
        sections : what is in our file.

        Raises
        ------
        ReloadRefused : supervisord cannot read its own configuration.
        SupervisordUnreachable
        """
        lacking = make_log_folders(sections)
        try:
            return self._supervisord.reload()
        except SupervisordFault as fault:
            raise ReloadRefused(
                f"supervisord cannot read its configuration, so nothing was changed: {fault.text}{lacking}. "
                "Mend the section that it names; `supervisorctl reread` shows whether it is mended"
            ) from fault

    def apply(self, change: Change, baseline: ReloadDiff) -> dict[str, str]:
        """Carry a change out.

        Returns
        -------
        Why, by name, for each program that supervisord would not add or remove.

        Raises
        ------
        ReloadRefused : the reload reported something else than was meant; the old file is back.
        ProgramFileError : the file could not be written; nothing was changed.
        SupervisordUnreachable : the next call finishes what was begun.
        """
        lacking = make_log_folders(change.after)
        if dict(change.before) != dict(change.after):
            self._file.write(change.after)
            self._on_step("written")
        self._reload_as_meant(change, meant(change, baseline), lacking)
        self._on_step("reloaded")
        refused: dict[str, str] = {}
        if change.remove:
            refused |= _texts(self._supervisord.remove_all(sorted(change.remove)))
            self._on_step("removed")
        if change.add:
            refused |= _texts(self._supervisord.add_all(sorted(change.add)))
            self._on_step("added")
        return refused

    def rehearse(self, name: str, section: str, sections: Mapping[str, str], active: frozenset[str]) -> None:
        """See that supervisord would take a program's new section, before the old process goes for it.

        It is shown under another name and without autostart: whatever comes in between, the file says that
        the program has its old settings, and nothing with the new ones starts.

        Parameters
        ----------
        sections : what is in our file; it is again afterwards.
        active : names that supervisord knows now, anybody's.

        Raises
        ------
        ReloadRefused : it would not, or cannot read its configuration as it is.
        ProgramFileError : the file could not be written.
        SupervisordUnreachable
        """
        trial = f"{name}{TRIAL}"
        text = section.replace(f"[program:{name}]", f"[program:{trial}]", 1)
        text = text.replace("\nautostart=true\n", "\nautostart=false\n", 1)
        change = Change(sections, {**sections, trial: text}, active)
        expected = meant(change, self.baseline(sections))
        lacking = make_log_folders(change.after)
        self._file.write(change.after)
        self._on_step("rehearsed")
        self._reload_as_meant(change, expected, lacking)
        self._roll_back(change)

    def _reload_as_meant(self, change: Change, expected: ReloadDiff, lacking: str) -> None:
        try:
            got = self._supervisord.reload()
            problem = difference(str(self._file.path), expected, got) if got != expected else ""
        except SupervisordFault as fault:
            problem = f"supervisord refuses the new {self._file.path}: {fault.text}{lacking}"
        if problem:
            self._roll_back(change)
            raise ReloadRefused(problem)

    def _roll_back(self, change: Change) -> None:
        self._file.write(change.before)
        self._on_step("rolled back")
        # Whatever it says to the old file, it has read it; the programs that it runs never changed.
        with suppress(SupervisordFault):
            self._supervisord.reload()


def make_log_folders(sections: Mapping[str, str]) -> str:
    """Make the folders of the logs: supervisord reads no configuration that lacks one, nor starts with it.

    Returns
    -------
    Which cannot be made and why, to stand behind what supervisord says of them. It has the last word: a
    folder that we may not see may be there.
    """
    lacking = ""
    for folder in sorted({file.parent for text in sections.values() if (file := log_file(text)) is not None}):
        try:
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        except OSError as error:
            lacking += f"; the log folder {folder} cannot be made: {error.strerror}"
    return lacking


def _texts(faults: Mapping[str, SupervisordFault]) -> dict[str, str]:
    return {name: str(fault) for name, fault in faults.items()}


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
