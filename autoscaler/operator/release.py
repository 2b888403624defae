"""The release of a single worker, by a command or because the time of its hold has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from autoscaler.config import Config
from autoscaler.errors import CommandRefused, TargetError
from autoscaler.model import Drain, DrainPhase, Hold, ProgramState, Stopped, WorkerHold
from autoscaler.supervisord.programs_seen import Scene


class ReleaseStore(Protocol):
    """The database, as a release needs it."""

    def holds(self) -> dict[str, Hold]: ...
    def worker_holds(self) -> dict[str, WorkerHold]: ...
    def delete_worker_holds(self, workers: Iterable[str]) -> None: ...
    def put_drain(self, drain: Drain) -> None: ...


class Release:
    """Ends the holds of single workers.

    Parameters
    ----------
    start : starts a stopped program; raises TargetError.
    """

    def __init__(self, store: ReleaseStore, start: Callable[[str], None]) -> None:
        self._store = store
        self._start_program = start

    def release(self, now: float, name: str, seen: Scene, config: Config) -> str:
        """End the hold of a worker: start the worker, or leave it to its fleet.

        Returns
        -------
        A sentence.

        Raises
        ------
        CommandRefused : the worker cannot be started.
        StoreError
        """
        hold = self._store.worker_holds().get(name)
        if not is_held(seen, name, hold):
            self._store.delete_worker_holds([name])
            return f"{name}: {'released; its fleet decides about it' if hold else 'nothing holds it'}"
        _check_it_may_start(name, seen, config)
        if isinstance(self._store.holds().get(seen.names[name]), Stopped):
            return self._drain(now, name)
        return self._start(name)

    def _drain(self, now: float, name: str) -> str:
        self._store.put_drain(Drain(name, DrainPhase.DRAINING, now, "its fleet is stopped"))
        self._store.delete_worker_holds([name])
        return f"{name}: released and removed, because its fleet is stopped"

    def _start(self, name: str) -> str:
        try:
            self._start_program(name)
        except TargetError as error:
            raise CommandRefused(f"{name} could not be started: {error}") from error
        self._store.delete_worker_holds([name])
        return f"{name}: released and started"


def is_held(seen: Scene, name: str, hold: WorkerHold | None) -> bool:
    """Whether an operator, and neither a drain of ours nor a crash, has a worker stopped or stopping."""
    process = seen.processes.get(name)
    if process is None or process.started_at == 0 or name in seen.drains:
        return False
    if process.state is ProgramState.FAILED:
        return hold is not None  # without a hold it has failed, and is being replaced
    return process.state in {ProgramState.STOPPED, ProgramState.STOPPING}


def _check_it_may_start(name: str, seen: Scene, config: Config) -> None:
    if seen.processes[name].state is ProgramState.STOPPING:
        raise CommandRefused(f"{name} is still stopping: release it again when it has stopped")
    if config.is_dry(seen.names[name]):
        raise CommandRefused(
            f"{name} is not started in a dry run; to start it all the same: `supervisorctl start {name}`"
        )
