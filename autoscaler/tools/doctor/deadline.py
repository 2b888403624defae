"""The deadline of each probe."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator

from autoscaler.errors import AutoscalerError
from autoscaler.tools.doctor.finding import Finding, unknown

Probe = Callable[[], Iterable[Finding]]


def within(seconds: float, name: str, probe: Probe) -> Iterator[Finding]:
    """Give a probe's findings as they come; one that takes too long, or fails, is told as unknown.

    The probe runs in a thread of its own, which is left behind when the time is up: a name that does
    not resolve, or a file on a dead server, cannot be waited for in any other way.
    """
    said: queue.SimpleQueue[Finding | None] = queue.SimpleQueue()
    thread = threading.Thread(target=_say, args=(name, probe, said.put), name=name, daemon=True)
    thread.start()
    while True:
        try:
            finding = said.get(timeout=seconds)
        except queue.Empty:
            yield unknown(name, f"no result within {seconds:g} s")
            return
        if finding is None:
            return
        yield finding


def _say(name: str, probe: Probe, put: Callable[[Finding | None], None]) -> None:
    try:
        for finding in probe():
            put(finding)
    except (AutoscalerError, OSError, ValueError) as failure:
        put(unknown(name, f"could not be looked at: {failure}"))
    finally:
        put(None)
