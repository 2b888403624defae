"""The queues, as the workers and the load declare them."""

from __future__ import annotations

from kombu import Exchange, Queue


def queue(name: str) -> Queue:
    """A queue of its own exchange; a quorum queue if its name says so."""
    arguments = {"x-queue-type": "quorum"} if "quorum" in name else None
    return Queue(name, Exchange(name), routing_key=name, queue_arguments=arguments)
