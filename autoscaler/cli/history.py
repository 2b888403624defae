"""`autoscaler history`: past decisions and samples of a fleet."""

from __future__ import annotations

import time
from pathlib import Path

import click
from rich.console import Console

from autoscaler.cli.completion import complete_fleets
from autoscaler.cli.options import DURATION, client, config_option, json_option, socket_option
from autoscaler.config.units import written_duration
from autoscaler.model import PastDecision
from autoscaler.text import coded, moment

#: Decisions that are shown if nobody says how many, and that one answer may have.
SHOWN = 20
MOST = 1000


@click.command()
@click.argument("fleet", shell_complete=complete_fleets)
@click.option("--last", type=click.IntRange(1, MOST), help=f"So many decisions. Default: {SHOWN}.")
@click.option("--since", type=DURATION, help="The decisions of the last 1h, 2d, ...")
@config_option
@socket_option
@json_option
def history(
    *,
    fleet: str,
    last: int | None,
    since: float | None,
    path: Path | None,
    socket: Path | None,
    as_json: bool,
) -> None:
    """Tell what was decided about a fleet, and why, the latest last.

    Only decisions that differ from the one before are kept, for 30 days.

    \b
    Examples:
      autoscaler history emails
      autoscaler history emails --since 2h
      autoscaler history emails --last 5 --json
    """
    now = time.time()
    first = now - since if since else 0.0
    view = client(path, socket).decisions(fleet, last or (MOST if since else SHOWN), first)
    if as_json:
        Console().print_json(data=view.model_dump(mode="json"))
        return
    if not view.decisions:
        when = f"in the last {written_duration(since)}" if since else "yet"
        click.echo(f"nothing was decided about {fleet} {when}")
    for decision in reversed(view.decisions):
        click.echo(_sentence(decision, now))


def _sentence(decision: PastDecision, now: float) -> str:
    change = decision.desired - decision.current
    what = f"stayed at {decision.desired}"
    if change:
        what = f"{'grew' if change > 0 else 'shrank'} from {decision.current} to {decision.desired}"
    why = "; ".join(coded(reason.code, reason.text) for reason in decision.reasons)
    waiting = decision.ready + decision.reserved
    return f"{moment(decision.at, now)}  {what}, {waiting:g} waiting, {decision.running} running ({why})"
