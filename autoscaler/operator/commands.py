"""Commands of operators, carried out by the loop.

    pause, scale, stop  -> a Hold of the fleet, which `decide` sees
    drain WORKER        -> a WorkerHold: `decide` drains the worker, its section stays where it is
    resume, start, release  -> without the hold, the fleet decides as before

Each result is in the store, so that it outlives the daemon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from autoscaler.config import Config, Fleet
from autoscaler.errors import CommandRefused, UnknownName
from autoscaler.model import (
    DOWN,
    Command,
    DrainWorker,
    FixedSize,
    Hold,
    HoldFleets,
    Paused,
    PauseFleets,
    Process,
    ProgramState,
    ReleaseFleets,
    ReleaseWorker,
    ScaleFleets,
    StopFleets,
    Stopped,
    Terms,
    WorkerHold,
)
from autoscaler.operator.release import Release, ReleaseStore, is_held
from autoscaler.supervisord.programs_seen import Scene
from autoscaler.text import count, moment, nearest, no_fleet

_DRY = " (dry_run: nothing is changed)"


class CommandStore(ReleaseStore, Protocol):
    """The database, as commands need it."""

    def put_hold(self, fleet: str, hold: Hold) -> None: ...
    def delete_holds(self, fleets: Iterable[str]) -> None: ...
    def put_worker_hold(self, hold: WorkerHold) -> None: ...


class Commands:
    """Carries out what operators command.

    Parameters
    ----------
    boot : of this machine; empty: unknown, then no hold ends with it.
    look : sees our programs, or says why they cannot be seen.
    start : starts a stopped program; raises TargetError.
    """

    def __init__(
        self, store: CommandStore, boot: str, *, look: Callable[[], Scene | str], start: Callable[[str], None]
    ) -> None:
        self._store = store
        self._boot = boot
        self._look = look
        self._release = Release(store, start).release

    def carry_out(
        self, now: float, command: Command, config: Config, sizes: Mapping[str, int]
    ) -> tuple[str, ...]:
        """Carry out a command; the next tick decides what follows from it.

        Parameters
        ----------
        sizes : the size that was decided last, by fleet.

        Returns
        -------
        A sentence for each fleet or worker.

        Raises
        ------
        UnknownName : there is no such fleet or worker.
        CommandRefused : the command cannot be carried out as things are; nothing was changed.
        StoreError
        """
        match command:
            case PauseFleets() | ScaleFleets() | StopFleets():
                return self._hold_fleets(now, command, config, sizes)
            case ReleaseFleets():
                fleets = self._release_fleets(command, config)
                workers = self._release_their_workers(now, command, config) if command.workers else ()
                return (*fleets, *workers)
            case DrainWorker():
                return (self._drain_worker(now, command, config),)
            case ReleaseWorker():
                seen = self._seen()
                _fleet_of(command.worker, seen, config, "`autoscaler release {}` ends the holds in it")
                return (self._release(now, command.worker, seen, config),)

    # --- fleets ---

    def _hold_fleets(
        self, now: float, command: HoldFleets, config: Config, sizes: Mapping[str, int]
    ) -> tuple[str, ...]:
        fleets = _fleets(command.fleets, config)
        if isinstance(command, ScaleFleets):
            for fleet in fleets:
                _check_size(fleet, command.workers)
        before = {name: hold for name, hold in self._store.holds().items() if not hold.is_over(now)}
        _check_none_is_stopped(command, before)
        said = []
        for name in [fleet.name for fleet in fleets]:
            if text := _kept_stopped(command, name, before.get(name)):
                said.append(text)
                continue
            text = self._hold_fleet(now, command, name, before.get(name), sizes.get(name))
            said.append(f"{text}{_DRY if config.is_dry(name) else ''}")
        return tuple(said)

    def _hold_fleet(
        self, now: float, command: HoldFleets, name: str, before: Hold | None, size: int | None
    ) -> str:
        hold = self._new_hold(now, command, before, size)
        self._store.put_hold(name, hold)
        was = f" (was {before})" if before is not None else ""
        return f"{_confirmed(now, name, hold)}{was}"

    def _new_hold(self, now: float, command: HoldFleets, before: Hold | None, size: int | None) -> Hold:
        hold: Hold
        match command:
            case PauseFleets():
                hold = Paused()
            case ScaleFleets():
                hold = FixedSize(command.workers)
            case StopFleets(this_boot=False):
                hold = Stopped()
            case StopFleets():
                hold = Stopped(boot=self._boot, beneath=_beneath(before, size))
        terms = command.terms
        return replace(hold, by=terms.by, reason=terms.reason, since=now, until=_end(now, terms))

    def _release_fleets(self, command: ReleaseFleets, config: Config) -> list[str]:
        holds, said = self._store.holds(), []
        for name in [fleet.name for fleet in _fleets(command.fleets, config)]:
            hold = holds.get(name)
            if isinstance(hold, Stopped) and not command.stopped:
                if command.fleets is not None:
                    raise CommandRefused(_is_stopped(name, hold))
                said.append(_is_stopped(name, hold))
                continue
            self._store.delete_holds([name])
            said.append(f"{name}: {f'released, was {hold}' if hold else 'nothing holds it'}")
        return said

    def _release_their_workers(self, now: float, command: ReleaseFleets, config: Config) -> Iterator[str]:
        seen = self._look()
        if isinstance(seen, str):
            yield f"cannot see the workers: {seen}; the holds of single workers stay"
            return
        holds = self._store.worker_holds()
        for name, fleet in seen.names.items():
            is_meant = command.fleets is None or fleet in command.fleets
            if is_meant and (name in holds or is_held(seen, name, None)):
                try:
                    yield self._release(now, name, seen, config)
                except CommandRefused as refused:
                    yield str(refused)

    # --- single workers ---

    def _drain_worker(self, now: float, command: DrainWorker, config: Config) -> str:
        seen, name, terms = self._seen(), command.worker, command.terms
        fleet = _fleet_of(name, seen, config, "`autoscaler stop {}` drains all of its workers")
        before = self._store.worker_holds().get(name)
        process = _drainable(name, fleet, seen, config, is_held_already=before is not None)
        out = name not in seen.drains and process.state in DOWN
        hold = WorkerHold(name, by=terms.by, reason=terms.reason, since=now, until=_end(now, terms), out=out)
        self._store.put_worker_hold(hold)
        what = "out of service" if out else "finishes its tasks and goes out of service"
        was = f" (was {before})" if before is not None and not before.is_over(now) else ""
        dry = _DRY if config.is_dry(fleet) and not out else ""
        return f"{name}: {what}{_until(now, hold.until)}; `autoscaler release {name}` takes it back{was}{dry}"

    def _seen(self) -> Scene:
        seen = self._look()
        if isinstance(seen, str):
            raise CommandRefused(f"cannot see the workers: {seen}; try again when they can be seen")
        return seen


def _fleets(names: tuple[str, ...] | None, config: Config) -> list[Fleet]:
    if names is None:
        return list(config.fleets.values())
    if missing := [name for name in names if name not in config.fleets]:
        raise UnknownName(no_fleet(missing[0], config.fleets))
    return [config.fleets[name] for name in names]


def _fleet_of(worker: str, seen: Scene, config: Config, instead: str) -> str:
    """The fleet of a worker.

    Parameters
    ----------
    instead : the command for a fleet, with ``{}`` for its name.
    """
    if worker in config.fleets:
        raise UnknownName(f"{worker!r} is a fleet: {instead.format(worker)}")
    if worker not in seen.names:
        raise UnknownName(f"there is no worker {worker!r}; {nearest(worker, seen.names)}")
    return seen.names[worker]


def _check_size(fleet: Fleet, workers: int) -> None:
    name = fleet.name
    if workers > fleet.max_workers:
        raise CommandRefused(
            f"{name}: {workers} is more than max_workers ({fleet.max_workers}); change that in the config"
        )
    if workers < fleet.min_workers:
        raise CommandRefused(
            f"{name}: {workers} is less than min_workers ({fleet.min_workers}); change that in the config, "
            f"or drain all workers with `autoscaler stop {name}`"
        )


def _check_none_is_stopped(command: HoldFleets, before: Mapping[str, Hold]) -> None:
    """Refuse to pause or size a stopped fleet that is named: the command would start it unawares."""
    if command.fleets is None or isinstance(command, StopFleets):
        return
    for name, hold in before.items():
        if name in command.fleets and isinstance(hold, Stopped):
            raise CommandRefused(_is_stopped(name, hold))


def _drainable(name: str, fleet: str, seen: Scene, config: Config, *, is_held_already: bool) -> Process:
    """The process of a worker that can be drained by a command."""
    if fleet not in config.fleets:
        raise CommandRefused(f"{name} drains already: its fleet {fleet} has left the config")
    process = seen.processes.get(name)
    if process is None:
        raise CommandRefused(f"{name} has not started yet; try again in a moment")
    if process.state is ProgramState.FAILED and not is_held_already:
        raise CommandRefused(f"{name} has failed and is being replaced: there is nothing to drain")
    return process


def _kept_stopped(command: HoldFleets, name: str, before: Hold | None) -> str:
    """Why a stopped fleet stays as it is, whatever the command; empty where the command holds it."""
    if not isinstance(before, Stopped):
        return ""
    if not isinstance(command, StopFleets):
        return f"{_is_stopped(name, before)}; it stays stopped"
    return (
        f"{name} is {before} already; this stop outlives the boot"
        if command.this_boot and not before.boot
        else ""
    )


def _beneath(before: Hold | None, size: int | None) -> Hold | None:
    """The hold of the next boot. A pause becomes the size that it kept, since no worker will be up then."""
    match before:
        case Stopped() if before.boot:
            return before.beneath
        case Paused() if size is not None:
            return FixedSize(size, by=before.by, reason=before.reason, since=before.since, until=before.until)
        case _:
            return before


def _end(now: float, terms: Terms) -> float | None:
    return None if terms.lasts is None else now + terms.lasts


def _is_stopped(name: str, hold: Stopped) -> str:
    return f"{name} is {hold}; `autoscaler start {name}` starts it again"


def _confirmed(now: float, name: str, hold: Hold) -> str:
    until = _until(now, hold.until)
    match hold:
        case Paused():
            return f"{name}: paused{until}; `autoscaler resume {name}` ends the pause"
        case FixedSize():
            return f"{name}: kept at {count(hold.workers)}{until}; `autoscaler resume {name}` ends the hold"
        case Stopped():
            boot = "; the stop ends when the machine starts again" if hold.boot else ""
            return (
                f"{name}: stopped, its workers finish their tasks and end{until}{boot}; "
                f"`autoscaler start {name}` starts it again"
            )


def _until(now: float, until: float | None) -> str:
    return "" if until is None else f" until {moment(until, now)}"
