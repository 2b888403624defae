"""A fleet's demand, situation and decision with its reasons, and the tick that holds all."""

from __future__ import annotations

from dataclasses import dataclass, field

from autoscaler.model.holds import Hold
from autoscaler.model.measured import Measures
from autoscaler.model.observed import Observation
from autoscaler.model.settings import Scaling
from autoscaler.model.singletons import SingletonTick
from autoscaler.model.workers import Worker


@dataclass(frozen=True, slots=True)
class Demand:
    """Tasks of one fleet that are to be done now; not the ETA tasks that are not due.

    A lower bound when anything is unknown: a fleet may grow on it and never shrinks.
    """

    #: Tasks in the broker's queues, this fleet's share where others read them too.
    ready: float
    #: Tasks that this fleet's workers hold but have not started.
    reserved: int
    #: Tasks that this fleet's workers are running.
    running: int
    #: What could not be seen, in words; empty when everything could.
    unknown: tuple[str, ...] = ()

    @property
    def waiting(self) -> float:
        """Tasks that could start now if there were slots."""
        return self.ready + self.reserved

    @property
    def complete(self) -> bool:
        """Whether nothing is missing in it."""
        return not self.unknown


@dataclass(frozen=True, slots=True)
class Reason:
    """One step of the way from what was seen to what was decided."""

    #: Short and stable, e.g. ``threshold``, ``max_workers``, ``unknown``; a metric label.
    code: str
    #: A sentence with its numbers.
    text: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What one policy would have."""

    #: The policy's key in the config.
    policy: str
    workers: int
    text: str


@dataclass(frozen=True, slots=True)
class ThresholdState:
    """Since when demand has been above `up` or below `down`, at which size."""

    size: int
    above_since: float | None = None
    below_since: float | None = None


@dataclass(frozen=True, slots=True)
class FleetState:
    """What a decision remembers for the next one; small, serializable, survives restarts."""

    #: The size decided last; None before the first decision.
    size: int | None = None
    threshold: ThresholdState | None = None
    #: (time, recommended size) pairs that can still be the highest of the stabilization window.
    recommended: tuple[tuple[float, int], ...] = ()
    #: (time, decided size) at each change, as far back as the rate limits look.
    sizes: tuple[tuple[float, int], ...] = ()
    #: Since when demand has been incomplete.
    unknown_since: float | None = None
    #: When workers of this fleet ended that nobody had told to; as far back as the crash-loop limit looks.
    crashes: tuple[float, ...] = ()
    #: Fingerprint of the worker settings with which they crashed; empty: not known.
    crashed_with: str = ""
    #: The last worker that supervisord gave up on, and its own words; empty once another has come up.
    failure: str = ""


@dataclass(frozen=True, slots=True)
class HostBudget:
    """What the host has left for starting workers."""

    #: Bytes above the reserve; None: unknown.
    memory_spare: int | None
    #: Bytes that one worker of this fleet takes, measured; None before the first measurement.
    memory_per_worker: int | None


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision about one fleet may depend on, beside its memory."""

    now: float
    fleet: str
    scaling: Scaling
    demand: Demand
    #: Every worker of the fleet, in any state.
    workers: tuple[Worker, ...]
    host: HostBudget
    hold: Hold | None = None
    #: What was measured up to this tick, this tick included.
    measures: Measures = field(default_factory=Measures)


@dataclass(frozen=True, slots=True)
class Decision:
    """What should be, and why."""

    fleet: str
    at: float
    #: Serving and held workers when it was taken, those on their way to be held included.
    current: int
    #: Highest recommendation, before any limit; None when no policy had one.
    recommended: int | None
    #: Serving and held workers that there should be.
    desired: int
    #: Never empty, in the order in which they acted.
    reasons: tuple[Reason, ...]
    recommendations: tuple[Recommendation, ...]
    demand: Demand
    #: New workers to start.
    start: int = 0
    #: Draining workers to take back, by name.
    restore: tuple[str, ...] = ()
    #: Workers to drain, by name, in this order.
    drain: tuple[str, ...] = ()

    @property
    def limits(self) -> tuple[str, ...]:
        """Codes of the reasons that are news also where the size stays; sorted, since their order is none.

        What the policies propose comes and goes with each task, and so do the bounds that answer it by
        leaving everything as it is.
        """
        quiet = _QUIET | {each.policy for each in self.recommendations}
        return tuple(sorted(reason.code for reason in self.reasons if reason.code not in quiet))


#: Codes of reasons that say no more than why a size stays.
_QUIET = frozenset({"steady", "waiting", "running", "surplus", "min_workers", "stabilization"})


@dataclass(frozen=True, slots=True)
class FleetTick:
    """One fleet in one tick."""

    name: str
    scaling: Scaling
    #: Queues it reads.
    queues: tuple[str, ...]
    #: None when the processes could not be seen.
    workers: tuple[Worker, ...] | None
    #: None when the processes could not be seen, so that nothing could be decided.
    decision: Decision | None
    #: Why the decision could not be carried out, or none could be taken; empty when all went well.
    trouble: str = ""
    #: Decided and told, but not carried out.
    dry_run: bool = False
    #: What the decision was taken on, and with; None where there is none.
    situation: Situation | None = None
    memory: FleetState | None = None
    #: What an operator ordered for it.
    hold: Hold | None = None
    #: Seconds until a task that is published now starts, if no worker is added; None: unknown.
    expected_wait: float | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Everything that one tick saw, decided and did."""

    at: float
    #: Seconds that it took.
    duration: float
    observation: Observation
    fleets: tuple[FleetTick, ...]
    #: What the steps did, in words.
    actions: tuple[str, ...] = ()
    singletons: tuple[SingletonTick, ...] = ()
