"""The doctor: probes of everything that the daemon depends on, with a cure for each problem.

    config  --probes, one after another, each with a deadline-->  findings

Nothing is changed: no worker, no program, no queue. What cannot be seen is told as unknown.
"""

from autoscaler.tools.doctor.examine import examine
from autoscaler.tools.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine"]
