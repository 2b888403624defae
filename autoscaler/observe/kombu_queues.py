"""Queue counts by passive declare over kombu: for any broker, and if RabbitMQ's API fails.

    queue_declare(passive)  ->  ready messages, consumers

On AMQP the count is always fresh, and a missing queue closes the channel with 404. kombu's own transports
always count 0 consumers. Some of them (files, Redis) count a missing queue as an empty one: there a queue
exists only through its messages.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from autoscaler.errors import SourceError
from autoscaler.model import Known, QueueStats, Reading, Unknown
from autoscaler.net.asked import Asked
from autoscaler.net.broker import Connection, Link
from autoscaler.net.deadline import Deadline
from autoscaler.observe.queues import NoSuchQueue
from autoscaler.text import plain, shown

log = logging.getLogger(__name__)


class KombuQueues:
    """Counts queues by passive declare on a kept connection of its own.

    Parameters
    ----------
    broker_url, transport_options : as in Celery's `broker_url` and `broker_transport_options`.
    clock : seconds since the epoch.

    Not thread-safe: one a thread.
    """

    def __init__(
        self,
        broker_url: str,
        transport_options: Mapping[str, Any],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._link: Link[Connection] = Link(broker_url, transport_options, lambda connection: connection)
        self._clock = clock

    def queues(self, names: Collection[str], deadline: Deadline) -> dict[str, Reading[QueueStats]]:
        """Read the named queues.

        Parameters
        ----------
        deadline : of connecting and of all declares together. A queue whose turn does not come is unknown.

        Returns
        -------
        One reading for each name, and no others; `unacknowledged` is None. A queue that does not exist
        is `NoSuchQueue`; every failure is `Unknown`. Never raises.
        """
        if not names:
            return {}
        wanted = sorted(set(names))
        try:
            with Asked(log, f"passive declare of {len(wanted)} queues") as asked:
                readings = self._link.run(
                    lambda connection: self._count(connection, wanted, deadline), deadline
                )
                counted = sum(isinstance(each, Known) for each in readings.values())
                asked.came_back(f"{counted} counted")
                return readings
        except SourceError as exc:
            return dict.fromkeys(names, Unknown(f"passive declare: {exc}", self._clock()))

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def _count(
        self, connection: Connection, names: list[str], deadline: Deadline
    ) -> dict[str, Reading[QueueStats]]:
        counter = _Counter(connection)
        readings: dict[str, Reading[QueueStats]] = {}
        for name in names:
            at = self._clock()
            if deadline.expired:
                text = (
                    f"passive declare: queue {name!r}: not asked: the {deadline.seconds:.2g} s were used up"
                )
                readings[name] = Unknown(text, at)
                continue
            connection.limit(deadline)
            readings[name] = counter.count(name, at)
        counter.close()
        return readings


class _Counter:
    """Declares on a channel, and on a new one after an answer that closed it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._channel = connection.channel()

    def count(self, name: str, at: float) -> Reading[QueueStats]:
        try:
            declared = self._channel.queue_declare(queue=name, passive=True)
        except self._connection.refusals as exc:
            self._renew()
            return _refused(name, exc, at)
        return _counted(name, declared, at, native=self._connection.native)

    def close(self) -> None:
        self._channel.close()

    def _renew(self) -> None:
        """A new channel; the old one is closed first, because amqp has opened it again by itself."""
        self._channel.close()
        self._channel = self._connection.channel()


def _refused(name: str, exc: BaseException, at: float) -> Unknown:
    # kombu's own transports give the code as text.
    if str(getattr(exc, "reply_code", "")) == "404":
        return NoSuchQueue(f"queue {name!r} does not exist (it appears with its first worker or message)", at)
    return Unknown(f"passive declare: queue {name!r}: {plain(str(exc), 200)}", at)


def _counted(name: str, declared: Any, at: float, *, native: bool) -> Reading[QueueStats]:
    """A declare's answer as a reading; only AMQP knows the consumers."""
    ready, consumers = declared.message_count, declared.consumer_count
    if not is_count(ready) or (native and not is_count(consumers)):
        return Unknown(f"passive declare: queue {name!r}: {shown(ready)} is not a count", at)
    return Known(QueueStats(name=name, ready=ready, consumers=consumers if native else None), at)


def is_count(value: object) -> bool:
    """Whether `value` is a whole number from 0 on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
