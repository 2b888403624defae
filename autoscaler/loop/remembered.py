"""The state between two ticks: workers as they were seen, states of decisions, measurements.

All of it is in the store as well, so that a daemon that is started again goes on with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from autoscaler.decide import not_after
from autoscaler.decide.memory_room import Members
from autoscaler.loop.containment import Containment
from autoscaler.measure import expected, learn, restored, track_not_after, update
from autoscaler.model import (
    Demand,
    FleetState,
    Measures,
    Minute,
    Past,
    SeenWorker,
    Tick,
    Track,
    Worker,
    WorkerState,
)
from autoscaler.supervisord.programs_seen import Scene
from autoscaler.workers.states import has_crashed, remember


class StateStore(Protocol):
    """The store, as far as the state between two ticks needs it."""

    def seen_workers(self) -> dict[str, SeenWorker]: ...
    def replace_seen_workers(self, workers: Mapping[str, SeenWorker]) -> None: ...
    def memory(self) -> dict[str, FleetState]: ...
    def tracks(self) -> dict[str, Track]: ...
    def minutes(self) -> dict[str, tuple[Minute, ...]]: ...
    def record(
        self,
        tick: Tick,
        memory: Mapping[str, FleetState],
        tracks: Mapping[str, Track],
        minutes: Mapping[str, Minute],
    ) -> None: ...


class Remembered:
    """The loop's memory; nobody else changes it.

    Parameters
    ----------
    store : has what was remembered by the daemon before.
    """

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._seen = store.seen_workers()
        self._fleets = store.memory()
        self._tracks = store.tracks()
        self._pasts = {fleet: restored(minutes) for fleet, minutes in store.minutes().items()}
        #: Each fleet's minute that this tick has ended.
        self._minutes: dict[str, Minute] = {}
        self._is_restored = True

    @property
    def seen(self) -> Mapping[str, SeenWorker]:
        """How each worker was seen last, by its name."""
        return self._seen

    @property
    def sizes(self) -> dict[str, int]:
        """The fleets' sizes, where they are known."""
        return {fleet: each.size for fleet, each in self._fleets.items() if each.size is not None}

    def begin(self, now: float) -> None:
        """Begin a tick; what was restored holds nothing that is later: the clock may have been set back."""
        if self._is_restored:
            self._fleets = {fleet: not_after(now, memory) for fleet, memory in self._fleets.items()}
            self._tracks = {fleet: track_not_after(now, track) for fleet, track in self._tracks.items()}
            self._is_restored = False

    def note_workers(
        self,
        now: float,
        scene: Scene,
        workers: Mapping[str, Worker],
        *,
        settings: Callable[[str], str],
        ended_well: Callable[[], Collection[int]],
        containment: Containment,
    ) -> None:
        """Note how workers are seen, and which of them have crashed since they were seen last.

        Parameters
        ----------
        settings : a fingerprint of a fleet's worker settings. Crashes with others tell nothing about them.
        ended_well : the pids of processes whose predecessor did not crash; asked only where one may have.
        """
        for fleet, state in list(self._fleets.items()):
            if state.crashes:
                with containment.contained("observe", fleet):
                    self._fleets[fleet] = _mended(state, settings(fleet), _of(fleet, workers))
        for worker in self._crashed(scene, workers.values(), ended_well):
            with containment.contained("observe", worker.fleet):
                crashed = _crashed(now, self.fleet(worker.fleet), worker, settings(worker.fleet))
                self._fleets[worker.fleet] = crashed
        seen = {name: remember(worker) for name, worker in workers.items()}
        if seen != self._seen:
            self._store.replace_seen_workers(seen)
            self._seen = seen

    def _crashed(
        self, scene: Scene, workers: Iterable[Worker], ended_well: Callable[[], Collection[int]]
    ) -> list[Worker]:
        """The workers that have crashed since they were seen last; those of other settings do not count."""
        ended = [
            each
            for each in workers
            if not each.outdated
            and has_crashed(
                self._seen.get(each.name), scene.processes.get(each.name), scene.drains.get(each.name)
            )
        ]
        well = ended_well() if any(each.pid for each in ended) else ()
        return [each for each in ended if each.pid not in well]

    def fleet(self, name: str) -> FleetState:
        """What a fleet's next decision goes on from."""
        return self._fleets.get(name, FleetState())

    def note_decision(self, fleet: str, memory: FleetState) -> None:
        """Note what the decision after this one goes on from."""
        self._fleets[fleet] = memory

    def measure(self, now: float, fleet: str, demand: Demand, members: Members) -> Measures:
        """Bring what is measured of a fleet up to date."""
        before = self._tracks.get(fleet, Track())
        self._tracks[fleet] = track = update(before, now, demand, members)
        past, minute = learn(self._pasts.get(fleet, Past()), before, track)
        self._pasts[fleet] = past
        if minute is not None:
            self._minutes[fleet] = minute
        return replace(track.measures, expected=expected(past))

    def forget_all_but(self, fleets: Collection[str]) -> None:
        """Forget fleets that are gone."""
        self._fleets = {fleet: memory for fleet, memory in self._fleets.items() if fleet in fleets}
        self._tracks = {fleet: track for fleet, track in self._tracks.items() if fleet in fleets}
        self._pasts = {fleet: past for fleet, past in self._pasts.items() if fleet in fleets}

    def record(self, tick: Tick) -> None:
        """Write it down together with the tick that it comes from."""
        self._store.record(tick, self._fleets, self._tracks, self._minutes)
        self._minutes = {}


def _of(fleet: str, workers: Mapping[str, Worker]) -> Iterator[Worker]:
    return (worker for worker in workers.values() if worker.fleet == fleet)


def _crashed(now: float, memory: FleetState, worker: Worker, settings: str) -> FleetState:
    failure = f"{worker.name}: {worker.failure}" if worker.failure else memory.failure
    return replace(memory, crashes=(*memory.crashes, now), crashed_with=settings, failure=failure)


def _mended(memory: FleetState, settings: str, workers: Iterable[Worker]) -> FleetState:
    """Without crashes of other settings, and without a failure after which a worker has come up."""
    if memory.crashed_with not in {"", settings}:
        return replace(memory, crashes=(), crashed_with="", failure="")
    last = max(memory.crashes)
    up = (each for each in workers if each.state is WorkerState.RUNNING and not each.outdated)
    return replace(memory, failure="") if any(each.since > last for each in up) else memory
