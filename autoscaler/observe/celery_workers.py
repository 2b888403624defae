"""The tasks and queues of Celery workers, by their answers over remote control.

    active_queues, scheduled, reserved, active, stats   (asked in this order)
        -> one reply a node and command -> WorkerStats, or Unknown with the reason

The order carries two promises, because a worker handles its control messages one after another:

* A task only ever moves scheduled -> reserved -> active -> done. Asked in the direction in which it moves,
  it is seen at least once (asked the other way round it can slip through between two questions), and by
  its id it is counted once.
* Celery stops consuming synchronously: when `active_queues` no longer names a queue, everything that the
  broker had delivered from it has been received. So a reply "no queues" together with "nothing reserved,
  nothing active" means that nothing is left and nothing can come. The drain rests on this.

Source: `celery.worker.control`, `celery.worker.state` and `Consumer.cancel_task_queue`, celery 5.7.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from autoscaler.errors import SourceError
from autoscaler.model import ActiveTask, Known, Reading, Unknown, WorkerStats
from autoscaler.net.celery_control import Command, Replies
from autoscaler.net.deadline import Deadline
from autoscaler.text import moment, plain, shown

#: Larger pids do not exist (PID_MAX_LIMIT is 2**22).
MAX_PID = 2**22

#: No count and no time reaches this.
LARGEST = 2**53

#: Seconds of silence after which a worker that had answered may be stuck.
STUCK_AFTER = 60.0

#: Asked of every worker, in this order.
STATS = (
    Command("scheduled"),
    Command("reserved"),
    # safe: arguments as text, so that any of them can be sent.
    Command("active", {"safe": True}),
    Command("stats"),
)


class Remote(Protocol):
    """The part of `RemoteControl` that asks."""

    def ask(
        self,
        commands: Sequence[Command],
        nodes: Collection[str],
        deadline: Deadline,
        *,
        patience: float,
        awaited: Collection[str] | None,
    ) -> Replies: ...


class CeleryWorkers:
    """Inspects Celery workers.

    Parameters
    ----------
    remote : the connection to them.
    clock : seconds since the epoch.

    Not thread-safe, as `remote` is not.
    """

    def __init__(self, remote: Remote, *, clock: Callable[[], float] = time.time) -> None:
        self._remote = remote
        self._clock = clock
        #: When each node was heard last; an outage of the broker is no silence of theirs.
        self._heard: dict[str, float] = {}

    def inspect(
        self,
        nodes: Collection[str],
        deadline: Deadline,
        *,
        queues_of: Collection[str] | None = None,
        awaited: Collection[str] | None = None,
        patience: float = math.inf,
    ) -> dict[str, Reading[WorkerStats]]:
        """Ask the named nodes about themselves.

        Parameters
        ----------
        nodes : Celery node names, ``emails-01@host``.
        deadline : of connecting, asking and the answers together.
        queues_of : the nodes to ask for their queues too; None: all. The others get `queues` None.
        awaited : the nodes to wait for; None: all. The others, such as workers that are starting, get a
            moment more once these have answered.
        patience : seconds to wait for the answers once the nodes are asked, within the deadline. One busy
            worker that cannot answer makes a tick this long.

        Returns
        -------
        One reading for each node, and no others; silence and nonsense are `Unknown`. Never raises.
        """
        at = self._clock()
        with_queues = frozenset(nodes if queues_of is None else queues_of)
        commands = [Command("active_queues", nodes=with_queues), *STATS]
        try:
            replies = self._remote.ask(commands, nodes, deadline, patience=patience, awaited=awaited)
        except SourceError as exc:
            self._heard = dict.fromkeys(self._heard, at)
            return dict.fromkeys(nodes, Unknown(str(exc), at))
        heard = {node for answered in replies.values() for node in answered}
        self._heard = {
            n: at if n in heard else self._heard[n] for n in nodes if n in heard | set(self._heard)
        }
        return {node: self._reading(node, replies, node in with_queues, at) for node in nodes}

    def _reading(self, node: str, replies: Replies, with_queues: bool, at: float) -> Reading[WorkerStats]:
        by_method = {method: answered[node] for method, answered in replies.items() if node in answered}
        awaited = [method for method in replies if with_queues or method != "active_queues"]
        missing = [method for method in awaited if method not in by_method]
        if missing:
            why = silence(missing, len(missing) == len(awaited)) + self._stuck(node, at)
            return Unknown("; ".join([f"{node}: {why}", *replies.errors[:1]]), at)
        try:
            return Known(worker_stats(node, by_method), at)
        except SourceError as exc:
            return Unknown(f"{node}: {exc}", at)

    def _stuck(self, node: str, at: float) -> str:
        """What to do about a worker that has answered and is silent for long; empty if it is neither."""
        heard = self._heard.get(node, at)
        if at - heard <= STUCK_AFTER:
            return ""
        name = node.partition("@")[0]
        return (
            f"; it had answered, and is silent since {moment(heard, at)}: "
            f"unless it has a long task in a solo pool, look at its log (`supervisorctl tail {name}`), "
            f"and `supervisorctl restart {name}` if it is stuck"
        )


def silence(missing: Collection[str], all_of_it: bool) -> str:
    """What a worker's silence means, in words."""
    if all_of_it:
        return "no reply in time: starting, busy in a pool that cannot answer (solo), or gone"
    return f"no reply to {', '.join(missing)} in time"


# --- replies to values ------------------------------------------------------------------------------------


def worker_stats(node: str, replies: Mapping[str, Any]) -> WorkerStats:
    """One worker's replies as a value.

    Parameters
    ----------
    replies : by method; `scheduled`, `reserved`, `active`, `stats`, and `active_queues` if it was asked.

    Raises
    ------
    SourceError : if a reply is an error of the worker's, or not of the shape that Celery gives it.
    """
    stats = mapping(replies["stats"], "stats")
    active = tuple(active_task(entry) for entry in entries(replies, "active"))
    begun = {task.id for task in active}
    reserved = {text(entry, "id", "reserved") for entry in entries(replies, "reserved")} - begun
    scheduled = {scheduled_id(entry) for entry in entries(replies, "scheduled")} - reserved - begun
    return WorkerStats(
        node=node,
        pid=whole(stats, "pid", "stats", least=1, most=MAX_PID),
        slots=slots(mapping(stats.get("pool"), "stats.pool")),
        accepted=accepted(mapping(stats.get("total"), "stats.total")),
        active=active,
        reserved=len(reserved),
        scheduled=len(scheduled),
        queues=consumed(replies),
    )


def slots(pool: Mapping[str, Any]) -> int:
    """Tasks that a pool runs at once; `pool_grow` adds processes and leaves max-concurrency as it was."""
    processes = pool.get("processes")
    grown = len(processes) if isinstance(processes, list) else 0
    return max(whole(pool, "max-concurrency", "stats.pool", least=1), grown)


def consumed(replies: Mapping[str, Any]) -> frozenset[str] | None:
    """The queues that it takes from; None if it was not asked."""
    if "active_queues" not in replies:
        return None
    return frozenset(text(entry, "name", "active_queues") for entry in entries(replies, "active_queues"))


def active_task(entry: Mapping[str, Any]) -> ActiveTask:
    """One running task."""
    acknowledged = entry.get("acknowledged")
    if not isinstance(acknowledged, bool):
        raise SourceError(f"active: acknowledged is {shown(acknowledged)}, not true or false")
    return ActiveTask(
        # Both are shown, and whoever publishes a task has made them up.
        id=plain(text(entry, "id", "active")),
        name=plain(text(entry, "name", "active")),
        started_at=_time_in(entry, "time_start"),
        acknowledged=acknowledged,
    )


def _time_in(entry: Mapping[str, Any], key: str) -> float | None:
    """The time `entry[key]`; None if it is not there."""
    value = entry.get(key)
    if value is None:
        return None
    # The comparison also turns away NaN and what does not fit a float.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LARGEST:
        raise SourceError(f"active: {key} is {shown(value)}, not a time")
    return float(value)


def scheduled_id(entry: Mapping[str, Any]) -> str:
    """The id of one task that waits for its ETA."""
    return text(mapping(entry.get("request"), "scheduled.request"), "id", "scheduled.request")


def accepted(total: Mapping[str, Any]) -> int:
    """Tasks accepted by all names together."""
    return sum(whole(total, name, "stats.total", least=0) for name in total)


def entries(replies: Mapping[str, Any], method: str) -> list[Mapping[str, Any]]:
    """A reply that is to be a list of mappings."""
    reply = replies[method]
    if isinstance(reply, dict) and "error" in reply:
        raise SourceError(f"{method}: the worker says {shown(reply['error'])}")
    if not isinstance(reply, list):
        raise SourceError(f"{method}: the reply is {shown(reply)}, not a list")
    return [mapping(entry, method) for entry in reply]


def mapping(value: object, where: str) -> Mapping[str, Any]:
    """`value`, which is to be a mapping."""
    if not isinstance(value, dict):
        raise SourceError(f"{where}: {shown(value)} is not a mapping")
    return value


def text(entry: Mapping[str, Any], key: str, where: str) -> str:
    """The non-empty text `entry[key]`."""
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise SourceError(f"{where}: {key} is {shown(value)}, not a name")
    return value


def whole(entry: Mapping[str, Any], key: str, where: str, *, least: int, most: int = LARGEST) -> int:
    """The whole number `entry[key]` within its bounds."""
    value = entry.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise SourceError(f"{where}: {plain(key, 60)} is {shown(value)}, not a whole number from {least} on")
    return value
