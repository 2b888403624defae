"""What is measured about each fleet over time, with no task events: pure, no clock, no I/O."""

from autoscaler.measure.update import update

__all__ = ["update"]
