"""`autoscaler drain`: take one worker out of service, or all of them before a shutdown."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console

from autoscaler.cli.completion import complete_workers
from autoscaler.cli.exits import Exit
from autoscaler.cli.hold import ALL_OR_NAMES, tell, way_in, with_terms
from autoscaler.cli.options import DURATION
from autoscaler.config.units import written_duration
from autoscaler.errors import ServiceUnavailable
from autoscaler.http.client import Client
from autoscaler.http.views import WorkerView

#: Seconds between two looks, and for which the daemon, or supervisord behind it, may give no answer.
LOOK_EVERY = 0.3
SILENT_FOR = 30.0


@click.command()
@click.argument("worker", required=False, shell_complete=complete_workers)
@click.option("--all", "every", is_flag=True, help="Every worker of all fleets; wait until they are gone.")
@click.option("--within", type=DURATION, help="With --all: wait no longer than this.")
@with_terms
@way_in
def drain(
    *,
    worker: str | None,
    every: bool,
    within: float | None,
    terms: dict[str, Any],
    daemon: Client,
    as_json: bool,
) -> None:
    """Take a worker out of service when it has finished what it has; or all of them.

    One worker stays stopped, and is not replaced, until it is released. After `--all` every fleet is
    stopped until `start --all`, or until the machine starts again. It exits with 0 when all are gone, and
    with 1 and the names of those that are not within the time; they go on finishing what they have.

    \b
    Examples:
      autoscaler drain emails-03 --for 30m --reason "attach a debugger"
      autoscaler release emails-03
      autoscaler drain --all --within 5m --reason shutdown
      autoscaler start --all
    """
    if every == bool(worker):
        raise click.UsageError(ALL_OR_NAMES)
    if worker:
        if within:
            raise click.UsageError("--within goes with --all")
        tell(daemon.command("workers", worker, "drain", **terms), as_json=as_json)
        return
    answer = daemon.command("all", "drain", **terms)
    if not as_json:
        tell(answer, as_json=False)
    left = _wait(daemon, answer.at, within, quiet=as_json)
    if as_json:
        Console().print_json(data={"said": answer.said, "left": left})
    if left:
        time_given = written_duration(within) if within else "the time"
        click.echo(f"autoscaler: not gone within {time_given}: {', '.join(left)}", err=True)
        sys.exit(Exit.FAILED)


@dataclass(frozen=True, slots=True)
class _Look:
    """What is left, as of one tick."""

    #: By name, with what keeps it.
    left: dict[str, str]
    #: Of these, those that nothing is going to stop.
    stay: frozenset[str]


def _wait(daemon: Client, since: float, within: float | None, *, quiet: bool) -> list[str]:
    """Wait until no worker is left, and tell when their number changes; returns the names of those left."""
    ends = None if within is None else time.monotonic() + within
    told: dict[str, str] | None = None
    for look in _looks(daemon, since):
        left = look.left if look is not None else told
        if left != told and left is not None and not quiet and left.keys() != (told or {}).keys():
            click.echo(_progress(left))
        told = left
        if look is not None and set(look.left) == look.stay:
            return sorted(look.left)
        if ends is not None and time.monotonic() >= ends:
            return sorted(told) if told is not None else ["all, as far as is known"]
        time.sleep(LOOK_EVERY)
    return sorted(told or ())


def _looks(daemon: Client, since: float) -> Iterator[_Look | None]:
    """What each look shows; None for one that shows nothing of the time after `since`.

    Raises
    ------
    ServiceUnavailable : the daemon says nothing for too long, or cannot see supervisord.
    """
    seen = time.monotonic()
    while True:
        try:
            look = _look(daemon, since)
        except ServiceUnavailable:
            if time.monotonic() - seen > SILENT_FOR:
                raise
            yield None
            continue
        seen = time.monotonic()
        yield look


def _look(daemon: Client, since: float) -> _Look | None:
    """Both views must be of one tick, after the order, that saw supervisord: unseen is not gone.

    Raises
    ------
    ServiceUnavailable : no answer, or the daemon could not see supervisord.
    """
    workers, fleets = daemon.workers(), daemon.fleets()
    if workers.at is None or workers.at < since or workers.at != fleets.at:
        return None
    blind = next((fleet for fleet in fleets.fleets if fleet.workers is None), None)
    if blind is not None:
        raise ServiceUnavailable(f"nobody knows which workers are left: {blind.trouble}")
    dry = {fleet.name for fleet in fleets.fleets if fleet.dry_run}
    here = [each for each in workers.workers if each.pid is not None or each.state == "starting"]
    return _Look(
        {each.name: "dry_run" if each.fleet in dry else _doing(each) for each in here},
        frozenset(each.name for each in here if each.fleet in dry),
    )


def _doing(worker: WorkerView) -> str:
    if worker.running is None:
        return "does not answer"
    return f"{worker.running} running, {worker.reserved} reserved"


def _progress(left: dict[str, str]) -> str:
    if not left:
        return "all workers have ended"
    shown = ", ".join(f"{name} ({doing})" for name, doing in sorted(left.items())[:10])
    return f"{len(left)} left: {shown}{', ...' if len(left) > 10 else ''}"
