"""`autoscaler init --adopt` and `--undo-adopt`: move old workers to the autoscaler, and back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path

import click

from autoscaler import config
from autoscaler.cli.options import note
from autoscaler.errors import DaemonNotRunning, TakeoverError
from autoscaler.http.client import Client
from autoscaler.http.views import FleetView
from autoscaler.http.words import hold_text
from autoscaler.model.names import worker_name
from autoscaler.net.celery_control import RemoteControl
from autoscaler.net.deadline import Deadline
from autoscaler.supervisord.client import Supervisord
from autoscaler.supervisord.program_file import ProgramFile
from autoscaler.text import count
from autoscaler.tools.takeover.adopt import Adopter, Fleeted
from autoscaler.tools.takeover.find import FoundSupervisord, find_supervisord
from autoscaler.tools.takeover.heard import Heard, hear
from autoscaler.tools.takeover.programs import old_programs
from autoscaler.tools.takeover.removal import BACK, Kept, Sections
from autoscaler.tools.takeover.undo import finish, taken_files, undo
from autoscaler.tools.takeover.units import Unit, successors, uncovered, units_of, with_own_names
from autoscaler.tools.takeover.workers import worker_programs

#: Seconds for a control message to an old worker.
TIMEOUT = 3.0
#: In place of what a daemon saw last, when that is long ago.
HANGS = "the running daemon has not looked for long: see its log"


class _Workers:
    """The old workers, over one connection."""

    def __init__(self, remote: RemoteControl) -> None:
        self._remote = remote

    def hear(self, node: str, count: int, now: float) -> Heard:
        return hear(self._remote, node, count, now)

    def cancel_consumers(self, node: str, queues: Collection[str]) -> None:
        self._remote.cancel_consumers(node, queues, Deadline.within(TIMEOUT))

    def add_consumers(self, node: str, queues: Collection[str]) -> None:
        self._remote.add_consumers(node, queues, Deadline.within(TIMEOUT))


def adopt(path: Path, usable: config.Config, given: str | None, within: float, *, dry_run: bool) -> None:
    """Take the old workers over.

    Raises
    ------
    DaemonNotRunning : it must run first; says how.
    TakeoverError : something must be done first; running it again goes on.
    """
    found = _found(usable, given)
    programs = old_programs(found.sections, found.environ)[0]
    units, refused = units_of(found.sections, programs)
    units, shared = with_own_names(units, worker_programs(programs))
    units, left = _covered(units, usable.fleets)
    for text in (*refused, *shared, *left):
        note(f"not taken over: {text}")
    _tell(units, usable.fleets, some_left=bool(refused or shared or left))
    if dry_run:
        return
    client = Client(usable.console.socket)
    _need_daemon(client, path)
    supervisord = Supervisord(usable.supervisord.url.get_secret_value())
    with closing(_remote(usable)) as remote:
        for group in finish(found, taken_files(found), supervisord):
            click.echo(f"{group}: removed from supervisord")
        Adopter(
            units=units,
            fleets=usable.fleets,
            programs=supervisord,
            workers=_Workers(remote),
            sections=_sections(usable, supervisord),
            ours=lambda: ours(client),
            say=click.echo,
            when=time.strftime("%Y-%m-%d %H:%M:%S %z"),
        ).run(within)
    if refused or shared:
        raise TakeoverError(
            f"not taken over: {count(len(refused) + len(shared), 'worker program')}, see the notes"
        )
    click.echo(f"done; the way back is `{BACK} --config {path}`")


def undo_adopt(path: Path, usable: config.Config, given: str | None) -> None:
    """Bring the old workers back."""
    found = _found(usable, given)
    supervisord = Supervisord(usable.supervisord.url.get_secret_value())
    files = taken_files(found)
    with closing(_remote(usable)) as remote:
        sections = _sections(usable, supervisord)
        brought = undo(found, files, supervisord, _Workers(remote), change=sections, say=click.echo)
    if not brought:
        click.echo("nothing was taken over from here")
        return
    click.echo(
        f"the old workers run again, beside the fleets. To let those drain away: set `fleets: {{}}` in "
        f"{path}, wait until `autoscaler status` shows no worker, then stop the daemon"
    )


def _found(usable: config.Config, given: str | None) -> FoundSupervisord:
    found = find_supervisord(given or usable.supervisord.url.get_secret_value())
    if found is None:
        raise TakeoverError("no supervisord was found: --supervisord names its configuration file")
    return found


def _remote(usable: config.Config) -> RemoteControl:
    return RemoteControl(usable.broker.url.get_secret_value(), usable.broker.transport_options)


def _sections(usable: config.Config, supervisord: Supervisord) -> Sections:
    ours = frozenset(ProgramFile(usable.supervisord.programs_file).read())
    for name, fleet in usable.fleets.items():
        ours |= {worker_name(name, number) for number in range(1, fleet.max_workers + 2)}
    return Sections(supervisord, Kept(usable.state_dir / "adopted"), ours)


def _covered(
    units: tuple[Unit, ...], fleets: Mapping[str, config.Fleet]
) -> tuple[tuple[Unit, ...], list[str]]:
    """Units whose queues our fleets read; why the others are left alone."""
    taken, left = [], []
    for unit in units:
        missing = uncovered(unit, unit.queues, fleets)
        if missing:
            left.append(f"{unit.where}: no fleet with its app reads {', '.join(missing)}")
        elif not successors(unit, fleets):
            left.append(f"{unit.where}: no fleet has its app, {unit.programs[0].app}")
        else:
            taken.append(unit)
    return tuple(taken), left


def _tell(units: tuple[Unit, ...], all_fleets: Mapping[str, config.Fleet], *, some_left: bool) -> None:
    if not units:
        click.echo(
            "no worker program can be taken over: see the notes"
            if some_left
            else "no worker program is left to take over"
        )
    for unit in units:
        fleets = ", ".join(successors(unit, all_fleets))
        click.echo(f"{unit.group}: {count(len(unit.nodes))}, whose work goes to the fleet {fleets}")
        for danger in unit.dangers:
            note(f"{danger}. It is stopped only when it is idle")


def _need_daemon(client: Client, path: Path) -> None:
    try:
        runs = client.health().config_file
    except DaemonNotRunning as error:
        absolute = path.absolute()
        raise DaemonNotRunning(
            f"{error}. Start it so that its workers are up before old ones go:\n"
            f"  autoscaler run --config {absolute}\n"
            f"then go on with:\n  autoscaler init --adopt --config {absolute}"
        ) from error
    if Path(runs).absolute() != path.absolute():
        note(f"the daemon runs with {runs}, not with {path}")


def ours(client: Client) -> Mapping[str, Fleeted]:
    """Our fleets as the running daemon sees them; none is up where it has not looked for long."""
    hangs = HANGS if client.health().status == "stale" else ""
    up = Counter(
        each.fleet for each in client.workers().workers if each.state == "running" and each.unknown is None
    )
    view = client.fleets()
    return {
        fleet.name: Fleeted(
            0 if hangs else up[fleet.name], fleet.trouble, hangs or _bound(fleet, view.at or 0.0)
        )
        for fleet in view.fleets
    }


def _bound(fleet: FleetView, now: float) -> str:
    """Why a fleet starts no worker when tasks come."""
    if fleet.dry_run:
        return "dry_run is set"
    return hold_text(fleet.hold, now) if fleet.hold else ""
