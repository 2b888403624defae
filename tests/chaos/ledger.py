"""What became of every task: from the publisher's list, the tasks' own journal and the injected faults.

Nothing here comes from the daemon. A task counts as accepted once the broker has confirmed it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

#: Ends of one attempt.
ENDS = frozenset({"done", "again"})
#: Seconds around a fault in which what it caused may show: an acknowledgement that was still on its way.
SLACK = 3.0


@dataclass(frozen=True, slots=True)
class Published:
    """One task that was sent."""

    id: str
    fleet: str
    #: Name of the task: early, late, retried, soft_limit, hard_limit.
    kind: str
    at: float
    #: Whether it was to wait for its time in the worker: at TERM such a message goes back to the broker.
    countdown: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal."""

    id: str
    #: 0, 1, ... as Celery counts retries.
    attempt: int
    #: begin, done (for good) or again (it asked for another try).
    event: str
    at: float
    #: Of the process that ran it: a prefork child, else the worker itself.
    pid: int
    parent: int
    node: str
    #: Times that a quorum queue has delivered it before.
    deliveries: int


@dataclass(frozen=True, slots=True)
class Window:
    """One injected fault."""

    fault: str
    began: float
    #: When it was taken away again.
    ended: float
    #: When everything served again; None: it never did.
    recovered: float | None
    #: Processes that it ended at once, at any time from `began` to `ended`.
    killed: frozenset[int] = frozenset()
    #: Whether it makes the broker hand out messages again that have begun: connections were lost.
    redelivers: bool = False
    #: Whether workers stop by it in a warm shutdown: what they have not begun goes back to the broker.
    returns: bool = False
    #: Whether the workers cannot reach the broker while it lasts.
    away: bool = False
    #: Whether neither queues nor workers can be seen by the daemon while it lasts.
    blind: bool = False
    #: What did not come back, if anything.
    failure: str = ""
    #: What was done to whom, for the history.
    detail: str = ""


@dataclass(slots=True)
class Account:
    """What became of a number of tasks."""

    published: int = 0
    done: int = 0
    #: Accepted, and neither done nor ended by a fault that is meant to lose it.
    lost: list[str] = field(default_factory=list)
    #: Acknowledged early and ended with a process that a fault killed: that is what early ack means. Or
    #: its worker could not send the message of its next try, which the broker has therefore never accepted.
    ended_by_fault: int = 0
    #: Attempts that ran more than once, all of them.
    run_twice: int = 0
    #: Those of them that no fault explains.
    unexplained: list[str] = field(default_factory=list)
    #: Attempts that began, never ended, and whose process no fault killed.
    killed_busy: list[str] = field(default_factory=list)
    #: Tasks without a countdown that a quorum queue delivered again without any fault to explain it.
    redelivered: list[str] = field(default_factory=list)


def read_entries(lines: Iterable[str]) -> list[Entry]:
    """Read journal lines."""
    return [Entry(**json.loads(line)) for line in lines]


def account(
    published: Mapping[str, Published], entries: Iterable[Entry], windows: Sequence[Window]
) -> Account:
    """Count what became of the accepted tasks.

    Parameters
    ----------
    published : accepted tasks by id.
    entries : the journal, in the order in which it was written.
    windows : every fault that was injected into this system.
    """
    by_task: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_task[entry.id].append(entry)
    result = Account(published=len(published))
    for task in published.values():
        _judge(task, by_task.get(task.id, []), windows, result)
    return result


def _judge(task: Published, entries: Sequence[Entry], windows: Sequence[Window], result: Account) -> None:
    begins = [entry for entry in entries if entry.event == "begin"]
    if _is_done(task, entries):
        result.done += 1
    elif _ended_by_fault(task, entries, begins, windows):
        result.ended_by_fault += 1
    else:
        result.lost.append(_words(task, begins))
    _judge_attempts(task, entries, begins, windows, result)
    risen = any(begin.deliveries for begin in begins)
    if risen and not task.countdown and not _redelivered_by_fault(task, begins, windows):
        result.redelivered.append(_words(task, begins))


def _judge_attempts(
    task: Published,
    entries: Sequence[Entry],
    begins: Sequence[Entry],
    windows: Sequence[Window],
    result: Account,
) -> None:
    ended = {(each.attempt, each.pid) for each in entries if each.event in ENDS}
    for begin in begins:
        unended = (begin.attempt, begin.pid) not in ended and task.kind != "hard_limit"
        if unended and not _killed_by_fault(begin, windows):
            result.killed_busy.append(_words(task, [begin]))
    for attempt in {begin.attempt for begin in begins}:
        runs = [begin for begin in begins if begin.attempt == attempt]
        if len(runs) > 1:
            result.run_twice += 1
            if not all(_explained(run, runs[-1].at, windows) for run in runs[:-1]):
                result.unexplained.append(_words(task, runs))


def _is_done(task: Published, entries: Sequence[Entry]) -> bool:
    if task.kind == "hard_limit":
        return bool(entries)
    return any(entry.event == "done" for entry in entries)


def _fault_ended(task: Published, begins: Sequence[Entry], windows: Sequence[Window]) -> bool:
    """Whether a task acknowledged early went down with a process that a fault killed.

    One that never began may have been acknowledged an instant before it would have.
    """
    if not begins:
        return any(window.killed and window.ended >= task.at for window in windows)
    return any(_killed_by_fault(begin, windows) for begin in begins)


def _ended_by_fault(
    task: Published, entries: Sequence[Entry], begins: Sequence[Entry], windows: Sequence[Window]
) -> bool:
    if task.kind == "retried":
        return _could_not_ask_again(entries, windows)
    return task.kind == "early" and _fault_ended(task, begins, windows)


def _could_not_ask_again(entries: Sequence[Entry], windows: Sequence[Window]) -> bool:
    """Whether a worker asked for another try while the broker was away: celery gives such a task up."""
    asked = max((entry.at for entry in entries if entry.event == "again"), default=None)
    return asked is not None and any(
        window.away and window.began - SLACK <= asked <= window.ended + SLACK for window in windows
    )


def _killed_by_fault(begin: Entry, windows: Sequence[Window]) -> bool:
    return any(begin.pid in window.killed and window.ended >= begin.at - SLACK for window in windows)


def _explained(run: Entry, again: float, windows: Sequence[Window]) -> bool:
    """Whether a fault made the broker hand out a message again between two runs of it."""
    return any(
        window.began - SLACK <= again
        and run.at <= (window.recovered or window.ended) + SLACK
        and (window.redelivers or {run.pid, run.parent} & window.killed)
        for window in windows
    )


def _redelivered_by_fault(task: Published, begins: Sequence[Entry], windows: Sequence[Window]) -> bool:
    last = begins[-1].at
    return any(
        window.began - SLACK <= last
        and task.at <= (window.recovered or window.ended) + SLACK
        and (window.redelivers or window.returns or window.killed)
        for window in windows
    )


def _words(task: Published, begins: Sequence[Entry]) -> str:
    runs = ", ".join(f"{each.node} pid {each.pid} at {each.at:.2f} try {each.attempt}" for each in begins)
    return f"{task.kind} {task.id} of {task.fleet}, published at {task.at:.2f}: " + (runs or "never began")
