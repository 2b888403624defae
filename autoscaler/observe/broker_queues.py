"""Queue counts from the broker itself, whichever it is; another kind of broker gets its line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autoscaler.observe.kombu_queues import KombuQueues
from autoscaler.observe.queues import QueueSource
from autoscaler.observe.redis_queues import RedisQueues, is_redis


def broker_queues(broker_url: str, transport_options: Mapping[str, Any]) -> QueueSource:
    """The source that asks the broker of this URL.

    Parameters
    ----------
    broker_url, transport_options : as in Celery's `broker_url` and `broker_transport_options`.
    """
    if is_redis(broker_url):
        return RedisQueues(broker_url, transport_options)
    return KombuQueues(broker_url, transport_options)
