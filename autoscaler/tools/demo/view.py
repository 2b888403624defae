"""The view of the demo: pure functions from numbers to text and tables, and their output."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from autoscaler.http.views import FleetView
from autoscaler.tools.demo.load import Tally

#: Seconds between two lines where there is no terminal to redraw.
_LINE_EVERY = 2.0


@dataclass(frozen=True, slots=True)
class Moment:
    """All that is shown at one time."""

    #: Seconds since the load started.
    elapsed: float
    #: None: the daemon did not answer.
    fleet: FleetView | None
    tally: Tally
    #: What goes wrong just now; empty when nothing does.
    trouble: str = ""


def at_rest(fleet: FleetView) -> bool:
    """Whether a fleet has shrunk to its smallest size and no worker is on the way."""
    return {state: count for state, count in _workers(fleet).items() if count} == {
        "running": fleet.min_workers
    }


def serving(fleet: FleetView | None) -> int:
    """How many workers take tasks, as far as is known."""
    return _workers(fleet).get("running", 0) if fleet else 0


def _workers(fleet: FleetView) -> Mapping[str, int]:
    return fleet.workers or {}


def line(moment: Moment) -> str:
    """One line for a log."""
    counts = moment.tally
    done = f"{counts.done}/{counts.published} done"
    return f"{moment.elapsed:5.1f}s  {_fleet_line(moment.fleet)}; {done}"


def _fleet_line(fleet: FleetView | None) -> str:
    if fleet is None:
        return "the daemon does not answer"
    states = ", ".join(f"{count} {state}" for state, count in _workers(fleet).items() if count) or "none"
    workers = "?" if fleet.workers is None else states
    return f"waiting {_waiting(fleet)}, running {_running(fleet)}; workers: {workers}"


def table(moment: Moment) -> Table:
    """The same for a terminal that redraws."""
    shown = Table(title=f"autoscaler demo · {moment.elapsed:.0f} s", title_justify="left", show_header=False)
    shown.add_column(style="bold")
    shown.add_column(min_width=60)
    for row in _rows(moment):
        shown.add_row(*row)
    return shown


def _rows(moment: Moment) -> Iterator[tuple[str, str]]:
    counts, fleet = moment.tally, moment.fleet
    if fleet is None:
        yield "fleet", "the daemon does not answer"
    else:
        waiting = fleet.demand.waiting if fleet.demand else 0
        yield "waiting", f"{_waiting(fleet):>5} {bar(waiting, 240, 40)}"
        yield "running", f"{_running(fleet):>5}"
        bounds = f"{fleet.min_workers} to {fleet.max_workers}"
        yield "workers", f"{_dots(fleet)}  (wanted {_number(fleet.desired)}, allowed {bounds})"
        yield "why", escape(fleet.reasons[-1].text if fleet.reasons else "")
    yield "done", f"{counts.done:>5} of {counts.published} tasks"
    if moment.trouble:
        yield "trouble", escape(moment.trouble)


def bar(value: float, full: float, width: int) -> str:
    """A bar of at most `width` characters."""
    return "█" * round(min(value / full, 1) * width)


def _dots(fleet: FleetView) -> str:
    marks = {"running": "●", "draining": "◐", "restoring": "◐", "stopping": "◌", "starting": "○"}
    order = [*marks, *sorted(_workers(fleet).keys() - marks.keys())]
    shown = [marks.get(state, "✗") for state in order for _ in range(_workers(fleet).get(state, 0))]
    return "?" if fleet.workers is None else " ".join(shown) or "-"


def _waiting(fleet: FleetView) -> str:
    if fleet.demand is None:
        return "?"
    return f"{'≥' if fleet.demand.unknown else ''}{fleet.demand.waiting:.0f}"


def _running(fleet: FleetView) -> str:
    return _number(fleet.demand.running if fleet.demand else None)


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:g}"


def summary(counts: Tally, peak: int, *, interrupted: bool) -> Table:
    """The closing summary.

    Parameters
    ----------
    peak : most workers that took tasks at one time.
    interrupted : it was stopped before the tasks could finish.
    """
    shown = Table(title="Summary", title_justify="left", show_header=False)
    wait = "-" if counts.longest_wait is None else f"{counts.longest_wait:.1f} s"
    rows = {
        "tasks published": str(counts.published),
        "done": str(counts.done),
        "not done when stopped" if interrupted else "lost": str(counts.lost),
        "run twice": str(counts.run_twice),
        "workers at peak": str(peak),
        "longest wait": wait,
    }
    shown.add_column()
    shown.add_column(justify="right")
    for label, value in rows.items():
        shown.add_row(label, value)
    return shown


@contextmanager
def screen(console: Console) -> Iterator[Callable[[Moment], None]]:
    """Give a function that shows a moment: a table that redraws on a terminal, lines elsewhere."""
    if not console.is_terminal:
        yield _Lines(console).show
        return
    with Live(console=console, refresh_per_second=8) as live:
        yield lambda moment: live.update(table(moment))


class _Lines:
    """Prints a line every two seconds and whenever the workers change, and each new trouble once."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0
        self._workers: Mapping[str, int] | None = None
        self._trouble = ""

    def show(self, moment: Moment) -> None:
        workers = moment.fleet.workers if moment.fleet else None
        if moment.elapsed >= self._next or workers != self._workers:
            self._print(line(moment))
            self._next, self._workers = moment.elapsed + _LINE_EVERY, workers
        if moment.trouble not in ("", self._trouble):
            self._print(f"        {moment.trouble}")
        self._trouble = moment.trouble

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)
