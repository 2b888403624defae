"""The steps from a fleet's size to its desired size: restore, start and drain.

Draining workers are taken back before new ones start. A fleet never has more processes than
max_workers all together, so new workers wait for draining ones to end where there is no room.
A fleet whose settings changed has one worker more than its size while a new one stands in for an old one.
A worker that an operator takes out of service goes before any other; it counts as held from then on.
Held workers belong to the operator: they are never drained, and while the fleet grows they count, so
that nobody starts a replacement. While it shrinks they do not: the last worker in service stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from autoscaler.decide.case import Case, Course, is_rolling
from autoscaler.decide.pace import max_scale_up
from autoscaler.decide.victims import order, restore_order
from autoscaler.model import SERVING, STARTED_WITHIN, Known, Reason, Worker, WorkerState
from autoscaler.text import count

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
        return _shrink(case, desired, serving, calm=calm)
    return Plan() if case.paused else _roll(case, starts, calm=calm)


def _called_out(worker: Worker) -> Reason:
    who = worker.hold.attribution if worker.hold is not None else ""
    return Reason("drain", f"{worker.name} is taken out of service{who}")


def _grow(case: Case, desired: int, starts: int) -> Plan:
    missing = desired - case.current
    workers = case.situation.workers
    restore = names(restore_order(workers)[:missing])
    needed = missing - len(restore)
    alive = sum(worker.state is not WorkerState.FAILED for worker in workers)
    room = _room(case)
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


def _shrink(case: Case, desired: int, serving: Sequence[Worker], *, calm: bool) -> Plan:
    """Drain what serves beyond the size. A held worker is not in service: it is the first to be spared.

    Amid a roll the new worker that starts is beyond it on purpose, and no old one goes for it yet.
    """
    surplus = len(serving) - desired
    coming = _coming(serving) if desired else None
    ranked = _outdated_first(each for each in serving if each is not coming)
    drain = names(ranked[: surplus - (coming is not None)])
    if coming is not None:
        return Plan(drain=drain, reasons=(_stands_in(coming, case.now),))
    if desired and surplus == 1 and is_rolling(serving):
        return _finish_one(ranked[0], serving, calm=calm)
    if desired != case.size:
        return Plan(drain=drain)
    return Plan(drain=drain, reasons=(Reason("surplus", f"{len(serving)} serve, {desired} wanted"),))


def _finish_one(victim: Worker, serving: Sequence[Worker], *, calm: bool) -> Plan:
    """Drain the old worker for which a new one has come up, unless the new ones crash or it is silent."""
    outdated = [worker for worker in serving if worker.outdated]
    if victim.state is WorkerState.STARTING or (calm and not _is_silent(victim)):
        return _replace(victim, outdated, serving)
    why = "it does not answer" if calm else "workers crash"
    return Plan(reasons=(Reason("roll", f"{victim.name} is to be replaced and stays for now: {why}"),))


def _stands_in(coming: Worker, now: float) -> Reason:
    what = "does not come up" if _never_came_up(coming, now) else "starts"
    return Reason("roll", f"{coming.name} {what} with the new settings: the others serve on")


def _outdated_first(workers: Iterable[Worker]) -> list[Worker]:
    """The first to drain first: those that are of no use yet, then those that are to go in any case."""
    return sorted(
        order(workers), key=lambda each: (each.state is not WorkerState.STARTING, not each.outdated)
    )


def _coming(serving: Sequence[Worker]) -> Worker | None:
    """The worker that starts with new settings while others serve with old ones."""
    if not any(each.outdated and each.state is not WorkerState.STARTING for each in serving):
        return None
    starting = (each for each in serving if each.state is WorkerState.STARTING and not each.outdated)
    return min(starting, key=lambda each: (each.since, each.name), default=None)


def _roll(case: Case, starts: int, *, calm: bool) -> Plan:
    """Replace one worker whose settings changed: start the new one first where there is room for it.

        start one -- it answers --> one too many: an old one is drained -- it has gone --> the next

    Where there is no room, one is drained first, and the next decision finds it missing.

    One at a time, only when the fleet is at rest, and only as long as no worker with the new settings
    has failed: a bad setting must not take the fleet down. Those that never came up go
    first, and whatever else goes on: they may be the ones that the new settings are to mend.
    """
    workers = case.situation.workers
    outdated = [each for each in workers if each.outdated and each.state in SERVING]
    broken = [each for each in outdated if _never_came_up(each, case.now)]
    if broken:
        return _replace(order(broken)[0], outdated, workers)
    known = order(each for each in outdated if not _is_silent(each))
    if not (known and calm and _at_rest(workers)):
        return Plan()
    held = any(worker.state is WorkerState.HELD for worker in workers)
    # A held worker counts towards the size, so that one too many could not be told from it.
    if starts > 0 and not held and _room(case) > 0:
        return _start_first(case, outdated)
    return _replace(known[0], outdated, workers) if _leaves_somebody(workers) else Plan()


def _start_first(case: Case, outdated: Sequence[Worker]) -> Plan:
    if max_scale_up(case, Course(case.size + 1)).workers <= case.size:
        return Plan()
    total = len(case.situation.workers)
    text = f"one starts with the new settings, {len(outdated)} of {total} to be replaced: settings changed"
    return Plan(start=1, reasons=(Reason("roll", text),))


def _replace(victim: Worker, outdated: Sequence[Worker], workers: Sequence[Worker]) -> Plan:
    text = f"{victim.name} goes, {len(outdated)} of {len(workers)} to be replaced: its settings changed"
    return Plan(drain=(victim.name,), reasons=(Reason("roll", text),))


def _room(case: Case) -> int:
    """Processes that there may be beside those that are."""
    alive = sum(worker.state is not WorkerState.FAILED for worker in case.situation.workers)
    return max(0, case.scaling.max_workers - alive)


def _is_silent(worker: Worker) -> bool:
    """Whether it may hold anything; one that starts holds nothing yet."""
    return worker.state is not WorkerState.STARTING and not isinstance(worker.stats, Known)


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
