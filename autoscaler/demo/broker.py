"""The brokers that the demo can run on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from autoscaler.demo.rabbitmq import RabbitMQNode
from autoscaler.errors import ServiceUnavailable

#: What `--broker` takes.
CHOICES = ("auto", "rabbitmq", "embedded")


class Broker(Protocol):
    """A broker of our own: its URLs are good once it is started."""

    #: What it is, in words.
    label: str

    def start(self) -> None:
        """Start it, and wait until it serves."""

    def stop(self) -> None:
        """End it at once; nothing in it is needed any more."""

    @property
    def url(self) -> str:
        """kombu URL for workers and daemon."""

    @property
    def management_url(self) -> str | None:
        """RabbitMQ's management API, if it has one."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Transport options for workers and daemon."""

    @property
    def publish_options(self) -> Mapping[str, Any]:
        """Transport options for who publishes."""

    def deliver(self) -> None:
        """Hand over what was published."""


class RabbitMQ:
    """A private RabbitMQ node."""

    label = "a private RabbitMQ node"

    def __init__(self, folder: Path) -> None:
        self._node = RabbitMQNode(folder)

    def start(self) -> None:
        """Start it, and wait until it serves."""
        self._node.start()

    def stop(self) -> None:
        """End it at once; nothing in it is needed any more."""
        self._node.kill()

    @property
    def url(self) -> str:
        """kombu URL for workers and daemon."""
        return self._node.amqp_url

    @property
    def management_url(self) -> str | None:
        """RabbitMQ's management API."""
        return self._node.management_url

    @property
    def options(self) -> Mapping[str, Any]:
        """None are needed."""
        return {}

    @property
    def publish_options(self) -> Mapping[str, Any]:
        """Publishing waits until RabbitMQ has the message, so that none is counted that it never got."""
        return {"confirm_publish": True}

    def deliver(self) -> None:
        """Nothing to do: RabbitMQ has it."""


class Embedded:
    """kombu's filesystem transport: a folder of messages, and no server."""

    label = "the embedded broker (a folder of files)"

    def __init__(self, folder: Path) -> None:
        self._queue = folder / "queue"
        self._outbox = folder / "outbox"
        self._control = folder / "control"

    def start(self) -> None:
        """Make its folders."""
        for folder in (self._queue, self._outbox, self._control):
            folder.mkdir(parents=True, exist_ok=True)

    def stop(self) -> None:
        """Nothing to do: it has no process."""

    @property
    def url(self) -> str:
        """kombu URL for workers and daemon."""
        return "filesystem://"

    @property
    def management_url(self) -> str | None:
        """It has none."""
        return None

    @property
    def options(self) -> Mapping[str, Any]:
        """Transport options; it looks every 0.05 s, because 1 s would be two tasks a second and worker."""
        return self._options(self._queue)

    @property
    def publish_options(self) -> Mapping[str, Any]:
        """As `options`, but into the outbox."""
        return self._options(self._outbox)

    def deliver(self) -> None:
        """Rename the published messages into the queue.

        The transport writes a message where consumers already see it, and one that takes it half-written
        loses it. A rename shows it whole.
        """
        for message in sorted(self._outbox.iterdir()):
            message.replace(self._queue / message.name)

    def _options(self, out: Path) -> Mapping[str, Any]:
        return {
            "data_folder_in": os.fspath(self._queue),
            "data_folder_out": os.fspath(out),
            "control_folder": os.fspath(self._control),
            "polling_interval": 0.05,
        }


def choose(choice: str, folder: Path) -> Broker:
    """Give the broker of a `--broker` choice; it is not started.

    Raises
    ------
    ServiceUnavailable : RabbitMQ is asked for and not installed, or there is no such choice.
    """
    if choice == "embedded" or (choice == "auto" and not RabbitMQNode.installed()):
        return Embedded(folder)
    if choice not in CHOICES:
        raise ServiceUnavailable(f"--broker: {choice!r} is none of {', '.join(CHOICES)}")
    if not RabbitMQNode.installed():
        raise ServiceUnavailable(
            "--broker rabbitmq: rabbitmq-server is not installed; --broker embedded needs none"
        )
    return RabbitMQ(folder)
