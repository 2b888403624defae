"""Measurements of each fleet over time, without task events. Pure: no clock, no I/O."""

from autoscaler.measure.clock import track_not_after
from autoscaler.measure.habits import expected, learn, restored
from autoscaler.measure.update import update

__all__ = ["expected", "learn", "restored", "track_not_after", "update"]
