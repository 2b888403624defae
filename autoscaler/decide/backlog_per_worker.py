"""The policy `backlog_per_worker`: one worker for so many waiting tasks.

Within the tolerance of what the present size is good for, the present size stays. This stands in the
policy and not among the limits behind the highest recommendation: there it could undo another
policy's step, and more demand could mean fewer workers.

Source: Kubernetes HPA, "Algorithm details" (tolerance, 0.1 by default).
"""

from __future__ import annotations

from autoscaler.decide.case import Case
from autoscaler.model import BacklogPerWorker, Recommendation
from autoscaler.model.numbers import quotient, rounded_up
from autoscaler.text import count, number

KEY = "backlog_per_worker"

#: Below this a ratio is rounding noise: 1 / 0.05 must need 20 workers and not 21.
NOISE_DIGITS = 9
NOISE = 10.0**-NOISE_DIGITS


def recommend(settings: BacklogPerWorker, case: Case) -> Recommendation:
    """Workers for what waits, or the size when it is near enough."""
    needed = quotient(case.demand.waiting, settings.target)
    waiting = f"{number(case.demand.waiting)} waiting"
    if _near(needed, case.size, case.scaling.tolerance):
        share = f"{number(case.scaling.tolerance * 100)} %"
        text = f"{waiting}, within {share} of {number(settings.target)} for each of {count(case.size)}"
        return Recommendation(KEY, case.size, text)
    workers = rounded_up(round(needed, NOISE_DIGITS))
    text = f"{waiting}, {number(settings.target)} for each worker: {count(workers)}"
    return Recommendation(KEY, workers, text)


def _near(needed: float, size: int, tolerance: float) -> bool:
    return size > 0 and abs(needed / size - 1) <= tolerance + NOISE
