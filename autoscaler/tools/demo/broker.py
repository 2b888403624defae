"""The brokers of the demo: a private RabbitMQ or Redis, or an embedded broker."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from autoscaler.errors import ServiceUnavailable
from autoscaler.tools.demo.rabbitmq import RabbitMQNode
from autoscaler.tools.demo.redis import RedisServer

#: What `--broker` takes.
CHOICES = ("auto", "rabbitmq", "redis", "embedded")

#: Exchanges that tasks and remote control use.
_EXCHANGES = ("emails", "celery.pidbox", "reply.celery.pidbox")

#: Seconds between two rounds of the embedded broker.
_DELIVER_EVERY = 0.02


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


class Redis:
    """A private Redis server."""

    label = "a private Redis server"

    def __init__(self, folder: Path) -> None:
        self._server = RedisServer(folder)

    def start(self) -> None:
        """Start it, and wait until it serves."""
        self._server.start()

    def stop(self) -> None:
        """End it at once; nothing in it is needed any more."""
        self._server.stop()

    @property
    def url(self) -> str:
        """kombu URL for workers and daemon."""
        return self._server.url

    @property
    def management_url(self) -> str | None:
        """It has none."""
        return None

    @property
    def options(self) -> Mapping[str, Any]:
        """None are needed."""
        return {}

    @property
    def publish_options(self) -> Mapping[str, Any]:
        """None are needed."""
        return {}


class Embedded:
    """kombu's filesystem transport: a folder of messages, and no server.

    The transport opens a message's file where consumers see it and writes it then; a worker that takes it in
    between dies of JSONDecodeError, several a minute when it is asked every half second how it is. So
    everybody writes to an outbox, and a thread renames what is complete into the queue.
    """

    label = "the embedded broker (a folder of files)"

    def __init__(self, folder: Path) -> None:
        self._queue = folder / "queue"
        self._outbox = folder / "outbox"
        self._control = folder / "control"
        self._stop = threading.Event()
        self._postman = threading.Thread(target=self._deliver, name="postman", daemon=True)

    def start(self) -> None:
        """Make its folders and start delivering."""
        for folder in (self._queue, self._outbox, self._control):
            folder.mkdir(parents=True, exist_ok=True)
        for exchange in _EXCHANGES:
            # Two that make the file at the same time would overwrite each other's bindings.
            (self._control / f"{exchange}.exchange").write_text("[]")
        self._postman.start()

    def stop(self) -> None:
        """Deliver nothing more."""
        self._stop.set()
        if self._postman.ident is not None:
            self._postman.join()

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
        return {
            "data_folder_in": os.fspath(self._queue),
            "data_folder_out": os.fspath(self._outbox),
            "control_folder": os.fspath(self._control),
            "polling_interval": 0.05,
        }

    @property
    def publish_options(self) -> Mapping[str, Any]:
        """The same."""
        return self.options

    def _deliver(self) -> None:
        while not self._stop.wait(_DELIVER_EVERY):
            for message in sorted(self._outbox.iterdir()):
                if _is_complete(message):
                    message.replace(self._queue / message.name)


def _is_complete(message: Path) -> bool:
    try:
        json.loads(message.read_bytes())
    except ValueError:
        return False
    return True


def choose(choice: str, folder: Path) -> Broker:
    """Give the broker of a `--broker` choice; it is not started.

    Raises
    ------
    ServiceUnavailable : the server that is asked for is not installed, or there is no such choice.
    """
    if choice == "embedded" or (choice == "auto" and not RabbitMQNode.installed()):
        return Embedded(folder)
    if choice not in CHOICES:
        raise ServiceUnavailable(f"--broker: {choice!r} is none of {', '.join(CHOICES)}")
    if choice == "redis":
        if not RedisServer.installed():
            raise ServiceUnavailable(
                "--broker redis: redis-server is not installed; --broker embedded needs none"
            )
        return Redis(folder)
    if not RabbitMQNode.installed():
        raise ServiceUnavailable(
            "--broker rabbitmq: rabbitmq-server is not installed; --broker embedded needs none"
        )
    return RabbitMQ(folder)
