"""What should be: pure functions from what was seen to what is to be done; no clock, no I/O."""

from autoscaler.decide.decision import decide
from autoscaler.decide.demand import Reader, fleet_demands
from autoscaler.decide.memory import not_after

__all__ = ["Reader", "decide", "fleet_demands", "not_after"]
