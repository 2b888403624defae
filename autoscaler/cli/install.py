"""`autoscaler install` and `autoscaler uninstall`: the daemon as a system service."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from autoscaler.errors import InstallError
from autoscaler.tools.install import manifest
from autoscaler.tools.install.items import Init
from autoscaler.tools.install.machine import Machine
from autoscaler.tools.install.plan import CONFIG, GRANT, START, make_plan
from autoscaler.tools.install.steps import install as put
from autoscaler.tools.install.steps import refuse_package
from autoscaler.tools.install.steps import uninstall as take_back

_root_option = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True, resolve_path=True),
    default="/",
    help="A folder that will be the root of a machine, for packaging: no users, owners and services there.",
)
_dry_run_option = click.option("--dry-run", is_flag=True, help="Say what it would do, and do nothing.")


@click.command()
@click.option(
    "--init",
    type=click.Choice(["auto", *(each.value for each in Init)]),
    default="auto",
    show_default=True,
    metavar="SYSTEM",
    help="What starts the daemon at boot: sysv, upstart, systemd, supervisord; auto: what is here.",
)
@_dry_run_option
@_root_option
def install(init: str, dry_run: bool, root: Path) -> None:
    """Make the daemon a system service: user, folders with their rights, a first config, what starts it.

    A second run changes nothing. Nothing of somebody else's is touched, and the config is yours once it is
    there. The service is enabled and not started.

    \b
    Examples:
      autoscaler install --dry-run
      sudo autoscaler install
      sudo autoscaler install --init supervisord
    """
    machine, command = Machine(root), _command()
    refuse_package(machine, command)
    _need_root(machine, dry_run)
    kind = machine.init() if init == "auto" else Init(init)
    plan = make_plan(kind, command, systemd=machine.has_systemd())
    click.echo(f"for {kind.value}, with {command}")
    if put(plan, command, machine, click.echo, dry_run=dry_run):
        _tell_next(kind)
    else:
        click.echo("nothing to do: all of it is there")


def _tell_next(kind: Init) -> None:
    click.echo(
        "\nNext, where only root may open supervisord's socket (it lets in who may run any command as root):"
    )
    for line in GRANT:
        click.echo(f"  {line}")
    click.echo(f"then put your fleets into {CONFIG}, and:\n  autoscaler check --connect\n  {START[kind]}")


@click.command()
@click.option("--purge", is_flag=True, help="Config, state and user as well.")
@click.option("--yes", is_flag=True, help="Ask nothing; config and state stay unless --purge is given.")
@click.option(
    "--keep-workers", is_flag=True, help="Do not drain the workers first; they stay under supervisord."
)
@_dry_run_option
@_root_option
def uninstall(purge: bool, yes: bool, keep_workers: bool, dry_run: bool, root: Path) -> None:
    """Take back exactly what `autoscaler install` put on this machine, but for what somebody has changed.

    The workers are drained first, since nobody looks after them any more. Config and state stay unless
    you say otherwise.

    \b
    Examples:
      autoscaler uninstall --dry-run
      sudo autoscaler uninstall --purge --yes
    """
    machine = Machine(root)
    refuse_package(machine, _command())
    _need_root(machine, dry_run)
    known = manifest.read(machine.at(manifest.PATH))
    if known is None:
        click.echo("nothing to do: `autoscaler install` was not run here")
        return
    plan = make_plan(known.init, known.command, systemd=machine.has_systemd())
    if not (yes or dry_run):
        take_back(plan, known, machine, click.echo, purge=purge, dry_run=True)
        click.confirm("Do that?", abort=True)
        purge = purge or click.confirm("Delete the config, the state and the user as well?")
    if not keep_workers:
        _drain(machine, known.command, dry_run)
    take_back(plan, known, machine, click.echo, purge=purge, dry_run=dry_run)


def _drain(machine: Machine, command: Path, dry_run: bool) -> None:
    if not machine.is_live or not machine.at(Path("/run/autoscaler/autoscaler.sock")).exists():
        return
    words = [str(command), "drain", "--all", "--within", "5m"]
    click.echo(f"run {' '.join(words)}")
    if dry_run:
        return
    code, said = machine.run(words)
    if code:
        raise InstallError(
            f"not all workers are drained: {said.strip()}\nnothing was taken back: try again, or leave them "
            "running under supervisord with --keep-workers"
        )


def _command() -> Path:
    """This very autoscaler, as its environment has it."""
    return Path(sys.executable).with_name("autoscaler")


def _need_root(machine: Machine, dry_run: bool) -> None:
    if machine.is_live and not dry_run and os.geteuid() != 0:
        raise InstallError("only root may change this machine; --dry-run shows what would be done")
