"""Make it so: one turn a tick begins drains, moves each worker on by one step and changes the programs.

Nothing here waits. What takes time (a task that ends, a process that stops) is looked at again next turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count, islice

from autoscaler.act.celery_program import parse_worker_name, worker_name
from autoscaler.act.drains import Drains
from autoscaler.act.programs import Change, Programs, collisions
from autoscaler.act.turn import Order, Report, Turn, World
from autoscaler.errors import TargetError

#: Seconds before a change of the programs that was refused is tried again.
RETRY_REFUSED = 10.0


class Actor:
    """Carries the fleets' orders out on supervisord and the workers."""

    def __init__(self, drains: Drains, programs: Programs) -> None:
        self._drains = drains
        self._programs = programs
        self._refused_until = float("-inf")
        self._refusal = ""

    def carry_out(self, now: float, world: World, orders: Iterable[Order]) -> Report:
        """Move every worker of the ordered fleets on by one step.

        Raises
        ------
        StoreError : the journal cannot be written; nothing was begun that is not in it.
        """
        turn = Turn(now, world, {order.fleet: order for order in orders}, dict(world.drains))
        self._drains.begin(turn)
        ended = self._drains.advance(turn)
        self._change_programs(turn, ended)
        return turn.report

    def _change_programs(self, turn: Turn, ended: frozenset[str]) -> None:
        """Take out whose process has ended, put in who is to start, finish what was cut short."""
        new = _new_names(turn)
        if not ended and not _change(turn, ended, new):
            self._refused_until = float("-inf")
            return
        if turn.now >= self._refused_until:
            self._refusal = self._attempt(turn, ended, new)
            self._refused_until = turn.now + RETRY_REFUSED if self._refusal else float("-inf")
        if self._refusal:
            concerned = {*new, *(turn.world.workers[name].fleet for name in ended)} or set(turn.orders)
            for fleet in sorted(concerned):
                turn.report.failed(fleet, self._refusal)

    def _attempt(self, turn: Turn, ended: frozenset[str], new: Mapping[str, list[str]]) -> str:
        """Change the programs; return why not, if not."""
        try:
            self._apply(turn, ended, new)
        except TargetError as error:
            return str(error)
        return ""

    def _apply(self, turn: Turn, ended: frozenset[str], new: Mapping[str, list[str]]) -> None:
        baseline = self._programs.baseline()
        allowed = {}
        for fleet, names in new.items():
            if taken := collisions(frozenset(names), _change(turn, ended, new), baseline):
                turn.report.failed(fleet, _taken_text(taken))
            else:
                allowed[fleet] = names
        change = _change(turn, ended, allowed)
        refused = self._programs.apply(change, baseline) if change else {}
        self._drains.strike(turn, ended - frozenset(refused))
        _report_change(turn, change, refused)


def _new_names(turn: Turn) -> dict[str, list[str]]:
    """Names for the workers to start, by fleet: the lowest numbers that none of ours has."""
    taken = frozenset(turn.world.sections) | frozenset(turn.drains)
    return {order.fleet: _free_names(order, taken) for order in turn.orders.values() if order.start > 0}


def _free_names(order: Order, taken: frozenset[str]) -> list[str]:
    names = (worker_name(order.fleet, number) for number in count(1))
    return list(islice((name for name in names if name not in taken), order.start))


def _change(turn: Turn, ended: frozenset[str], new: Mapping[str, list[str]]) -> Change:
    before = turn.world.sections
    after = {name: text for name, text in before.items() if name not in ended}
    for fleet, names in new.items():
        after |= {name: _section(turn.orders[fleet], name) for name in names}
    return Change(before, after, frozenset(turn.world.processes), leftover=ended - frozenset(before))


def _section(order: Order, name: str) -> str:
    if order.section is None:
        raise TargetError(f"fleet {order.fleet} is not in the config, so {name} cannot be started")
    return order.section(name)


def _taken_text(taken: frozenset[str]) -> str:
    names = ", ".join(sorted(taken))
    return (
        f"somebody else's program is called {names} (it is not in our programs file), and only our own are "
        "touched: rename the fleet, or take that program out of supervisord's configuration"
    )


def _report_change(turn: Turn, change: Change, refused: Mapping[str, str]) -> None:
    for name in sorted(change.add - frozenset(refused)):
        turn.report.did(f"{name}: started")
    for name in sorted(frozenset(change.before) - frozenset(change.after) - frozenset(refused)):
        turn.report.did(f"{name}: removed")
    for name, text in refused.items():
        worker = parse_worker_name(name)
        turn.report.failed(worker[0] if worker else name, f"{name}: {text}")
