"""Acting on the workers in one tick: begin drains, advance each worker, change the programs.

Nothing here waits. What takes time (a task that ends, a process that stops) is looked at again next turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import TypeAlias

from autoscaler.errors import ReloadRefused, TargetError
from autoscaler.model.names import parse_worker_name, worker_name
from autoscaler.model.report import Report
from autoscaler.supervisord.client import ReloadDiff
from autoscaler.supervisord.program_file import setting
from autoscaler.supervisord.programs import RETRY_REFUSED, Change, Programs, collisions
from autoscaler.workers.drains import Drains
from autoscaler.workers.orphans import Orphans
from autoscaler.workers.turn import Order, Turn, World

#: Worker names by fleet.
NewNames: TypeAlias = Mapping[str, list[str]]
#: A part of a change that is tried alone: whose it is, who is taken out, who is put in.
Part: TypeAlias = tuple[str, frozenset[str], NewNames]
NOTHING = ReloadDiff(frozenset(), frozenset(), frozenset())

#: In place of a fleet's name: the part of a change that only takes programs out.
REMOVALS = ""


_ROOT_TEXT = (
    "supervisord runs as root and fleets.{fleet} has no user, so its workers would run as root: none is "
    "started. Set user, to root if that is really meant"
)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a part of a change was refused, and until when it is not tried again."""

    text: str
    until: float


class Actor:
    """Carries the fleets' orders out on supervisord and the workers."""

    def __init__(
        self,
        drains: Drains,
        programs: Programs,
        orphans: Orphans,
        runs_as_root: Callable[[], bool | None] = lambda: None,
    ) -> None:
        self._drains = drains
        self._programs = programs
        self._orphans = orphans
        #: Whether supervisord is root's, so that a program without a `user` is too; None: not known.
        self._runs_as_root = runs_as_root
        #: By fleet, or `REMOVALS`.
        self._refusals: dict[str, _Refusal] = {}
        #: By fleet: the section of its first worker that supervisord has taken on trial.
        self._tried: dict[str, str] = {}

    def carry_out(self, now: float, world: World, orders: Iterable[Order]) -> Report:
        """Move every worker of the ordered fleets on by one step; only what the journal holds is begun."""
        turn = Turn(now, world, {order.fleet: order for order in orders}, dict(world.drains))
        self._refusals = {part: each for part, each in self._refusals.items() if now < each.until}
        self._orphans.advance(turn)
        self._hold_back(turn)
        self._drains.begin(turn)
        ended = self._drains.advance(turn)
        try:
            self._change_programs(turn, ended)
        except TargetError as error:
            for fleet in sorted(turn.orders):
                turn.report.failed(fleet, str(error))
        return turn.report

    def _hold_back(self, turn: Turn) -> None:
        """Let no worker go for new settings that supervisord would not take."""
        for fleet, order in list(turn.orders.items()):
            if _is_untried(turn, order) and not self._takes(turn, order):
                turn.orders[fleet] = replace(order, drain=())

    def _takes(self, turn: Turn, order: Order) -> bool:
        name = worker_name(order.fleet, 1)
        section = _section(order, name)
        if self._tried.get(order.fleet) == section:
            return True
        if order.fleet in self._refusals:
            return False
        if self._runs_as_root() and not _without_root(turn, {order.fleet: [name]}):
            return False
        programs = _Known(turn)
        try:
            self._programs.rehearse(name, section, programs.sections, programs.active)
        except ReloadRefused as error:
            self._refuse(turn, {order.fleet}, error)
            return False
        except TargetError as error:
            turn.report.failed(order.fleet, str(error))
            return False
        self._tried[order.fleet] = section
        return True

    def _change_programs(self, turn: Turn, ended: frozenset[str]) -> None:
        """Take out whose process has ended, put in who is to start, finish what was cut short.

        All in one reload; where that is refused, each part alone, so that one fleet's bad setting
        does not hold up the others.
        """
        new = {fleet: names for fleet, names in _new_names(turn).items() if fleet not in self._refusals}
        if REMOVALS in self._refusals:
            ended = frozenset()
        if new and self._runs_as_root():
            new = _without_root(turn, new)
        programs = _Known(turn)
        unfinished = _fleets(programs.unborn) - set(self._refusals)
        if ended or new or unfinished:
            self._attempt(turn, programs, ended, new)
        self._report_refusals(turn)

    def _attempt(self, turn: Turn, programs: _Known, ended: frozenset[str], new: NewNames) -> None:
        try:
            baseline = self._programs.baseline(programs.sections)
        except ReloadRefused as error:
            self._mend(turn, programs, ended, error)
            return
        allowed = _without_taken(turn, programs.change(ended, new), new, baseline)
        try:
            self._apply(turn, programs, ended, allowed, baseline)
        except ReloadRefused as error:
            parts = _parts(ended, allowed)
            if len(parts) > 1:
                self._apply_apart(turn, programs, parts)
            else:
                self._refuse(
                    turn, {*allowed, *_fleets(programs.unborn), *([REMOVALS] if ended else [])}, error
                )

    def _apply_apart(self, turn: Turn, programs: _Known, parts: Iterable[Part]) -> None:
        for part, ended, new in parts:
            try:
                baseline = self._programs.baseline(programs.sections)
                self._apply(turn, programs, ended, new, baseline)
            except ReloadRefused as error:
                self._refuse(turn, {part}, error)

    def _mend(self, turn: Turn, programs: _Known, ended: frozenset[str], problem: ReloadRefused) -> None:
        """supervisord cannot read what is there: take out of our file what nobody needs in it.

        That is whose process has ended, and sections that a crash has left before they were ever added.
        Both may be what it cannot read. If the rest is not readable either, everything goes back.
        """
        unneeded = ended | programs.unborn
        try:
            if unneeded:
                self._apply(turn, programs, unneeded, {}, NOTHING)
                return
        except ReloadRefused:
            pass  # it is not ours, or one that is in use: the first problem names it
        self._refuse(turn, {REMOVALS, *turn.orders}, problem)

    def _apply(
        self, turn: Turn, programs: _Known, ended: frozenset[str], new: NewNames, baseline: ReloadDiff
    ) -> None:
        change = programs.change(ended, new)
        refused = self._programs.apply(change, baseline) if change else {}
        programs.done(change)
        self._drains.strike(turn, frozenset(turn.drains) & ended - frozenset(refused))
        _report_change(turn, change, refused)

    def _refuse(self, turn: Turn, parts: Iterable[str], error: ReloadRefused) -> None:
        self._refusals |= {part: _Refusal(str(error), turn.now + RETRY_REFUSED) for part in parts}

    def _report_refusals(self, turn: Turn) -> None:
        for part, refusal in self._refusals.items():
            fleets = _fleets_with_ended(turn) if part == REMOVALS else {part} & set(turn.orders)
            for fleet in sorted(fleets):
                turn.report.failed(fleet, refusal.text)


class _Known:
    """What is in our file and in supervisord now, as a turn changes both."""

    def __init__(self, turn: Turn) -> None:
        self._orders = turn.orders
        self.sections: Mapping[str, str] = turn.world.sections
        # Somebody's group of that name takes it as much as a program does.
        self.active = frozenset(name.partition(":")[0] for name in turn.world.processes)

    @property
    def unborn(self) -> frozenset[str]:
        """Sections that supervisord does not know: a crash came between writing and adding them."""
        return frozenset(self.sections) - self.active

    def change(self, ended: frozenset[str], new: NewNames) -> Change:
        """From what there is now to it without `ended` and with `new`."""
        after = {name: text for name, text in self.sections.items() if name not in ended}
        for fleet, names in new.items():
            after |= {name: _section(self._orders[fleet], name) for name in names}
        return Change(self.sections, after, self.active, leftover=ended - frozenset(self.sections))

    def done(self, change: Change) -> None:
        """Note that a change was carried out."""
        self.sections = change.after
        self.active = self.active - change.remove | change.add


def _is_untried(turn: Turn, order: Order) -> bool:
    """Whether workers go for new settings with which none has been started yet."""
    members = (each for each in turn.world.workers.values() if each.fleet == order.fleet)
    return order.replaces and bool(order.drain) and all(each.outdated for each in members)


def _parts(ended: frozenset[str], new: NewNames) -> list[Part]:
    """What can be tried alone: taking out first, since that can only make things better."""
    starting: list[Part] = [(fleet, frozenset(), {fleet: names}) for fleet, names in new.items()]
    return [(REMOVALS, ended, {}), *starting] if ended else starting


def _fleets(names: Iterable[str]) -> set[str]:
    return {worker[0] for name in names if (worker := parse_worker_name(name)) is not None}


def _without_taken(turn: Turn, change: Change, new: NewNames, baseline: ReloadDiff) -> dict[str, list[str]]:
    """The new names that nobody else has; the others are told as trouble of their fleets."""
    allowed = {}
    for fleet, names in new.items():
        taken = collisions(frozenset(names), change, baseline)
        if taken:
            turn.report.failed(fleet, _taken_text(taken))
        if free := [name for name in names if name not in taken]:
            allowed[fleet] = free
    return allowed


def _without_root(turn: Turn, new: NewNames) -> dict[str, list[str]]:
    """Those whose section says whom to run as; the others would be root's with nobody having said so."""
    allowed = {}
    for fleet, names in new.items():
        if setting(_section(turn.orders[fleet], names[0]), "user"):
            allowed[fleet] = names
        else:
            turn.report.failed(fleet, _ROOT_TEXT.format(fleet=fleet))
    return allowed


def _fleets_with_ended(turn: Turn) -> set[str]:
    """Fleets with workers that wait to be taken out."""
    workers = turn.world.workers
    return {workers[name].fleet for name in turn.drains if name in workers} & set(turn.orders)


def _new_names(turn: Turn) -> dict[str, list[str]]:
    """Names for the workers to start, by fleet: the lowest numbers that none of ours has."""
    taken = frozenset(turn.world.sections) | frozenset(turn.drains)
    return {order.fleet: _free_names(order, taken) for order in turn.orders.values() if order.start > 0}


def _free_names(order: Order, taken: frozenset[str]) -> list[str]:
    names = (worker_name(order.fleet, number) for number in count(1))
    return list(islice((name for name in names if name not in taken), order.start))


def _section(order: Order, name: str) -> str:
    if order.section is None:
        raise TargetError(f"fleet {order.fleet} is not in the config, so {name} cannot be started")
    return order.section(name)


def _taken_text(taken: frozenset[str]) -> str:
    names = ", ".join(sorted(taken))
    return (
        f"somebody else's program is called {names} (it is not in our programs file), and only our own are "
        "touched: rename the fleet, or take that program out of supervisord's configuration; if it is a "
        "worker of an earlier supervisord.programs_file, put that path back and let the fleet drain there"
    )


def _report_change(turn: Turn, change: Change, refused: Mapping[str, str]) -> None:
    for name in sorted(change.add - frozenset(refused)):
        turn.report.did(f"{name}: started")
    for name in sorted(frozenset(change.before) - frozenset(change.after) - frozenset(refused)):
        turn.report.did(f"{name}: removed")
    for name, text in refused.items():
        worker = parse_worker_name(name)
        turn.report.failed(worker[0] if worker else name, f"{name}: {text}")
