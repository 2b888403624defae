"""The decisions: pure functions from observed values to actions; no clock, no I/O."""

from autoscaler.decide.decision import decide
from autoscaler.decide.demand import Reader, fleet_demands
from autoscaler.decide.expected_wait import expected_wait
from autoscaler.decide.memory import not_after
from autoscaler.decide.starts import alarm

__all__ = ["Reader", "alarm", "decide", "expected_wait", "fleet_demands", "not_after"]
