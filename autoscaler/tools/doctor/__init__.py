"""Looks at everything that the daemon will rely on, and says what to do where something is wrong.

    config  --probes, one after another, each with a deadline-->  findings

Nothing is changed: no worker, no program, no queue. What cannot be seen is told as unknown.
"""

from autoscaler.tools.doctor.examine import examine
from autoscaler.tools.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine"]
