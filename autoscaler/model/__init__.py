"""The values that flow through one tick.

    queue counts, worker replies, processes, host  ->  Observation
    Observation + config + memory                  ->  Situation (one a fleet)
    Situation  --decide-->  Decision               (pure)
    Decision   --act-->     steps on supervisord and the workers
    all of it                                      ->  Tick  (stored and shown)

Every value is frozen. Times are seconds since the epoch on the daemon's steady clock (it never
steps back while the daemon runs), durations are seconds, memory is bytes.
"""

from autoscaler.model.commands import (
    Answer,
    Command,
    DrainWorker,
    HoldFleets,
    PauseFleets,
    ReleaseFleets,
    ReleaseWorker,
    ScaleFleets,
    StopFleets,
    Terms,
)
from autoscaler.model.decided import (
    Decision,
    Demand,
    FleetState,
    FleetTick,
    HostBudget,
    Reason,
    Recommendation,
    Situation,
    ThresholdState,
    Tick,
)
from autoscaler.model.history import PastDecision, Sample
from autoscaler.model.holds import FixedSize, Hold, Paused, Stopped, WorkerHold
from autoscaler.model.learnt import Expectation, Minute, MinuteSoFar, Past
from autoscaler.model.measured import (
    Counted,
    Estimate,
    Measures,
    Moment,
    Track,
    count_at,
)
from autoscaler.model.observed import (
    ActiveTask,
    HostStats,
    Known,
    Observation,
    QueueStats,
    Reading,
    Unknown,
    WorkerStats,
)
from autoscaler.model.programs import DOWN, Process, ProgramSpec, ProgramState
from autoscaler.model.settings import (
    BacklogPerWorker,
    Fallback,
    MaxWait,
    PolicySettings,
    Rate,
    Scaling,
    Schedule,
    Threshold,
)
from autoscaler.model.singletons import (
    Beat,
    SingletonRecord,
    SingletonState,
    SingletonTick,
    app_of_beat,
    folder_of_program,
)
from autoscaler.model.workers import (
    SERVING,
    STARTED_WITHIN,
    Drain,
    DrainPhase,
    SeenWorker,
    Worker,
    WorkerState,
)

__all__ = [
    "DOWN",
    "SERVING",
    "STARTED_WITHIN",
    "ActiveTask",
    "Answer",
    "BacklogPerWorker",
    "Beat",
    "Command",
    "Counted",
    "Decision",
    "Demand",
    "Drain",
    "DrainPhase",
    "DrainWorker",
    "Estimate",
    "Expectation",
    "Fallback",
    "FixedSize",
    "FleetState",
    "FleetTick",
    "Hold",
    "HoldFleets",
    "HostBudget",
    "HostStats",
    "Known",
    "MaxWait",
    "Measures",
    "Minute",
    "MinuteSoFar",
    "Moment",
    "Observation",
    "Past",
    "PastDecision",
    "PauseFleets",
    "Paused",
    "PolicySettings",
    "Process",
    "ProgramSpec",
    "ProgramState",
    "QueueStats",
    "Rate",
    "Reading",
    "Reason",
    "Recommendation",
    "ReleaseFleets",
    "ReleaseWorker",
    "Sample",
    "ScaleFleets",
    "Scaling",
    "Schedule",
    "SeenWorker",
    "SingletonRecord",
    "SingletonState",
    "SingletonTick",
    "Situation",
    "StopFleets",
    "Stopped",
    "Terms",
    "Threshold",
    "ThresholdState",
    "Tick",
    "Track",
    "Unknown",
    "Worker",
    "WorkerHold",
    "WorkerState",
    "WorkerStats",
    "app_of_beat",
    "count_at",
    "folder_of_program",
]
