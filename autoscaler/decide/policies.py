"""The function of each policy, by the class of its settings."""

from __future__ import annotations

from autoscaler.decide import backlog_per_worker, max_wait, schedule, threshold
from autoscaler.decide.case import Case
from autoscaler.model import (
    BacklogPerWorker,
    MaxWait,
    PolicySettings,
    Recommendation,
    Schedule,
    Threshold,
)


def recommend(settings: PolicySettings, case: Case) -> Recommendation:
    """What one policy would have; every policy has this signature for its own settings."""
    match settings:
        case Threshold():
            return threshold.recommend(settings, case)
        case BacklogPerWorker():
            return backlog_per_worker.recommend(settings, case)
        case MaxWait():
            return max_wait.recommend(settings, case)
        case Schedule():
            return schedule.recommend(settings, case)


def highest(recommendations: tuple[Recommendation, ...]) -> Recommendation | None:
    """The highest recommendation wins; of equals the first in the config."""
    return max(recommendations, key=lambda each: each.workers, default=None)
