"""Queue counts from Redis, as kombu keeps them there.

    queue "emails", priority steps 0 3 6 9  ->  lists  emails, emails\\x06\\x163, emails\\x06\\x166, ...
    ready messages                          =   the sum of their lengths, all queues in one round trip

Redis has no empty list: a queue without messages is no key at all. So a missing key counts as an empty queue,
and a misspelt queue cannot be distinguished from an empty one.

The names of the lists depend on the app's transport options (`priority_steps`, `sep`, `global_keyprefix`), so
these must stand in `broker.transport_options` as they stand in the app.

Source: `kombu.transport.redis.Channel._size`, kombu 5.4 to 5.7.
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
from autoscaler.observe.kombu_queues import is_count
from autoscaler.text import shown

log = logging.getLogger(__name__)

#: Schemes of kombu's Redis transports.
_SCHEMES = frozenset({"redis", "rediss", "sentinel"})


def is_redis(broker_url: str) -> bool:
    """Whether a broker URL, or the first of several, names a Redis or its sentinel."""
    return broker_url.partition("://")[0].partition("+")[0].lower() in _SCHEMES


class RedisQueues:
    """Counts queues by the lengths of their lists, on a connection of its own that is kept.

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
        self._link: Link[Any] = Link(broker_url, transport_options, Connection.channel)
        self._clock = clock

    def queues(self, names: Collection[str], deadline: Deadline) -> dict[str, Reading[QueueStats]]:
        """Read the named queues.

        Returns
        -------
        One reading for each name, and no others; `unacknowledged` and `consumers` are None. Every failure is
        `Unknown`. Never raises.
        """
        if not names:
            return {}
        wanted = sorted(set(names))
        at = self._clock()
        try:
            with Asked(log, f"llen of {len(wanted)} queues"):
                lengths = self._link.run(lambda channel: list_lengths(channel, wanted), deadline)
        except SourceError as exc:
            return dict.fromkeys(wanted, Unknown(f"llen: {exc}", at))
        return {name: _counted(name, lengths[name], at) for name in wanted}

    def close(self) -> None:
        """Close the connection."""
        self._link.close()


def list_lengths(channel: Any, names: Collection[str]) -> dict[str, list[object]]:
    """The lengths of each queue's lists, by queue; one list for each priority step.

    Parameters
    ----------
    channel : of kombu's Redis transport; it knows the names of the lists and puts the key prefix before them.
    """
    steps = channel.priority_steps
    with channel.conn_or_acquire() as client, client.pipeline(transaction=False) as pipe:
        for name in names:
            for step in steps:
                pipe.llen(channel._q_for_pri(name, step))
        answers = pipe.execute()
    parts = iter(answers)
    return {name: [next(parts) for _ in steps] for name in names}


def _counted(name: str, lengths: list[object], at: float) -> Reading[QueueStats]:
    counts = [length for length in lengths if isinstance(length, int) and is_count(length)]
    if len(counts) < len(lengths):
        return Unknown(f"llen: queue {name!r}: {shown(lengths)} are not counts", at)
    return Known(QueueStats(name, sum(counts)), at)
