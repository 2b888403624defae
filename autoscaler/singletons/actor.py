"""The next steps of singletons, taken on supervisord and the programs file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from autoscaler.errors import ReloadRefused, SupervisordFault, TargetError
from autoscaler.model import Process
from autoscaler.model.report import Report
from autoscaler.singletons.states import SingletonStep
from autoscaler.supervisord.program_file import ProgramFile, setting
from autoscaler.supervisord.programs import (
    RETRY_REFUSED,
    Change,
    Programs,
    ProgramTarget,
    StepHook,
    collisions,
)


class SingletonTarget(ProgramTarget, Protocol):
    """The part of supervisord's interface that a singleton needs."""

    def processes(self) -> Mapping[str, Process]: ...
    def stop_all(self, names: Iterable[str]) -> Mapping[str, SupervisordFault]: ...
    def start(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class SingletonOrder:
    """What one singleton needs."""

    name: str
    step: SingletonStep
    #: The section that it should have; None for one that is no longer in the config.
    section: str | None


class SingletonActor:
    """Carries out the steps; each singleton's change of the programs is one of its own."""

    def __init__(
        self,
        file: ProgramFile,
        supervisord: SingletonTarget,
        programs: Programs,
        on_step: StepHook,
        runs_as_root: Callable[[], bool | None] = lambda: None,
    ) -> None:
        self._file = file
        self._supervisord = supervisord
        self._programs = programs
        self._on_step = on_step
        #: Whether supervisord is root's, so that a program without a `user` is too; None: not known.
        self._runs_as_root = runs_as_root
        #: By name: the section that was refused, why, and until when it is not tried again.
        self._refused: dict[str, tuple[str | None, str, float]] = {}
        #: By name: the section that supervisord has taken on trial.
        self._tried: dict[str, str] = {}

    def carry_out(self, now: float, orders: Iterable[SingletonOrder]) -> Report:
        """Take each singleton's next step. A failure is told as its trouble, and tried again next turn."""
        report = Report()
        for order in orders:
            if order.step is SingletonStep.WAIT:
                continue
            if refusal := self._still_refused(now, order):
                report.failed(order.name, refusal)
                continue
            try:
                self._take(order, report)
            except ReloadRefused as error:
                self._refused[order.name] = order.section, str(error), now + RETRY_REFUSED
                report.failed(order.name, str(error))
            except TargetError as error:
                report.failed(order.name, str(error))
        return report

    def _still_refused(self, now: float, order: SingletonOrder) -> str:
        section, text, until = self._refused.get(order.name, (None, "", 0.0))
        return text if now < until and section == order.section else ""

    def _take(self, order: SingletonOrder, report: Report) -> None:
        match order.step:
            case SingletonStep.ADD:
                self._add(order, report)
            case SingletonStep.TRY:
                self._try(order)
            case SingletonStep.STOP:
                self._stop(order, report)
            case SingletonStep.START:
                self._supervisord.start(order.name)
                self._on_step("started")
                report.did(f"{order.name}: started again")
            case SingletonStep.REMOVE:
                self._change(order.name, None)
                report.did(f"{order.name}: removed")
                if order.section is not None:
                    self._add(order, report)

    def _add(self, order: SingletonOrder, report: Report) -> None:
        self._refuse_root(order)
        self._change(order.name, order.section)
        report.did(f"{order.name}: started")

    def _stop(self, order: SingletonOrder, report: Report) -> None:
        sections = self._file.read()
        if order.name not in sections and order.name not in self._programs.baseline(sections).removed:
            raise ReloadRefused(_taken_text(order.name))  # another file has it: it is no leftover of ours
        faults = self._supervisord.stop_all([order.name])
        self._on_step("stopped")
        if order.name in faults:
            raise faults[order.name]
        report.did(f"{order.name}: told to stop")

    def has_taken(self, name: str, section: str | None) -> bool:
        """Whether supervisord has taken a singleton's new section on trial; none at all needs no trial."""
        return section is None or self._tried.get(name) == section

    def _try(self, order: SingletonOrder) -> None:
        """Show supervisord new settings, before the old process is stopped for them.

        Raises
        ------
        ReloadRefused : it does not take them.
        """
        if order.section is None:
            return
        self._refuse_root(order)
        now = self._next_change(order.name, order.section)
        self._programs.rehearse(order.name, order.section, now.before, now.active)
        self._tried[order.name] = order.section

    def _refuse_root(self, order: SingletonOrder) -> None:
        """Start nothing as root with nobody having said so."""
        if order.section and not setting(order.section, "user") and self._runs_as_root():
            raise TargetError(
                f"supervisord runs as root and singletons.{order.name} has no user, so it would run as root: "
                "it is not started. Set user, to root if that is really meant"
            )

    def _change(self, name: str, section: str | None) -> None:
        """Bring the programs to what they should be: this one with a section, or without any.

        Raises
        ------
        ReloadRefused : supervisord does not take it, or somebody else has the name; nothing was changed.
        """
        change = self._next_change(name, section)
        if not change:
            return
        baseline = self._programs.baseline(change.before)
        is_new = section is not None and name not in change.before
        if is_new and collisions(frozenset({name}), change, baseline):
            raise ReloadRefused(_taken_text(name))
        refused = self._programs.apply(change, baseline)
        if name in refused:
            raise TargetError(refused[name])

    def _next_change(self, name: str, section: str | None) -> Change:
        """From what is there now, as the fleets have left it in this tick."""
        before = self._file.read()
        after = {each: text for each, text in before.items() if each != name}
        if section is not None:
            after[name] = section
        active = frozenset(each.partition(":")[0] for each in self._supervisord.processes())
        leftover = frozenset({name} if section is None and name not in before else ())
        return Change(before, after, active, leftover)


def _taken_text(name: str) -> str:
    return (
        f"somebody else's program is called {name} (it is not in our programs file), and only our own are "
        "touched: rename the singleton, or take that program out of supervisord's configuration"
    )
