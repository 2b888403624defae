"""The table: what every fault did, by the observer's figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise

from chaos.faults import FAULTS
from chaos.ledger import Account, Window, account
from chaos.shrinks import shrinks, wrong
from chaos.stagehand import Stagehand
from chaos.stuck import FAULT, GRACE, WHAT
from chaos.theatre import TARGET

#: What the faults do not cover, and why.
NOTES = (
    "A task belongs to the fault that was the latest when it was published.",
    "Run twice: the broker handed a message out again because of an injected fault (a killed process, a lost "
    "connection, an operator's stop); one that no fault explains is a failure.",
    "Ended by a fault: acknowledged before it ran (early ack), in a process that a fault killed; or its "
    "worker could not publish its retry while the broker was away, so that the broker never accepted it.",
    f"Celery's worker stuck after an unrecoverable error: its log says so, it lives on for {GRACE:g} s "
    "(gevent's ConcurrentObjectUseError as the broker comes back is one). It is killed as an operator would; "
    "what it held is explained by that. A defect of celery's, no failure of the daemon.",
    "The state is never on a read-only disk: Linux refuses to make it so while the database is open.",
    "The wall clock is not stepped: the daemon reads it once, at its start, and counts on a monotonic clock.",
)
_HEADER = (
    "fault",
    "times",
    "published",
    "done",
    "lost",
    "ended by a fault",
    "run twice",
    "killed busy",
    "wrong shrinks",
    "longest disturbance",
)


@dataclass(slots=True)
class Row:
    """One line of the table."""

    fault: str
    what: str
    times: int = 0
    published: int = 0
    done: int = 0
    lost: int = 0
    ended_by_fault: int = 0
    run_twice: int = 0
    killed_busy: int = 0
    wrong_shrinks: int = 0
    #: Seconds from the fault's end until everything served; None: never injected, or never served again.
    longest_disturbance: float | None = None

    def add(self, other: Account, wrong_shrinks: int) -> None:
        """Add what became of the tasks of one injection."""
        self.published += other.published
        self.done += other.done
        self.lost += len(other.lost)
        self.ended_by_fault += other.ended_by_fault
        self.run_twice += other.run_twice
        self.killed_busy += len(other.killed_busy)
        self.wrong_shrinks += wrong_shrinks

    @property
    def cells(self) -> tuple[str, ...]:
        """As text."""
        took = "-" if self.longest_disturbance is None else f"{self.longest_disturbance:.1f} s"
        counts = (
            self.times,
            self.published,
            self.done,
            self.lost,
            self.ended_by_fault,
            self.run_twice,
            self.killed_busy,
            self.wrong_shrinks,
        )
        return (self.what, *map(str, counts), took)


@dataclass(slots=True)
class Result:
    """What a run showed."""

    seed: int
    #: Seconds of injecting.
    lasted: float
    rows: dict[str, Row] = field(default_factory=dict)
    #: Everything that must not be, in words.
    failures: list[str] = field(default_factory=list)
    #: Shrinks decided in all, right ones.
    shrinks: int = 0
    #: Faults that could not be injected here, and why.
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> Row:
        """All rows together."""
        total = Row("all", "**all**")
        for row in self.rows.values():
            for name in ("times", "published", "done", "lost", "ended_by_fault", "run_twice"):
                setattr(total, name, getattr(total, name) + getattr(row, name))
            total.killed_busy += row.killed_busy
            total.wrong_shrinks += row.wrong_shrinks
        took = [row.longest_disturbance for row in self.rows.values() if row.longest_disturbance is not None]
        total.longest_disturbance = max(took, default=None)
        return total


def result(hands: Sequence[Stagehand], seed: int, lasted: float, left_out: dict[str, str]) -> Result:
    """Judge every system and add it all up."""
    whole = Result(seed, lasted, left_out=left_out)
    whole.rows["none"] = Row("none", "before the first one")
    for name in sorted({window.fault for hand in hands for window in hand.windows}):
        whole.rows[name] = Row(name, FAULTS[name].what)
    if any(hand.system.stuck for hand in hands):
        whole.rows[FAULT] = Row(FAULT, WHAT)
    for hand in hands:
        _add(hand, whole)
    return whole


def _add(hand: Stagehand, whole: Result) -> None:
    load, entries = hand.system.load, hand.system.entries()
    bounds = [0.0, *(window.began for window in hand.windows), float("inf")]
    names = ["none", *(window.fault for window in hand.windows)]
    windows = [*hand.windows, *hand.system.stuck]
    found = list(shrinks(hand.system.log))
    by_task = {task.id: task for task in load.accepted.values()}
    for name, (start, end) in zip(names, pairwise(bounds), strict=True):
        part = {task.id: task for task in by_task.values() if start <= task.at < end}
        counted = account(part, [entry for entry in entries if entry.id in part], windows)
        wrongly = wrong([each for each in found if start <= each.at < end], hand.windows, load.counts, TARGET)
        whole.rows[name].add(counted, len(wrongly))
        whole.failures += _failures(counted, wrongly)
    for window in windows:
        _time(whole.rows[window.fault], window)
    whole.failures += hand.failures
    whole.failures += [f"runs twice: {each}" for each in hand.system.doubles]
    whole.shrinks += len(found)


def _failures(counted: Account, wrongly: Sequence[str]) -> list[str]:
    return [
        *(f"lost: {each}" for each in counted.lost),
        *(f"killed busy: {each}" for each in counted.killed_busy),
        *(f"run twice, no fault explains it: {each}" for each in counted.unexplained),
        *(f"delivered again, no fault explains it: {each}" for each in counted.redelivered),
        *(f"wrong shrink: {each}" for each in wrongly),
    ]


def _time(row: Row, window: Window) -> None:
    row.times += 1
    if window.recovered is not None:
        took = window.recovered - window.ended
        row.longest_disturbance = max(took, row.longest_disturbance or 0.0)


def markdown(whole: Result) -> str:
    """The table and what belongs to it."""
    rows = [_HEADER, tuple("-" if not index else "-:" for index in range(len(_HEADER)))]
    rows += [row.cells for row in (*whole.rows.values(), whole.total)]
    verdict = "nothing failed" if not whole.failures else f"{len(whole.failures)} failures"
    lines = [
        f"Seed {whole.seed}, {whole.lasted / 60:.0f} minutes, {whole.total.times} faults, "
        f"{whole.shrinks} shrinks: {verdict}.",
        "",
        *("| " + " | ".join(cells) + " |" for cells in rows),
        "",
        *NOTES,
        *(f"Left out: {name}: {why}." for name, why in whole.left_out.items()),
    ]
    if whole.failures:
        lines += ["", "Failures:", "", *(f"- {failure}" for failure in whole.failures)]
    return "\n".join(lines) + "\n"


def as_json(whole: Result) -> str:
    """All of it for machines."""
    return json.dumps(asdict(whole) | {"total": asdict(whole.total)}, indent=1) + "\n"
