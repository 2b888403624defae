"""Installing and uninstalling, step by step; each step is announced first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeAlias

from autoscaler.errors import InstallError
from autoscaler.tools.install import manifest
from autoscaler.tools.install.items import File, Item, Link, Plan, User
from autoscaler.tools.install.machine import Machine, Need
from autoscaler.tools.install.manifest import Manifest, checksum

#: Takes a line for the operator.
Say: TypeAlias = Callable[[str], None]

_WORDS: Final = {
    Need.MAKE: "make",
    Need.RENEW: "write anew",
    Need.CHANGED: "leave as somebody changed it:",
}
#: Kept by Debian for each package: what it installed.
_PACKAGED: Final = Path("/var/lib/dpkg/info/autoscaler.list")


def refuse_package(machine: Machine, command: Path) -> None:
    """Leave to dpkg what is dpkg's.

    Raises
    ------
    InstallError : this autoscaler came as a Debian package.
    """
    if machine.is_live and machine.at(_PACKAGED).exists() and str(command).startswith("/usr/lib/autoscaler/"):
        raise InstallError(
            "this autoscaler is a Debian package, which does all this: use apt-get install, remove, purge"
        )


def install(plan: Plan, command: Path, machine: Machine, say: Say, *, dry_run: bool) -> bool:
    """Put a plan on a machine.

    Returns
    -------
    Whether anything was, or with `dry_run` would be, changed.

    Raises
    ------
    InstallError : what was made until then stays, and is in the manifest.
    """
    path = machine.at(manifest.PATH)
    known = manifest.read(path)
    if known is not None and known.init is not plan.init:
        raise InstallError(
            f"it is installed for {known.init.value} already: run `autoscaler uninstall` first, "
            "which keeps config and state"
        )
    known = known or Manifest(init=plan.init, command=command)
    changed = False
    try:
        for item in plan.items:
            need = machine.need(item, known)
            if need is Need.NOTHING:
                continue
            say(f"{_WORDS[need]} {item}")
            if need is Need.CHANGED:
                continue
            changed = True
            if not dry_run:
                machine.make(item)
                known = _noted(known, item, need)
    finally:
        if changed and not dry_run:
            known = known.model_copy(update={"command": command})
            machine.write(manifest.PATH, known.model_dump_json(indent=1).encode())
    if changed:
        _run_all(plan.enable, machine, say, dry_run=dry_run, fails=True)
    return changed


def _noted(known: Manifest, item: Item, need: Need) -> Manifest:
    """The manifest with one more item."""
    if isinstance(item, User):
        return known.model_copy(update={"user": item.name})
    if isinstance(item, Link):
        return known.model_copy(update={"links": {**known.links, item.path: item.to}})
    if isinstance(item, File):
        sums = {**known.files, item.path: checksum(item.content.encode())}
        return known.model_copy(update={"files": sums})
    return known.model_copy(update={"folders": (*known.folders, item.path)}) if need is Need.MAKE else known


def _run_all(
    commands: Iterable[tuple[str, ...]], machine: Machine, say: Say, *, dry_run: bool, fails: bool
) -> None:
    for command in commands:
        words = " ".join(command)
        if not machine.is_live:
            say(f"left to you: {words}")
            continue
        say(f"run {words}")
        code, said = (0, "") if dry_run else machine.run(command)
        if code and fails:
            raise InstallError(f"{words} failed ({code}): {said.strip()}")
        if code:
            say(f"  it failed ({code}), going on: {said.strip()}")


# --- uninstall ---------------------------------------------------------------------------------------------


def uninstall(plan: Plan, known: Manifest, machine: Machine, say: Say, *, purge: bool, dry_run: bool) -> None:
    """Take back what the manifest names and nothing else.

    Parameters
    ----------
    plan : of the manifest's init system.
    purge : config, state and the user as well.

    Raises
    ------
    InstallError : what is not taken back yet is still in the manifest.
    """
    before = known
    try:
        _run_all(plan.disable, machine, say, dry_run=dry_run, fails=False)
        known = _take_files(plan, known, machine, say, purge=purge, dry_run=dry_run)
        if purge:
            known = _take_state(plan, known, machine, say, dry_run=dry_run)
        known = _take_folders(known, machine, say, dry_run=dry_run)
    finally:
        if not dry_run and known != before:
            _keep(known, machine)


def _take_files(
    plan: Plan, known: Manifest, machine: Machine, say: Say, *, purge: bool, dry_run: bool
) -> Manifest:
    lasting = {
        item.path for item in plan.items if isinstance(item, File) and (item.is_config or item.is_state)
    }
    files, links = dict(known.files), dict(known.links)
    for path in reversed([*files]):
        if path in lasting and not purge:
            continue
        if path not in lasting and machine.at(path).exists() and not machine.is_as_written(path, known):
            say(f"leave as somebody changed it: {path}")
            continue
        say(f"delete {path}")
        if not dry_run:
            machine.delete(path)
            del files[path]
    for path, to in known.links.items():
        place = machine.at(path)
        if not place.is_symlink() or place.readlink() != to:
            continue
        say(f"delete link {path}")
        if not dry_run:
            machine.delete(path)
            del links[path]
    return known.model_copy(update={"files": files, "links": links})


def _take_state(plan: Plan, known: Manifest, machine: Machine, say: Say, *, dry_run: bool) -> Manifest:
    for path in plan.left:
        if path in known.folders and machine.at(path).exists():
            say(f"delete {path} with all that is in it")
            if not dry_run:
                machine.delete_all(path)
    if known.user is None:
        return known
    say(f"delete user and group {known.user}")
    if not dry_run and (trouble := machine.delete_user(known.user)):
        say(f"  it failed, going on: {trouble}")
        return known
    return known.model_copy(update={"user": None})


def _take_folders(known: Manifest, machine: Machine, say: Say, *, dry_run: bool) -> Manifest:
    """Take empty folders back, the innermost first."""
    left: list[Path] = []
    for path in reversed(known.folders):
        if dry_run:
            say(f"delete {path} if nothing is in it")
        elif not machine.delete_if_empty(path):
            left.insert(0, path)
    return known.model_copy(update={"folders": tuple(left)})


def _keep(known: Manifest, machine: Machine) -> None:
    if known.files or known.links or known.user:
        machine.write(manifest.PATH, known.model_dump_json(indent=1).encode())
    else:
        machine.delete(manifest.PATH)
