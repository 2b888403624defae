"""The decisions of one tick: a situation and a decision for each fleet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from autoscaler.config import Config
from autoscaler.decide import Reader, decide, fleet_demands
from autoscaler.decide.memory_room import Members, Room
from autoscaler.loop.containment import Containment
from autoscaler.loop.remembered import Remembered
from autoscaler.model import (
    STARTED_WITHIN,
    Decision,
    Demand,
    FleetState,
    Hold,
    Observation,
    Scaling,
    Situation,
    Unknown,
    Worker,
    WorkerState,
)
from autoscaler.observe.sources import MemoryMeter

#: What a fleet that is no longer in the config is scaled by.
RETIRED = Scaling(min_workers=0, max_workers=0, concurrency=1, retired=True)


@dataclass(frozen=True, slots=True)
class Decided:
    """A fleet's decision, and what it was taken on."""

    situation: Situation
    #: As it was before.
    memory: FleetState
    decision: Decision


def decide_all(
    now: float,
    config: Config,
    observation: Observation,
    workers: Mapping[str, Worker],
    *,
    holds: Mapping[str, Hold],
    remembered: Remembered,
    meter: MemoryMeter,
    containment: Containment,
    troubled: Mapping[str, str],
) -> dict[str, Decided | str]:
    """Decide for every fleet of the config, and for those that are no longer in it.

    Parameters
    ----------
    workers : by name.
    holds : by fleet.
    remembered : the state that the decisions go on from; it takes the state that the next ones go on from.
    troubled : fleets that could not be observed, and why: nothing is decided for them.

    Returns
    -------
    By fleet; in place of a decision the reason why there is none.
    """
    fleets = scalings(config, workers)
    members = {fleet: tuple(w for w in workers.values() if w.fleet == fleet) for fleet in fleets}
    demands = _demands(now, config, observation, workers, containment=containment)
    room = _room(now, config, observation, members, meter=meter, containment=containment)
    decided: dict[str, Decided | str] = dict(troubled)
    for fleet, scaling in fleets.items():
        if fleet in troubled:
            continue
        with containment.contained("decide", fleet) as caught:
            situation = Situation(
                now,
                fleet,
                scaling,
                demands[fleet],
                members[fleet],
                room.budget(fleet),
                holds.get(fleet),
                remembered.measure(now, fleet, demands[fleet], members[fleet]),
            )
            decided[fleet] = each = _decide(config, situation, remembered)
            room.take(fleet, each.decision.start)
        if caught:
            decided[fleet] = caught.trouble
    remembered.forget_all_but(fleets)
    return decided


def _decide(config: Config, situation: Situation, remembered: Remembered) -> Decided:
    fleet = situation.fleet
    before = remembered.fleet(fleet)
    decision, state = decide(situation, before)
    # A dry run must not step on from sizes that it never made.
    remembered.note_decision(fleet, replace(state, size=None) if config.is_dry(fleet) else state)
    if fleet not in config.fleets:
        decision = _retire(decision, situation.workers)
    return Decided(situation, before, decision)


def scalings(config: Config, workers: Mapping[str, Worker]) -> dict[str, Scaling]:
    """The bounds of each fleet of the config, and of each that still has workers."""
    retired = {worker.fleet for worker in workers.values()} - set(config.fleets)
    configured = {name: fleet.scaling for name, fleet in config.fleets.items()}
    return configured | dict.fromkeys(sorted(retired), RETIRED)


def _demands(
    now: float,
    config: Config,
    observation: Observation,
    workers: Mapping[str, Worker],
    *,
    containment: Containment,
) -> Mapping[str, Demand]:
    """The demand of every fleet; that of a fleet which has left the config is nothing."""
    readers = [
        Reader(name, fleet.queues, fleet.max_workers * fleet.concurrency)
        for name, fleet in config.fleets.items()
    ]
    demands: dict[str, Demand] = {}
    with containment.contained("demand") as caught:
        demands = fleet_demands(now, readers, observation.queues, tuple(workers.values()))
    unknown = (caught.trouble,) if caught else ()
    nothing = {fleet: Demand(0, 0, 0) for fleet in scalings(config, workers)}
    return nothing | {reader.fleet: Demand(0, 0, 0, unknown) for reader in readers} | demands


def _room(
    now: float,
    config: Config,
    observation: Observation,
    members: Mapping[str, Members],
    *,
    meter: MemoryMeter,
    containment: Containment,
) -> Room:
    sizes: dict[str, int | None] = dict.fromkeys(members)
    for fleet, each in members.items():
        with containment.contained("memory", fleet):
            sizes[fleet] = meter.per_worker(now, fleet, _grown(now, each))
    host = observation.host
    spare = None if isinstance(host, Unknown) else host.value.memory_available - config.host.reserve_memory
    return Room(spare, members, sizes)


def _grown(now: float, members: Members) -> list[int]:
    """Pids of those that have grown to their size: which have answered, or had the time to."""
    return [w.pid for w in members if w.pid and (w.answered or now - w.since > STARTED_WITHIN)]


def _retire(decision: Decision, members: Members) -> Decision:
    """Let the workers that an operator stopped go as well: nobody can start them in a fleet that is gone."""
    held = tuple(worker.name for worker in members if worker.state is WorkerState.HELD)
    return replace(decision, drain=(*decision.drain, *held))
