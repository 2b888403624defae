"""Workers that celery left half dead: an unrecoverable error in their log, and a process that lives on.

With gevent a connection that is used by two greenlets as the broker comes back ends the consumer, not the
process. That is a defect of celery's; the daemon cannot tell it from a long task, and an operator ends it.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import psutil

from chaos.ledger import Window

FAULT: Final = "worker_stuck"
WHAT: Final = "celery's worker stuck after an unrecoverable error"
#: Seconds in which a worker that gives up finishes its tasks and ends by itself.
GRACE: Final = 20.0
_SAID: Final = re.compile(
    r"^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}): CRITICAL/[^]]*\] Unrecoverable error", re.M
)


def said(text: str) -> float | None:
    """When a worker's log told of an unrecoverable error for the last time, if it did."""
    found = _SAID.findall(text)
    if not found:
        return None
    second, milliseconds = found[-1]
    return datetime.strptime(second, "%Y-%m-%d %H:%M:%S").astimezone().timestamp() + int(milliseconds) / 1000


class StuckWorkers:
    """Finds them and ends them, as an operator would.

    Parameters
    ----------
    logs : folder of the workers' logs, each called as its worker.
    workers : gives the pids of the worker processes by name.
    """

    def __init__(self, logs: Path, workers: Callable[[], dict[str, list[int]]]) -> None:
        self._logs = logs
        self._workers = workers
        self._read_up_to: dict[str, int] = {}
        self._said: dict[str, float] = {}

    def end(self, now: float) -> list[Window]:
        """End those that have been stuck for `GRACE` seconds; what was done, as injections are told."""
        self._read()
        due = {name: at for name, at in self._said.items() if now - at > GRACE}
        for name in due:
            del self._said[name]
        workers = self._workers() if due else {}
        return [
            Window(FAULT, at, now, None, killed=frozenset(_kill(pid)), detail=f"{name} pid {pid}")
            for name, at in due.items()
            for pid in workers.get(name, ())
            if _started(pid) < at
        ]

    def _read(self) -> None:
        for path in self._logs.glob("*.log"):
            with contextlib.suppress(OSError), path.open("rb") as file:
                start = self._read_up_to.get(path.stem, 0)
                file.seek(start if start <= path.stat().st_size else 0)
                new = file.read()
                whole = new[: new.rfind(b"\n") + 1]
                self._read_up_to[path.stem] = file.tell() - len(new) + len(whole)
                if at := said(whole.decode(errors="replace")):
                    self._said[path.stem] = at


def _started(pid: int) -> float:
    """When a process began; never, if it is gone."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return float("inf")


def _kill(pid: int) -> Iterator[int]:
    """SIGKILL a worker and its children; yield the pids."""
    children: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        children = psutil.Process(pid).children(recursive=True)
    for each in (pid, *(child.pid for child in children)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, 9)
        yield each
