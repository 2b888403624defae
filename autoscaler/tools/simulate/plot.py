"""A picture of a load and of each scaler's outcome. Needs the extra `plots`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from autoscaler.errors import ServiceUnavailable
from autoscaler.tools.simulate.elasticity import demand_curve
from autoscaler.tools.simulate.load import Load
from autoscaler.tools.simulate.outcome import Outcome
from autoscaler.tools.simulate.setting import Setting
from autoscaler.tools.simulate.table import summary

#: Points along the time axis.
_POINTS = 400
#: Told apart by people who see colours differently too (Okabe and Ito).
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def draw(path: Path, load: Load, setting: Setting, outcomes: Sequence[Outcome]) -> None:
    """Write the picture; the file's ending says which format.

    Raises
    ------
    ServiceUnavailable : matplotlib is not installed, or the file cannot be written.
    """
    figure, axes = _figure()
    end = max([load.duration, *(outcome.sizes[-1][0] for outcome in outcomes)])
    times = [end * (index + 1) / _POINTS for index in range(_POINTS)]
    _draw_load(axes[0], load, times)
    for outcome, colour in zip(outcomes, _COLOURS * len(outcomes), strict=False):
        _draw_outcome(axes, load, outcome, times, colour)
    _draw_need(axes[2], load, setting, times)
    _explain(figure, axes, load, setting, outcomes)
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise ServiceUnavailable(f"{path}: the picture cannot be written: {error}") from error


def _figure() -> tuple[Any, Any]:
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 (an extra that only this command needs)
    except ImportError as error:
        raise ServiceUnavailable("--plot needs matplotlib: pip install 'autoscaler[plots]'") from error
    figure = Figure(figsize=(11, 11), layout="constrained")
    return figure, figure.subplots(4, 1, sharex=True)


def _draw_load(axis: Any, load: Load, times: Sequence[float]) -> None:
    width = times[0]
    counts = [bisect_right(load.arrivals, t) - bisect_right(load.arrivals, t - width) for t in times]
    axis.fill_between(_minutes(times), [count / width for count in counts], step="pre", color="#999999")


def _draw_need(axis: Any, load: Load, setting: Setting, times: Sequence[float]) -> None:
    needed = demand_curve(load, setting, times)
    label = f"needed for the work of the last {setting.wait:g} s"
    axis.fill_between(_minutes(times), needed, step="pre", color="#dddddd", label=label, zorder=0)


def _draw_outcome(axes: Any, load: Load, outcome: Outcome, times: Sequence[float], colour: str) -> None:
    arrivals = load.arrivals[len(load.arrivals) - len(outcome.waits) :]
    minutes = _minutes(times)
    axes[1].plot(minutes, _waiting(arrivals, outcome.waits, times), color=colour, lw=1)
    alive = [(time, alive) for time, _, alive in outcome.sizes]
    axes[2].step(_minutes([t for t, _ in alive]), [n for _, n in alive], where="post", color=colour, lw=1)
    axes[3].plot(
        minutes, _longest(arrivals, outcome.waits, times), color=colour, lw=1, label=summary(outcome)
    )


def _waiting(arrivals: Sequence[float], waits: Sequence[float], times: Sequence[float]) -> list[int]:
    begun = sorted(arrival + wait for arrival, wait in zip(arrivals, waits, strict=True))
    return [bisect_right(arrivals, time) - bisect_right(begun, time) for time in times]


def _longest(arrivals: Sequence[float], waits: Sequence[float], times: Sequence[float]) -> list[float]:
    edges = [bisect_right(arrivals, time) for time in (0.0, *times)]
    return [max(waits[a:b], default=0.0) for a, b in pairwise(edges)]


def _explain(figure: Any, axes: Any, load: Load, setting: Setting, outcomes: Sequence[Outcome]) -> None:
    mean = f"{load.mean_service:.2g} s each on the mean"
    figure.suptitle(f"{load.name}: {len(load.arrivals)} tasks, {mean}")
    titles = (
        ("Load: tasks that arrive a second", "tasks/s"),
        ("Demand: tasks that wait for a worker", "tasks"),
        (f"Workers alive (each takes {setting.start_time:g} s to start)", "workers"),
        (f"Waits: the longest of the tasks that arrive at this time, {setting.wait:g} s wanted", "seconds"),
    )
    for axis, (title, unit) in zip(axes, titles, strict=True):
        axis.set_title(title, loc="left", fontsize=10)
        axis.set_ylabel(unit)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[3].axhline(setting.wait, color="#888888", ls="--", lw=1)
    axes[3].set_xlabel("minutes")
    axes[3].margins(x=0)
    figure.legend(loc="outside lower center", ncols=2 if len(outcomes) > 1 else 1, fontsize=9)


def _minutes(times: Sequence[float]) -> list[float]:
    return [time / 60.0 for time in times]
