"""What should be: pure functions from what was seen to what is to be done; no clock, no I/O."""

from autoscaler.decide.decision import decide
from autoscaler.decide.demand import Reader, fleet_demands

__all__ = ["Reader", "decide", "fleet_demands"]
