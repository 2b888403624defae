"""A random load that makes fleets grow and shrink all the time, and what the broker has confirmed of it."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass
from random import Random
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from chaos.ledger import Published
from chaos.queues import queue
from chaos.shrinks import Counted

#: What sending or counting raises while a fault keeps the broker away.
AWAY = (OSError, OperationalError)

#: Seconds that a task runs at most.
LONGEST = 8.0
#: Kinds of tasks and how often, by whether the pool can interrupt a task.
_KINDS = {
    "early": 4.0,
    "late": 8.0,
    "countdown": 2.0,
    "retried": 1.0,
}
_INTERRUPTIBLE = {"soft_limit": 0.4, "hard_limit": 0.3}


@dataclass(frozen=True, slots=True)
class Lane:
    """A fleet's queue, and what is sent into it."""

    fleet: str
    queue: str
    #: Tasks a second while it is busy.
    rate: float
    interruptible: bool

    @property
    def kinds(self) -> dict[str, float]:
        """How often each kind of task comes."""
        return _KINDS | (_INTERRUPTIBLE if self.interruptible else {})


class Load:
    """A thread that publishes with the broker's confirmation, and counts what waits in the queues.

    Parameters
    ----------
    amqp_url : of the broker itself, past the proxies.
    """

    def __init__(self, amqp_url: str, lanes: list[Lane], seed: int) -> None:
        self._lanes = lanes
        self._random = Random(seed)
        self._app = Celery("chaos-load", broker=amqp_url, set_as_current=False)
        self._app.conf.update(
            broker_transport_options={"confirm_publish": True},
            broker_connection_timeout=3,
            task_queues=[queue(lane.queue) for lane in lanes],
        )
        self._stop = threading.Event()
        self._lock = threading.Lock()
        #: Tasks that the broker has confirmed, by id.
        self.accepted: dict[str, Published] = {}
        #: Tasks that were sent without an answer: they may or may not have come through.
        self.unsure = 0
        #: By fleet, oldest first.
        self.counts: dict[str, list[Counted]] = {lane.fleet: [] for lane in lanes}
        self._threads = [
            threading.Thread(target=target, daemon=True) for target in (self._publish, self._count)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send nothing more."""
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def probe(self, lane: Lane) -> str | None:
        """Send one short task; its id once the broker has confirmed it, None if it did not."""
        try:
            with self._app.connection_for_write() as connection:
                return self._send(self._app.amqp.Producer(connection), lane, "late", 0.05)
        except AWAY:
            return None

    # --- inside -------------------------------------------------------------------------------------------

    def _publish(self) -> None:
        busy_until = {lane.fleet: 0.0 for lane in self._lanes}
        quiet_until = {lane.fleet: self._random.uniform(0, 5) + time.monotonic() for lane in self._lanes}
        while not self._stop.is_set():
            try:
                with self._app.connection_for_write() as connection:
                    producer = self._app.amqp.Producer(connection)
                    while not self._stop.wait(0.1):
                        for lane in self._lanes:
                            self._send_due(producer, lane, busy_until, quiet_until)
            except AWAY:
                self._stop.wait(0.5)

    def _send_due(
        self, producer: Any, lane: Lane, busy_until: dict[str, float], quiet_until: dict[str, float]
    ) -> None:
        """Bursts of some seconds, and some seconds of almost nothing between them."""
        now = time.monotonic()
        if now > busy_until[lane.fleet] and now > quiet_until[lane.fleet]:
            busy_until[lane.fleet] = now + self._random.uniform(4, 12)
            quiet_until[lane.fleet] = busy_until[lane.fleet] + self._random.uniform(6, 18)
        rate = lane.rate if now < busy_until[lane.fleet] else lane.rate / 15
        if self._random.random() < rate * 0.1:
            kinds = lane.kinds
            (kind,) = self._random.choices(list(kinds), list(kinds.values()))
            seconds = min(LONGEST, self._random.expovariate(1.2))
            self._send(producer, lane, kind, seconds)

    def _send(self, producer: Any, lane: Lane, kind: str, seconds: float) -> str:
        task = Published(
            str(uuid.uuid4()),
            lane.fleet,
            "late" if kind == "countdown" else kind,
            time.time(),
            countdown=kind in ("countdown", "retried"),
        )
        countdown = self._random.uniform(1, 6) if kind == "countdown" else None
        with self._lock:
            self.unsure += 1
        self._app.send_task(
            f"chaos.{task.kind}",
            args=[seconds],
            task_id=task.id,
            producer=producer,
            queue=lane.queue,
            countdown=countdown,
            retry=False,
            ignore_result=True,
        )
        with self._lock:
            self.unsure -= 1
            self.accepted[task.id] = task
        return task.id

    def _count(self) -> None:
        while not self._stop.is_set():
            try:
                with self._app.connection_for_read() as connection:
                    channel = connection.default_channel
                    while not self._stop.wait(0.5):
                        for lane in self._lanes:
                            ready = channel.queue_declare(lane.queue, passive=True).message_count
                            self.counts[lane.fleet].append(Counted(time.time(), ready))
            except (*AWAY, *self._app.connection_for_read().channel_errors):
                self._stop.wait(0.5)
