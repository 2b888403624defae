"""The probe of the machine's memory."""

from __future__ import annotations

import time
from collections.abc import Iterator

from autoscaler.config import Fleet
from autoscaler.model import Unknown
from autoscaler.observe.host import host_stats, process_memory
from autoscaler.text import mebibytes
from autoscaler.tools.doctor.finding import Finding, note, ok, unknown, warning
from autoscaler.tools.doctor.subject import Subject


def memory(subject: Subject) -> Iterator[Finding]:
    """There is memory above the reserve, for as many workers as the fleets may have."""
    process = subject.process
    reading = host_stats(time.time(), cgroup_of=process.pid if process else None)
    if isinstance(reading, Unknown):
        yield unknown("memory", reading.error)
        return
    reserve = subject.config.host.reserve_memory
    spare = reading.value.memory_available - reserve
    seen = f"{mebibytes(reading.value.memory_available)} are free, {mebibytes(reserve)} are kept free"
    if spare <= 0:
        yield warning(
            "memory", f"{seen}: no worker can be started", "host: {reserve_memory: ...}, or more memory"
        )
        return
    wanted = sum(_growth(subject, fleet) for fleet in subject.config.fleets.values())
    if wanted > spare:
        yield note(
            "memory",
            f"{seen}; all fleets at max_workers would take {mebibytes(wanted)} more, by what "
            "one of each takes now: they will stop growing before that",
            "lower max_workers, or more memory",
        )
    else:
        yield ok("memory", seen)


def _growth(subject: Subject, fleet: Fleet) -> int:
    """Bytes that the fleet would take more at its largest, by one worker that runs; 0 while none does."""
    pids = subject.pids_of(fleet)
    size = process_memory(pids[0]) if pids else None
    return (size or 0) * max(0, fleet.max_workers - len(pids))
