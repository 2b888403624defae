"""The demand of each fleet: tasks that could start now, and tasks that run.

    ready    = sum over the fleet's queues of  messages ready x the fleet's share of the queue
    reserved = tasks that its serving workers hold, due, but have not started
    running  = tasks that its serving workers run

This is RabbitMQ's ``ready + unacknowledged - scheduled - active``, counted from the workers' own side.
So it does not depend on two sources having looked at the same moment, nor on messages that foreign
consumers hold, and early and late acknowledgement make no difference. ETA tasks that are not due
(``scheduled``) never count. What draining workers hold they do themselves, and nobody else can get it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from autoscaler.model import (
    SERVING,
    STARTED_WITHIN,
    Demand,
    Known,
    QueueStats,
    Reading,
    Unknown,
    Worker,
    WorkerState,
    WorkerStats,
)


@dataclass(frozen=True, slots=True)
class Reader:
    """A fleet as a reader of queues."""

    fleet: str
    queues: tuple[str, ...]
    #: Slots that it may have at most: max_workers x concurrency.
    max_slots: int


def fleet_demands(
    now: float,
    readers: Sequence[Reader],
    queues: Mapping[str, Reading[QueueStats]],
    workers: Sequence[Worker],
) -> dict[str, Demand]:
    """The demand of every fleet.

    Fleets that read one queue share its messages in proportion to the slots that each may have.

    Parameters
    ----------
    now : seconds; when a queue that nobody looked at is said to be unknown.
    readers : one a fleet.
    queues : by name; a queue that is not in it is unknown.
    workers : of all fleets, in any state; those of fleets that are no readers are ignored.

    Returns
    -------
    By fleet name. `Demand.unknown` has a sentence for each queue that could not be seen and for each
    worker that is silent and may hold reserved tasks. One that has just started holds none, for
    `STARTED_WITHIN` seconds.
    """
    slots = _slots_by_queue(readers)
    serving = _serving_by_fleet(workers)
    return {
        reader.fleet: _demand(
            {queue: _share(reader, slots[queue]) for queue in reader.queues},
            {queue: queues.get(queue, Unknown("was not looked at", now)) for queue in reader.queues},
            serving.get(reader.fleet, []),
            now,
        )
        for reader in readers
    }


def _slots_by_queue(readers: Iterable[Reader]) -> dict[str, int]:
    slots: dict[str, int] = {}
    for reader in readers:
        for queue in dict.fromkeys(reader.queues):
            slots[queue] = slots.get(queue, 0) + reader.max_slots
    return slots


def _share(reader: Reader, all_slots: int) -> float:
    # All readers have no slots at all: nobody may work on the queue, so nobody has demand from it.
    return reader.max_slots / all_slots if all_slots else 0.0


def _serving_by_fleet(workers: Iterable[Worker]) -> dict[str, list[Worker]]:
    serving: dict[str, list[Worker]] = {}
    for worker in workers:
        if worker.state in SERVING:
            serving.setdefault(worker.fleet, []).append(worker)
    return serving


def _demand(
    shares: Mapping[str, float],
    queues: Mapping[str, Reading[QueueStats]],
    workers: Sequence[Worker],
    now: float,
) -> Demand:
    stats = [worker.stats.value for worker in workers if isinstance(worker.stats, Known)]
    return Demand(
        ready=sum(
            shares[name] * queue.value.ready for name, queue in queues.items() if isinstance(queue, Known)
        ),
        reserved=sum(each.reserved for each in stats),
        running=sum(_running(each) for each in stats),
        unknown=(*_unseen(queues), *_silent(workers, now)),
    )


def _running(stats: WorkerStats) -> int:
    return len(stats.active)


def _unseen(queues: Mapping[str, Reading[QueueStats]]) -> Iterator[str]:
    for name, queue in queues.items():
        if isinstance(queue, Unknown):
            yield f"queue {name}: {queue.error}"


def _silent(workers: Iterable[Worker], now: float) -> Iterator[str]:
    for worker in workers:
        if isinstance(worker.stats, Unknown) and not _is_starting(worker, now):
            yield f"worker {worker.name}: {worker.stats.error}"


def _is_starting(worker: Worker, now: float) -> bool:
    """Whether nothing is to be expected of it yet; after a while its silence means that we cannot see."""
    fresh = worker.pid is None or now - worker.since <= STARTED_WITHIN
    return worker.state is WorkerState.STARTING and fresh
