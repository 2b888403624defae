"""`autoscaler pause`, `resume`, `scale`, `stop`, `start` and `release`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from autoscaler.cli.completion import complete_fleets, complete_names
from autoscaler.cli.options import DURATION, client, config_option, json_option, socket_option
from autoscaler.http.client import Client
from autoscaler.http.wire import kind_of
from autoscaler.model import Answer

ALL_OR_NAMES = "give either names or --all"
for_option = click.option("--for", "lasts", type=DURATION, help="End by itself after this time: 10m, 1h30m.")
reason_option = click.option("--reason", default="", help="Why; shown in status, decisions and the log.")
fleets_argument = click.argument("fleets", nargs=-1, metavar="FLEET...", shell_complete=complete_fleets)
all_option = click.option("--all", "every", is_flag=True, help="All fleets.")


def way_in(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that lead to the daemon; the command gets it as `daemon`, beside `as_json`."""

    @functools.wraps(command)
    def run(*, path: Path | None, socket: Path | None, **rest: Any) -> None:
        command(daemon=client(path, socket), **rest)

    return config_option(socket_option(json_option(run)))


def with_terms(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--for` and `--reason`; the command gets both as `terms`, the body of a request."""

    @functools.wraps(command)
    def run(*, lasts: float | None, reason: str, **rest: Any) -> None:
        command(terms={"for": lasts, "reason": reason}, **rest)

    return for_option(reason_option(run))


def order(daemon: Client, verb: str, names: tuple[str, ...], body: dict[str, Any], *, every: bool) -> Answer:
    """Have something done to fleets, or to all of them."""
    if every == bool(names):
        raise click.UsageError(ALL_OR_NAMES)
    if every:
        return daemon.command("all", verb, **body)
    return merged([daemon.command("fleets", name, verb, **body) for name in names])


def merged(answers: list[Answer]) -> Answer:
    """Several answers as one; at least one."""
    return Answer(answers[-1].at, tuple(sentence for answer in answers for sentence in answer.said))


def tell(answer: Answer, *, as_json: bool) -> None:
    """Say what came of it."""
    if as_json:
        Console().print_json(data=asdict(answer))
        return
    for sentence in answer.said:
        click.echo(sentence)


@click.command()
@fleets_argument
@all_option
@with_terms
@way_in
def pause(
    *,
    fleets: tuple[str, ...],
    every: bool,
    terms: dict[str, Any],
    daemon: Client,
    as_json: bool,
) -> None:
    """Leave fleets at the sizes that they have, whatever waits.

    A worker that crashes is still replaced.

    \b
    Examples:
      autoscaler pause emails --for 10m --reason "broker maintenance"
      autoscaler pause --all
    """
    tell(order(daemon, "pause", fleets, terms, every=every), as_json=as_json)


@click.command()
@fleets_argument
@all_option
@way_in
def resume(*, fleets: tuple[str, ...], every: bool, daemon: Client, as_json: bool) -> None:
    """Let the policies decide again: end a pause, or a size set by `scale`.

    A fleet that was stopped is started by `start`.

    \b
    Examples:
      autoscaler resume emails
      autoscaler resume --all
    """
    tell(order(daemon, "resume", fleets, {}, every=every), as_json=as_json)


@click.command()
@click.argument("fleet", shell_complete=complete_fleets)
@click.argument("workers", type=click.IntRange(0, 999))
@with_terms
@way_in
def scale(
    *,
    fleet: str,
    workers: int,
    terms: dict[str, Any],
    daemon: Client,
    as_json: bool,
) -> None:
    """Keep a fleet at a size, within its min_workers and max_workers.

    \b
    Examples:
      autoscaler scale emails 8 --for 2h --reason newsletter
      autoscaler resume emails
    """
    body = {"workers": workers, **terms}
    tell(daemon.command("fleets", fleet, "scale", **body), as_json=as_json)


@click.command()
@fleets_argument
@all_option
@with_terms
@way_in
def stop(
    *,
    fleets: tuple[str, ...],
    every: bool,
    terms: dict[str, Any],
    daemon: Client,
    as_json: bool,
) -> None:
    """Take all workers of fleets out of service, and keep it so; min_workers does not count.

    They finish what they have: none is killed.

    \b
    Examples:
      autoscaler stop emails --reason "wrong addresses"
      autoscaler stop --all --for 1h
      autoscaler start emails
    """
    tell(order(daemon, "stop", fleets, terms, every=every), as_json=as_json)


@click.command()
@fleets_argument
@all_option
@way_in
def start(*, fleets: tuple[str, ...], every: bool, daemon: Client, as_json: bool) -> None:
    """Let stopped fleets work again; also ends a pause and a size set by hand.

    \b
    Examples:
      autoscaler start emails
      autoscaler start --all
    """
    tell(order(daemon, "start", fleets, {}, every=every), as_json=as_json)


@click.command()
@click.argument("names", nargs=-1, metavar="FLEET|WORKER...", shell_complete=complete_names)
@click.option("--all", "every", is_flag=True, help="All fleets, and all their workers.")
@way_in
def release(*, names: tuple[str, ...], every: bool, daemon: Client, as_json: bool) -> None:
    """End whatever holds a fleet and its workers, or one worker.

    A worker that was drained by `drain`, or stopped with supervisorctl, is started again.

    \b
    Examples:
      autoscaler release emails-03
      autoscaler release emails
      autoscaler release --all
    """
    if every == bool(names):
        raise click.UsageError(ALL_OR_NAMES)
    answers = [daemon.command(kind_of(name), name, "release") for name in names]
    tell(merged(answers or [daemon.command("all", "release")]), as_json=as_json)
