"""The output of `autoscaler simulate --recommend`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from autoscaler.cli.simulated import with_keys
from autoscaler.cli.terminal import console as terminal
from autoscaler.cli.terminal import show
from autoscaler.config import Fleet
from autoscaler.errors import OutOfTime
from autoscaler.model import Scaling
from autoscaler.text import count
from autoscaler.tools.simulate.load import Load
from autoscaler.tools.simulate.ours import Ours
from autoscaler.tools.simulate.outcome import Outcome
from autoscaler.tools.simulate.recommend import Choice, Tried, best, cheapest, search
from autoscaler.tools.simulate.run import simulate
from autoscaler.tools.simulate.setting import Setting
from autoscaler.tools.simulate.table import as_json

_HEADERS = ("", "SETTINGS", "TOO LATE", "P95", "HOURS", "STARTS", "PEAK")


def recommend(
    path: Path,
    fleet: Fleet,
    load: Load,
    setting: Setting,
    *,
    allowed: float,
    budget: float,
    as_data: bool,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Search, with progress on stderr, and print the table and the keys to paste.

    Parameters
    ----------
    path : of the config file; every choice is validated as if it stood there.
    allowed : share of tasks that may wait too long, 0..1.
    budget : seconds after which the run under way is broken off, and no other choice is tried.
    clock : seconds, monotonic.

    Raises
    ------
    OutOfTime : not even one run was done within the budget.
    """
    ends = clock() + budget

    def run(choice: Choice | None) -> Outcome:
        scaling = fleet.scaling if choice is None else scaling_of(path, fleet.name, choice)
        bounds = replace(setting, min_workers=scaling.min_workers, max_workers=scaling.max_workers)
        return simulate(load, bounds, Ours(scaling, fleet.name), out_of_time=lambda: clock() >= ends)

    tried = list(_until_out_of_time(budget, search(load, setting, run, allowed)))
    chosen = best(tried, allowed)
    if as_data:
        Console().print_json(data=_data(tried, chosen))
        return
    console = terminal()
    show(console, _table(tried, chosen))
    console.print(
        "\n" + _advice(fleet.name, chosen, cheapest(tried, allowed), setting, allowed),
        soft_wrap=True,
        markup=False,
    )


def scaling_of(path: Path, fleet: str, choice: Choice) -> Scaling:
    """What a choice would be in this config file; None of its keys can be wrong there and pass here."""
    return with_keys(path, fleet, choice.keys).fleets[fleet].scaling


def _until_out_of_time(budget: float, tries: Iterator[Tried]) -> Iterator[Tried]:
    """The tries that are done in time, told one by one; at least one."""
    number = 0
    try:
        for number, tried in enumerate(tries, start=1):
            late = f"{tried.outcome.violations:.2%} too late"
            click.echo(f"{number:3d}  {_told(tried)}: {late}, {tried.outcome.worker_hours:.2f} h", err=True)
            yield tried
    except OutOfTime as error:
        if not number:
            text = f"not one run on this load was done within {budget:g} s: --budget gives it longer"
            raise OutOfTime(text) from error
        click.echo(f"stopped after {budget:g} s; --budget gives it longer", err=True)


def _told(tried: Tried) -> str:
    if tried.choice is None:
        return "as it is"
    keys = dict(tried.choice.keys)
    window = f", over {keys['stabilization']}" if "stabilization" in keys else ""
    return f"{keys['scale'].strip('{}')}, {keys['min_workers']}-{keys['max_workers']}{window}"


def _table(tried: Sequence[Tried], chosen: Tried | None) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in _HEADERS:
        left = header in ("", "SETTINGS")
        table.add_column(header, justify="left" if left else "right", no_wrap=True)
    for each in tried:
        of = each.outcome
        figures = (f"{of.violations:.2%}", f"{of.wait_p95:.1f} s", f"{of.worker_hours:.2f}")
        table.add_row("*" if each is chosen else "", _told(each), *figures, str(of.starts), str(of.peak))
    return table


def _advice(fleet: str, chosen: Tried | None, least: Tried | None, setting: Setting, allowed: float) -> str:
    promise = f"at most {100 * allowed:.3g} % of the tasks wait longer than {setting.wait:g} s"
    if chosen is None:
        return f"With none of these settings {promise}."
    hours = _figures(chosen)
    if least is not None and least is not chosen:
        hours += f"; the least worker-hours would be {_figures(least)} ({_told(least)})"
    if chosen.choice is None:
        return f"Leave it as it is: {promise}, at {hours}."
    found = "\n".join(f"    {line}" for line in yaml_lines(chosen.choice))
    why = "It was found on this load alone; another one may need other numbers."
    return f"With * {promise}, at {hours}. {why}\n\nfleets:\n  {fleet}:\n{found}"


def _figures(tried: Tried) -> str:
    return f"{tried.outcome.worker_hours:.2f} worker-hours and {count(tried.outcome.starts, 'start')}"


def yaml_lines(choice: Choice) -> list[str]:
    """The fleet's keys as they stand in the file."""
    return [f"{key}: {value}" for key, value in choice.keys.items()]


def _data(tried: Sequence[Tried], chosen: Tried | None) -> dict[str, object]:
    def one(each: Tried) -> dict[str, object]:
        keys = None if each.choice is None else each.choice.keys
        return {"keys": keys, "chosen": each is chosen, **as_json(each.outcome)}

    return {"tried": [one(each) for each in tried]}
