"""The answers of an old worker, and of others with the same name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autoscaler.errors import SourceError
from autoscaler.model import Known, Reading, Unknown, WorkerStats
from autoscaler.net.celery_control import Command, RemoteControl, Replies
from autoscaler.net.deadline import Deadline
from autoscaler.observe.celery_workers import STATS, worker_stats

#: Seconds for connecting to the broker, asking and all answers.
TIMEOUT = 3.0
#: Seconds that a worker has for its answer, and that others of the same name get after it.
PATIENCE = 1.0
GRACE = 0.3
#: Nobody is called so: waiting for it is waiting for a second answer of another.
_NOBODY = "nobody@autoscaler"


@dataclass(frozen=True, slots=True)
class Heard:
    """The answers of all workers of one node name, as those of one."""

    #: All their tasks and queues together; unknown unless all of them answered.
    stats: Reading[WorkerStats]
    #: Who answered.
    pids: tuple[int, ...] = ()


def hear(remote: RemoteControl, node: str, count: int, now: float) -> Heard:
    """Ask the workers that share a node name.

    Parameters
    ----------
    count : how many there are.

    Raises
    ------
    SourceError : the broker cannot be reached.
    """
    commands = [Command("active_queues"), *STATS]
    deadline = Deadline.within(TIMEOUT)
    replies = remote.ask(commands, [node, _NOBODY], deadline, patience=PATIENCE, awaited=[node], grace=GRACE)
    return heard(replies, node, count, now)


def heard(replies: Replies, node: str, count: int, now: float) -> Heard:
    """Put the answers to one question together."""
    told = {method: _all(replies, method, node) for method in replies}
    pids = tuple(pid for each in told["stats"] if isinstance(pid := _pid(each), int))
    for method, answers in told.items():
        if len(answers) != count:
            text = f"{len(answers)} of {count} workers called {node} answered {method}"
            return Heard(Unknown(text, now), pids)
    try:
        return Heard(Known(worker_stats(node, _together(told)), now), pids)
    except SourceError as error:
        return Heard(Unknown(f"{node}: {error}", now), pids)


def _pid(stats: object) -> object:
    return stats.get("pid") if isinstance(stats, dict) else None


def _all(replies: Replies, method: str, node: str) -> list[Any]:
    first = [replies[method][node]] if node in replies[method] else []
    return first + [reply for name, reply in replies.further[method] if name == node]


def _together(told: Mapping[str, list[Any]]) -> dict[str, Any]:
    """Lists joined; of `stats` one. An answer that is no list is left for the check to refuse."""
    joined: dict[str, Any] = {"stats": told["stats"][0]}
    for method, answers in told.items():
        if method == "stats":
            continue
        odd = [answer for answer in answers if not isinstance(answer, list)]
        joined[method] = odd[0] if odd else [entry for answer in answers for entry in answer]
    return joined
