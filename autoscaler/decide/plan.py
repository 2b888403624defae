"""From a size to steps: what to restore, start and drain.

Draining workers are taken back before new ones start. A fleet never has more processes than
max_workers all together, so new workers wait for draining ones to end where there is no room.
A worker that an operator takes out of service goes before any other; it counts as held from then on.
Held workers belong to the operator: they are never drained, and while the fleet grows they count, so
that nobody starts a replacement. While it shrinks they do not: the last worker in service stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from autoscaler.decide.case import Case
from autoscaler.decide.victims import order, restore_order
from autoscaler.decide.words import by, count
from autoscaler.model import SERVING, STARTED_WITHIN, Known, Reason, Worker, WorkerState

_ON_THE_WAY = frozenset(
    {WorkerState.STARTING, WorkerState.DRAINING, WorkerState.STOPPING, WorkerState.RESTORING}
)

#: Codes of the reasons that a plan gives: how a size is reached, not why it is the size.
STEPS = frozenset({"drain", "draining", "replace", "roll", "surplus"})


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps that bring a fleet to its size; never starts and drains at once, but for an operator's order."""

    start: int = 0
    restore: tuple[str, ...] = ()
    drain: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()


def plan(case: Case, desired: int, starts: int, *, calm: bool) -> Plan:
    """The steps of one decision.

    Parameters
    ----------
    desired : serving and held workers that there should be.
    starts : new workers that may start now.
    calm : whether workers that do their work may be replaced for changed settings now.
    """
    serving = [worker for worker in case.situation.workers if worker.state in SERVING]
    grown = _grow(case, desired, starts) if desired > case.current else Plan()
    if called := [worker for worker in serving if worker.hold is not None]:
        # Both: it counts, gone or not, and its drain may not begin as long as the disk is full.
        return replace(grown, drain=names(called), reasons=(*grown.reasons, *map(_called_out, called)))
    if desired > case.current:
        return grown
    if desired < len(serving):
        return _shrink(case, desired, serving)
    return Plan() if case.paused else _roll(case, calm=calm)


def _called_out(worker: Worker) -> Reason:
    who = by(worker.hold) if worker.hold is not None else ""
    return Reason("drain", f"{worker.name} is taken out of service{who}")


def _grow(case: Case, desired: int, starts: int) -> Plan:
    missing = desired - case.current
    workers = case.situation.workers
    restore = names(restore_order(workers)[:missing])
    needed = missing - len(restore)
    alive = sum(worker.state is not WorkerState.FAILED for worker in workers)
    room = max(0, case.scaling.max_workers - alive)
    reasons = (*_replacing(case, desired), *_waits(needed, room, alive))
    return Plan(start=min(needed, room, starts), restore=restore, reasons=reasons)


def _replacing(case: Case, desired: int) -> tuple[Reason, ...]:
    if desired != case.size:
        return ()
    return (Reason("replace", f"{case.current} of {count(desired)} exist"),)


def _waits(needed: int, room: int, alive: int) -> tuple[Reason, ...]:
    if needed <= room:
        return ()
    text = f"room for {room} of {count(needed, 'new worker')} until draining ones end: {alive} alive"
    return (Reason("draining", text),)


def _shrink(case: Case, desired: int, serving: Sequence[Worker]) -> Plan:
    """Drain what serves beyond the size. A held worker is not in service: it is the first to be spared."""
    drain = names(order(serving)[: len(serving) - desired])
    if desired != case.size:
        return Plan(drain=drain)
    return Plan(drain=drain, reasons=(Reason("surplus", f"{len(serving)} serve, {desired} wanted"),))


def _roll(case: Case, *, calm: bool) -> Plan:
    """Drain one worker whose settings changed; the next decision finds it missing and replaces it.

    One at a time, only when the fleet is at rest, and only as long as no worker with the new settings
    has failed: a bad setting must not take the fleet down one by one. Those that never came up go
    first, and whatever else goes on: they may be the ones that the new settings are to mend.
    """
    workers = case.situation.workers
    outdated = [each for each in workers if each.outdated and each.state in SERVING]
    broken = [each for each in outdated if _never_came_up(each, case.now)]
    others = [each for each in outdated if each not in broken]
    if not broken and not (calm and _at_rest(workers) and _leaves_somebody(workers)):
        return Plan()
    known = [each for each in others if isinstance(each.stats, Known)]
    victims = order(broken) or order(known)
    if not victims:
        return Plan()
    name = victims[0].name
    text = f"{name} goes, {len(outdated)} of {len(workers)} to be replaced: its settings changed"
    return Plan(drain=(name,), reasons=(Reason("roll", text),))


def _never_came_up(worker: Worker, now: float) -> bool:
    return worker.state is WorkerState.STARTING and now - worker.since > STARTED_WITHIN


def _leaves_somebody(workers: Sequence[Worker]) -> bool:
    """Whether somebody serves on, or the replacement will: a held worker would count as one."""
    serving = sum(worker.state in SERVING for worker in workers)
    return serving > 1 or all(worker.state is not WorkerState.HELD for worker in workers)


def _at_rest(workers: Sequence[Worker]) -> bool:
    moving = any(worker.state in _ON_THE_WAY for worker in workers)
    failed = any(worker.state is WorkerState.FAILED and not worker.outdated for worker in workers)
    return not moving and not failed


def names(workers: Sequence[Worker]) -> tuple[str, ...]:
    return tuple(worker.name for worker in workers)
