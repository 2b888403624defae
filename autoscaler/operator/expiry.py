"""Holds that end: with their time, with the boot, with the fleet or the worker that they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from autoscaler.config import Config
from autoscaler.errors import CommandRefused, StoreError, TargetRefused
from autoscaler.model import DOWN, Hold, ProgramState, Stopped, WorkerHold
from autoscaler.model.holds import not_after
from autoscaler.operator.release import Release, ReleaseStore
from autoscaler.supervisord.programs_seen import Scene

_REBOOTED = "the machine has started again"


class ExpiryStore(ReleaseStore, Protocol):
    """The database, as the end of holds needs it."""

    def note_hold(self, fleet: str, hold: Hold) -> None: ...
    def delete_holds(self, fleets: Iterable[str]) -> None: ...
    def note_worker_hold(self, hold: WorkerHold) -> None: ...
    def put_away(self, workers: Iterable[str]) -> None: ...


class Expiry:
    """Keeps the holds in line with what there is.

    Parameters
    ----------
    boot : of this machine; empty: unknown, then no hold ends with it.
    start : starts a stopped program; raises TargetError.
    """

    def __init__(self, store: ExpiryStore, boot: str, *, start: Callable[[str], None]) -> None:
        self._store = store
        self._boot = boot
        self._release = Release(store, start).release

    def settle(self, now: float, seen: Scene, config: Config) -> tuple[str, ...]:
        """Bring the holds in line with the config, the boot, the clock and the programs, before a decision.

        Returns
        -------
        A sentence for each change. A fleet's hold whose time is over is left to `end_expired`: the next
        decision is to name it.
        """
        return (*self._settle_fleets(now, config), *self._settle_workers(now, seen, config))

    def end_expired(self, now: float) -> tuple[str, ...]:
        """Delete the holds of fleets whose time is over; returns a sentence for each."""
        over = {name: hold for name, hold in self._store.holds().items() if hold.is_over(now)}
        if over:
            self._store.delete_holds(over)
        return tuple(f"{name}: no longer {hold}: the time is over" for name, hold in over.items())

    # --- fleets ---

    def _settle_fleets(self, now: float, config: Config) -> Iterator[str]:
        for name, hold in self._store.holds().items():
            if name not in config.fleets:
                self._store.delete_holds([name])
                yield f"{name}: no longer {hold}: the fleet has left the config"
            elif isinstance(hold, Stopped) and self._is_of_another_boot(hold):
                yield self._end_with_the_boot(name, hold)
            elif hold.since > now:
                self._store.note_hold(name, not_after(now, hold))

    def _is_of_another_boot(self, hold: Stopped) -> bool:
        return bool(hold.boot and self._boot) and hold.boot != self._boot

    def _end_with_the_boot(self, name: str, hold: Stopped) -> str:
        if hold.beneath is None:
            self._store.delete_holds([name])
            return f"{name}: no longer {hold}: {_REBOOTED}"
        self._store.note_hold(name, hold.beneath)
        return f"{name}: {hold.beneath} again: {_REBOOTED}"

    # --- single workers ---

    def _settle_workers(self, now: float, seen: Scene, config: Config) -> Iterator[str]:
        for name, hold in self._store.worker_holds().items():
            if why := _without_object(hold, seen, config):
                self._store.delete_worker_holds([name])
                yield f"{name}: no longer {hold}: {why}"
            elif hold.is_over(now):
                yield from self._end_worker(now, name, seen, config)
            elif hold.since > now:
                self._store.note_worker_hold(not_after(now, hold))
            elif name not in seen.drains:
                yield from self._follow_process(hold, seen)

    def _end_worker(self, now: float, name: str, seen: Scene, config: Config) -> Iterator[str]:
        try:
            yield f"{self._release(now, name, seen, config)}: the time of its hold is over"
        except StoreError:
            return  # a release that cannot be written starts and drains nothing; the store says why
        except CommandRefused as refused:
            if isinstance(refused.__cause__, TargetRefused):  # it would be refused at every tick
                self._store.delete_worker_holds([name])
                yield f"{refused}; it stays stopped"

    def _follow_process(self, hold: WorkerHold, seen: Scene) -> Iterator[str]:
        """Note that a held worker's process has ended, or that supervisord has started it again."""
        if hold.out and _is_alive(seen, hold.worker):
            self._store.note_worker_hold(replace(hold, out=False))
            yield f"{hold.worker}: a restarted supervisord has started it; it is drained again"
        elif not hold.out and _has_ended(seen, hold.worker):
            self._store.put_away([hold.worker])


def _without_object(hold: WorkerHold, seen: Scene, config: Config) -> str:
    """Why a worker's hold has no object any more; empty while it has."""
    fleet = seen.names.get(hold.worker)
    if fleet is None:
        return "the worker is gone"
    if fleet not in config.fleets:
        return f"its fleet {fleet} has left the config"
    return "it was started by hand" if _was_started_by_hand(hold, seen) else ""


def _was_started_by_hand(hold: WorkerHold, seen: Scene) -> bool:
    process = seen.processes.get(hold.worker)
    # A supervisord that was restarted starts all its programs, and has stopped none of them yet.
    was_stopped_by_it = process is not None and process.ended_at > 0
    is_back = was_stopped_by_it and _is_alive(seen, hold.worker)
    return hold.out and is_back and hold.worker not in seen.drains


def _is_alive(seen: Scene, name: str) -> bool:
    process = seen.processes.get(name)
    return process is not None and process.state not in {*DOWN, ProgramState.STOPPING}


def _has_ended(seen: Scene, name: str) -> bool:
    process = seen.processes.get(name)
    return process is not None and process.state in DOWN
