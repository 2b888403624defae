"""Carrying out operators' commands, and ending holds whose time is over.

    pause, scale, stop  -> a Hold of the fleet; `decide` sees it
    drain WORKER        -> a WorkerHold: `decide` drains the worker, `act` leaves its section where it is
    release             -> without the hold, the fleet's size or the worker's fate is decided as ever

All of it is in the store, so it outlives the daemon. The loop alone calls this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from autoscaler.config import Config, Fleet
from autoscaler.decide.words import by, ordered
from autoscaler.errors import CommandRefused, StoreError, TargetError, TargetRefused, UnknownName
from autoscaler.model import (
    DOWN,
    Command,
    Drain,
    DrainPhase,
    DrainWorker,
    Hold,
    HoldFleets,
    ProgramState,
    ReleaseFleets,
    ReleaseWorker,
    WorkerHold,
)
from autoscaler.supervisord.programs_seen import Scene
from autoscaler.text import count, moment, nearest, no_fleet

H = TypeVar("H", Hold, WorkerHold)


class HoldStore(Protocol):
    """The store, as far as holds need it."""

    def holds(self) -> dict[str, Hold]: ...
    def put_hold(self, fleet: str, hold: Hold) -> None: ...
    def note_hold(self, fleet: str, hold: Hold) -> None: ...
    def delete_holds(self, fleets: Iterable[str]) -> None: ...
    def worker_holds(self) -> dict[str, WorkerHold]: ...
    def put_worker_hold(self, hold: WorkerHold) -> None: ...
    def note_worker_hold(self, hold: WorkerHold) -> None: ...
    def delete_worker_holds(self, workers: Iterable[str]) -> None: ...
    def put_away(self, workers: Iterable[str]) -> None: ...
    def put_drain(self, drain: Drain) -> None: ...


_DRY = " (dry_run: nothing is changed)"


@dataclass(frozen=True, slots=True)
class Ground:
    """What a command is judged by and carried out on."""

    config: Config
    #: The size decided last, by fleet.
    sizes: Mapping[str, int]
    #: Looks at our programs; says why not, if not.
    look: Callable[[], Scene | str]
    #: Starts a stopped program; raises TargetError.
    start: Callable[[str], None]

    def is_dry(self, fleet: str) -> bool:
        """Whether nothing may be started or stopped in a fleet."""
        settings = self.config.fleets.get(fleet)
        return self.config.dry_run or (settings is not None and settings.dry_run)


class Holds:
    """The operators' orders.

    Parameters
    ----------
    boot : of this machine; empty: unknown, then nothing ends with it.
    """

    def __init__(self, store: HoldStore, boot: str) -> None:
        self._store = store
        self._boot = boot

    # --- commands ---

    def carry_out(self, now: float, command: Command, ground: Ground) -> tuple[str, ...]:
        """Do what an operator orders; what it leads to is decided in the next tick.

        Returns
        -------
        A sentence for each fleet or worker.

        Raises
        ------
        UnknownName : there is no such fleet or worker.
        CommandRefused : it cannot be done as things are; nothing was.
        StoreError
        """
        match command:
            case HoldFleets():
                return self._hold_fleets(now, command, ground)
            case ReleaseFleets():
                return self._release_fleets(now, command, ground)
            case DrainWorker():
                return (self._drain_worker(now, command, ground),)
            case ReleaseWorker():
                scene = _seen(ground)
                _known(command.worker, scene, ground.config, "release {}` ends whatever holds it")
                return (self._release_worker(now, command.worker, scene, ground),)

    def _hold_fleets(self, now: float, command: HoldFleets, ground: Ground) -> tuple[str, ...]:
        fleets = _fleets(command.fleets, ground.config)
        if command.workers is not None and not command.stopped:
            for fleet in fleets:
                _check_size(fleet, command.workers)
        before = {name: hold for name, hold in self._store.holds().items() if not _is_over(hold, now)}
        if command.fleets is not None and not command.stopped:
            for name, old in before.items():
                if name in command.fleets and old.stopped:
                    raise CommandRefused(_is_stopped(name, old))
        return tuple(
            self._hold_fleet(now, fleet.name, before.get(fleet.name), command, ground) for fleet in fleets
        )

    def _hold_fleet(
        self, now: float, name: str, old: Hold | None, command: HoldFleets, ground: Ground
    ) -> str:
        if old is not None and old.stopped and not command.stopped:
            return f"{_is_stopped(name, old)}, and it is left stopped"
        if command.this_boot and old is not None and old.stopped and not old.boot:
            return f"{name}: {ordered(old)} already; that outlives this boot"
        terms = command.terms
        until = None if terms.lasts is None else now + terms.lasts
        hold = Hold(command.workers, terms.by, terms.reason, now, until, command.stopped)
        if command.this_boot:
            hold = replace(hold, boot=self._boot, beneath=_beneath(old, ground.sizes.get(name)))
        self._store.put_hold(name, hold)
        was = f" (was {ordered(old)})" if old is not None else ""
        return f"{_told(now, name, hold)}{was}{_DRY if ground.is_dry(name) else ''}"

    def _release_fleets(self, now: float, command: ReleaseFleets, ground: Ground) -> tuple[str, ...]:
        before = self._store.holds()
        said = []
        for name in [fleet.name for fleet in _fleets(command.fleets, ground.config)]:
            hold = before.get(name)
            if hold is not None and hold.stopped and not command.stopped:
                text = _is_stopped(name, hold)
                if command.fleets is not None:
                    raise CommandRefused(text)
                said.append(text)
                continue
            self._store.delete_holds([name])
            said.append(f"{name}: {f'released, was {ordered(hold)}' if hold else 'nothing holds it'}")
        return (*said, *(self._release_their_workers(now, command, ground) if command.workers else ()))

    def _release_their_workers(self, now: float, command: ReleaseFleets, ground: Ground) -> Iterator[str]:
        scene = ground.look()
        if isinstance(scene, str):
            yield f"held workers could not be looked at and stay as they are: {scene}"
            return
        holds = self._store.worker_holds()
        for name, fleet in scene.names.items():
            if command.fleets is not None and fleet not in command.fleets:
                continue
            if name in holds or _is_held(scene, name, None):
                try:
                    yield self._release_worker(now, name, scene, ground)
                except CommandRefused as refused:
                    yield str(refused)

    def _drain_worker(self, now: float, command: DrainWorker, ground: Ground) -> str:
        scene, name, terms = _seen(ground), command.worker, command.terms
        fleet = _known(name, scene, ground.config, "stop {}` drains all of it")
        if fleet not in ground.config.fleets:
            raise CommandRefused(f"{name}: its fleet {fleet} has left the config, so it drains already")
        process = scene.processes.get(name)
        if process is None:
            raise CommandRefused(f"{name} is not started yet; order it again in a moment")
        old = self._store.worker_holds().get(name)
        if process.state is ProgramState.FAILED and old is None:
            raise CommandRefused(f"{name} has failed and is being replaced; there is nothing to drain")
        until = None if terms.lasts is None else now + terms.lasts
        out = name not in scene.drains and process.state in DOWN
        self._store.put_worker_hold(WorkerHold(name, terms.by, terms.reason, now, until, out))
        what = "is out of service" if out else "finishes what it has and goes out of service"
        note = _DRY if ground.is_dry(fleet) and not out else ""
        was = f" (was drained{by(old)})" if old is not None and not _is_over(old, now) else ""
        told = f"{name}: {what}, and stays so{_until(now, until)}; `autoscaler release {name}` ends that"
        return f"{told}{was}{note}"

    def _release_worker(self, now: float, name: str, scene: Scene, ground: Ground) -> str:
        """End the hold of a worker, whoever holds it: start it, or leave it to its fleet.

        Raises
        ------
        CommandRefused : it cannot be started.
        """
        process, hold = scene.processes.get(name), self._store.worker_holds().get(name)
        if name in scene.drains or process is None or not _is_held(scene, name, hold):
            self._store.delete_worker_holds([name])
            return f"{name}: {'released; its fleet decides about it' if hold else 'nothing holds it'}"
        if process.state is ProgramState.STOPPING:
            raise CommandRefused(f"{name} is still stopping: release it again when it has stopped")
        if ground.is_dry(scene.names[name]):
            raise CommandRefused(
                f"{name} is not started in a dry run; `supervisorctl start {name}` starts it"
            )
        fleet = self._store.holds().get(scene.names[name])
        if fleet is not None and fleet.stopped:
            self._store.put_drain(Drain(name, DrainPhase.DRAINING, now, "its fleet is stopped"))
            self._store.delete_worker_holds([name])
            return f"{name}: released; it is taken out, since its fleet is stopped"
        try:
            ground.start(name)
        except TargetError as error:
            raise CommandRefused(f"{name} could not be started: {error}") from error
        self._store.delete_worker_holds([name])
        return f"{name}: released, and started"

    # --- time, and what others do ---

    def fleets(self) -> Mapping[str, Hold]:
        """What is ordered, by fleet; also what has had its time and was not ended yet."""
        return self._store.holds()

    def workers(self) -> Mapping[str, WorkerHold]:
        """Who is ordered out of service, by worker name."""
        return self._store.worker_holds()

    def settle(self, now: float, scene: Scene, ground: Ground) -> tuple[str, ...]:
        """Bring the holds in line with what there is, before anything is decided.

        Returns
        -------
        What ended and why, in words. A fleet's hold whose time is over is left to `end_expired`: the
        next decision is to say so.
        """
        return (*self._settle_fleets(now, ground.config), *self._settle_workers(now, scene, ground))

    def end_expired(self, now: float) -> tuple[str, ...]:
        """Forget the fleets' holds whose time is over; returns what ended, in words."""
        over = {name: hold for name, hold in self._store.holds().items() if _is_over(hold, now)}
        if over:
            self._store.delete_holds(over)
        return tuple(f"{name}: no longer {ordered(hold)}: its time is over" for name, hold in over.items())

    def _settle_fleets(self, now: float, config: Config) -> Iterator[str]:
        for name, hold in self._store.holds().items():
            if name not in config.fleets:
                self._store.delete_holds([name])
                yield f"{name}: has left the config; it was {ordered(hold)}, which ends with that"
            elif hold.boot and self._boot and hold.boot != self._boot:
                yield self._end_boot(name, hold)
            elif hold.since > now:
                self._store.note_hold(name, _not_after(hold, now))

    def _end_boot(self, name: str, hold: Hold) -> str:
        if hold.beneath is None:
            self._store.delete_holds([name])
            return f"{name}: no longer {ordered(hold)}: the machine has started again"
        self._store.note_hold(name, hold.beneath)
        return f"{name}: {ordered(hold.beneath)} again: the machine has started again"

    def _settle_workers(self, now: float, scene: Scene, ground: Ground) -> Iterator[str]:
        for name, hold in self._store.worker_holds().items():
            if why := _void(name, hold, ground.config, scene):
                self._store.delete_worker_holds([name])
                yield f"{name}: {why}; the hold{by(hold)} ends with that"
            elif _is_over(hold, now):
                yield from self._end_worker(now, name, scene, ground)
            elif hold.since > now:
                self._store.note_worker_hold(_not_after(hold, now))
            elif hold.out and name not in scene.drains and _is_alive(scene, name):
                self._store.note_worker_hold(replace(hold, out=False))
                yield f"{name}: a restarted supervisord has started it; it is taken out of service again"
            elif not hold.out and name not in scene.drains and _has_ended(scene, name):
                self._store.put_away([name])

    def _end_worker(self, now: float, name: str, scene: Scene, ground: Ground) -> Iterator[str]:
        try:
            yield f"{self._release_worker(now, name, scene, ground)}: its time is over"
        except StoreError:
            return  # it can be neither started nor taken out before that is written; the store says why
        except CommandRefused as refused:
            if isinstance(refused.__cause__, TargetRefused):  # it would say so for ever
                self._store.delete_worker_holds([name])
                yield f"{refused}; it stays stopped"


def _fleets(names: tuple[str, ...] | None, config: Config) -> list[Fleet]:
    if names is None:
        return list(config.fleets.values())
    if missing := [name for name in names if name not in config.fleets]:
        raise UnknownName(no_fleet(missing[0], config.fleets))
    return [config.fleets[name] for name in names]


def _check_size(fleet: Fleet, workers: int) -> None:
    name = fleet.name
    if workers > fleet.max_workers:
        raise CommandRefused(
            f"{name}: {workers} is more than max_workers ({fleet.max_workers}); change that in the config"
        )
    if workers < fleet.min_workers:
        raise CommandRefused(
            f"{name}: {workers} is less than min_workers ({fleet.min_workers}); change that in the config, "
            f"or take all out with `autoscaler stop {name}`"
        )


def _beneath(old: Hold | None, size: int | None) -> Hold | None:
    """What holds again in the next boot; a pause as the size that it kept, since there will be none then."""
    if old is None or old.boot:
        return old.beneath if old is not None else None
    return replace(old, workers=size) if old.workers is None else old


def _seen(ground: Ground) -> Scene:
    scene = ground.look()
    if isinstance(scene, str):
        raise CommandRefused(f"the workers cannot be looked at just now: {scene}")
    return scene


def _known(worker: str, scene: Scene, config: Config, instead: str) -> str:
    """The fleet of a worker; `instead` is what to do with a fleet."""
    if worker in config.fleets:
        raise UnknownName(f"{worker!r} is a fleet: `autoscaler {instead.format(worker)}")
    if worker not in scene.names:
        raise UnknownName(f"there is no worker {worker!r}; {nearest(worker, scene.names)}")
    return scene.names[worker]


def _is_held(scene: Scene, name: str, hold: WorkerHold | None) -> bool:
    """Whether a worker is stopped, or stopping, by nobody's doing but an operator's."""
    process = scene.processes.get(name)
    if process is None or process.started_at == 0 or name in scene.drains:
        return False
    if process.state is ProgramState.FAILED:
        return hold is not None  # else it has failed, and is being replaced
    return process.state in {ProgramState.STOPPED, ProgramState.STOPPING}


def _has_ended(scene: Scene, name: str) -> bool:
    process = scene.processes.get(name)
    return process is not None and process.state in DOWN


def _void(name: str, hold: WorkerHold, config: Config, scene: Scene) -> str:
    """Why a worker's hold has no object any more; empty while it has."""
    fleet = scene.names.get(name)
    if fleet is None:
        return "it is gone"
    if fleet not in config.fleets:
        return f"its fleet {fleet} has left the config"
    process = scene.processes.get(name)
    # A supervisord that was restarted starts all its programs, and has stopped none of them yet.
    by_hand = hold.out and process is not None and process.ended_at > 0 and _is_alive(scene, name)
    return "it was started by hand" if by_hand and name not in scene.drains else ""


def _is_alive(scene: Scene, name: str) -> bool:
    process = scene.processes.get(name)
    return process is not None and process.state not in {*DOWN, ProgramState.STOPPING}


def _is_over(hold: Hold | WorkerHold, now: float) -> bool:
    return hold.until is not None and hold.until <= now


def _not_after(hold: H, now: float) -> H:
    """The same hold with as much time left as it had when it began: the clock was set back."""
    left = None if hold.until is None else now + (hold.until - hold.since)
    return replace(hold, since=now, until=left)


def _is_stopped(name: str, hold: Hold) -> str:
    """Why neither a pause, a size nor their end is for this fleet: any of them would start it unawares."""
    return f"{name}: is {ordered(hold)}; `autoscaler start {name}` ends that"


def _told(now: float, name: str, hold: Hold) -> str:
    verb, what = "resume", "paused"
    if hold.stopped:
        verb, what = "start", "stopped, its workers finish what they have and go"
    elif hold.workers is not None:
        what = f"kept at {count(hold.workers)}"
    end = "; it ends when the machine starts again" if hold.boot else ""
    return f"{name}: {what}{_until(now, hold.until)}{end}; `autoscaler {verb} {name}` ends that"


def _until(now: float, until: float | None) -> str:
    return "" if until is None else f" until {moment(until, now)}"
