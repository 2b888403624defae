"""The store, as one tick needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from autoscaler.model import Drain, FleetState, Minute, SeenWorker, Tick, Track
from autoscaler.operator.holds import HoldStore
from autoscaler.singletons.tick import SingletonStore


class Memory(HoldStore, SingletonStore, Protocol):
    """The store, as a tick needs it."""

    def drains(self) -> dict[str, Drain]: ...
    def delete_drains(self, workers: Iterable[str]) -> None: ...
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
