"""Deleting the messages of queues, on any broker of kombu."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autoscaler.net.broker import Connection, Link
from autoscaler.net.deadline import Deadline
from autoscaler.text import plain


@dataclass(frozen=True, slots=True)
class Purged:
    """What became of one queue."""

    #: Messages that went; None where they did not.
    messages: int | None
    #: Why they did not go; empty when they did.
    error: str = ""


def purge_queues(
    url: str, transport_options: Mapping[str, Any], queues: Sequence[str], deadline: Deadline
) -> dict[str, Purged]:
    """Delete the messages that wait in queues; what workers have taken stays with them.

    Parameters
    ----------
    url, transport_options : as in Celery's `broker_url` and `broker_transport_options`.
    deadline : of connecting and of all queues together.

    Returns
    -------
    By queue. One that is not there, or that the broker refuses to empty, does not keep the others.

    Raises
    ------
    SourceError : the broker cannot be reached, or went away; queues before that may be empty.
    """
    link: Link[Connection] = Link(url, transport_options, lambda connection: connection)
    try:
        return link.run(lambda connection: _purge(connection, queues, deadline), deadline)
    finally:
        link.close()


def _purge(connection: Connection, queues: Sequence[str], deadline: Deadline) -> dict[str, Purged]:
    done: dict[str, Purged] = {}
    for queue in queues:
        if deadline.expired:
            done[queue] = Purged(None, f"not tried: the {deadline.seconds:.2g} s were used up")
            continue
        connection.limit(deadline)
        # One each: a refusal closes the channel.
        channel = connection.channel()
        try:
            done[queue] = Purged(int(channel.queue_purge(queue) or 0))
        except connection.refusals as error:
            done[queue] = Purged(None, plain(str(error), 200))
        finally:
            channel.close()
    return done
