"""The load of the demo: bursts of tasks, and the progress of each task.

plan -> Burst... --Load (a thread)--> broker --workers--> journal --tally--> Tally
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from celery import Celery
from kombu.exceptions import OperationalError

from autoscaler.tools.demo.broker import Broker

TASK = "shop.send"
QUEUE = "emails"

#: Seconds between two bursts.
_EVERY = 20.0
_SIZES = (160, 240, 100)
_TASK_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Burst:
    """Tasks that are published at once."""

    #: Seconds after the load started.
    at: float
    tasks: int
    #: Seconds that each task takes.
    seconds: float


def plan(duration: float) -> tuple[Burst, ...]:
    """Give the bursts of a demo; the last comes early enough to watch the fleet shrink again.

    Parameters
    ----------
    duration : seconds, > 0.
    """
    starts = (1 + _EVERY * index for index in range(int(duration / 2 / _EVERY) + 1))
    return tuple(
        Burst(at, _SIZES[index % len(_SIZES)], _TASK_SECONDS)
        for index, at in enumerate(starts)
        if index == 0 or at <= duration / 2
    )


class Entry(NamedTuple):
    """One line of the journal that the example's tasks write."""

    id: str
    #: ``start`` or ``done``.
    event: str
    #: Seconds since the epoch.
    at: float
    #: None: the publisher did not say.
    published_at: float | None
    pid: int
    #: Celery node name of the worker.
    node: str
    #: The task's own number.
    n: int


def read_journal(path: Path) -> list[Entry]:
    """Read the journal; empty before the first task ran."""
    return [_entry(line) for line in path.read_text().splitlines()] if path.exists() else []


def _entry(line: str) -> Entry:
    task, event, at, published, pid, node, n = line.split(" ")
    return Entry(
        task, event, float(at), None if published == "-" else float(published), int(pid), node, int(n)
    )


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the published tasks."""

    published: int = 0
    #: Tasks that finished at least once.
    done: int = 0
    #: Tasks that started more than once.
    run_twice: int = 0
    #: Seconds from published to first start; None before any started.
    longest_wait: float | None = None

    @property
    def lost(self) -> int:
        """Published tasks that never finished (so far)."""
        return self.published - self.done


def tally(published: Collection[str], journal: Iterable[Entry]) -> Tally:
    """Count what became of the published tasks.

    Parameters
    ----------
    published : task ids.
    journal : in the order in which it was written.
    """
    entries = [entry for entry in journal if entry.id in published]
    starts = [entry for entry in entries if entry.event == "start"]
    first = {entry.id: entry for entry in reversed(starts)}
    waits = [entry.at - entry.published_at for entry in first.values() if entry.published_at is not None]
    return Tally(
        published=len(published),
        done=len({entry.id for entry in entries if entry.event == "done"}),
        run_twice=sum(count > 1 for count in Counter(entry.id for entry in starts).values()),
        longest_wait=max(waits, default=None),
    )


class Load:
    """A thread that publishes bursts.

    Parameters
    ----------
    broker : where to; it must be started.
    bursts : in the order of their times.
    """

    def __init__(self, broker: Broker, bursts: tuple[Burst, ...]) -> None:
        self._bursts = bursts
        self._app = Celery("demo", broker=broker.url, set_as_current=False)
        self._app.conf.update(
            broker_transport_options=dict(broker.publish_options), broker_connection_timeout=5
        )
        self._published: dict[str, float] = {}
        self._stop = threading.Event()
        # A daemon: a broker that hangs must not keep the demo from ending.
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        #: What went wrong last, empty when nothing did.
        self.trouble = ""

    @property
    def finished(self) -> bool:
        """Whether it will publish nothing more."""
        return self._thread.ident is not None and not self._thread.is_alive()

    @property
    def published(self) -> Mapping[str, float]:
        """Time of publishing by task id, for the tasks that the broker has taken."""
        return dict(self._published)

    def start(self) -> None:
        """Begin with the first burst's time counted from now."""
        self._thread.start()

    def stop(self) -> None:
        """Publish nothing more."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(10)
        self._app.close()

    def _run(self) -> None:
        began = time.monotonic()
        for burst in self._bursts:
            if self._stop.wait(began + burst.at - time.monotonic()):
                return
            self._publish(burst)

    def _publish(self, burst: Burst) -> None:
        for _ in range(burst.tasks):
            if self._stop.is_set():
                return
            try:
                self._publish_one(burst.seconds)
            except (
                OSError,
                OperationalError,
            ) as error:  # the broker is away; the others may still get through
                self.trouble = f"a task could not be published: {error}"

    def _publish_one(self, seconds: float) -> None:
        identity, now = str(uuid.uuid4()), time.time()
        arguments = {"n": len(self._published), "seconds": seconds, "published_at": now}
        self._app.send_task(
            TASK,
            kwargs=arguments,
            task_id=identity,
            queue=QUEUE,
            ignore_result=True,
            retry=True,
            retry_policy={"max_retries": 3, "interval_start": 0.2},
        )
        self._published[identity] = now
