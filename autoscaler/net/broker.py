"""A connection to the broker, with a deadline for every use.

kombu's own helpers (`Connection.default_channel`, `Connection.connection`, `publish(retry=True)`) reconnect
by themselves, with sleeps, some of them for ever. Here a failure is a `SourceError`, the connection is thrown
away, and the next use makes a new one. Every use has a deadline, which holds for connecting as well.

Checked with kombu 5.7 and amqp 5.4.
"""

from __future__ import annotations

import ssl
import struct
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Generic, TypeVar

import amqp
import kombu
from kombu.exceptions import KombuError

from autoscaler.errors import SourceError
from autoscaler.net.deadline import Deadline
from autoscaler.text import masked, plain, secrets_of, without_password

T = TypeVar("T")
R = TypeVar("R")

#: What kombu's transports raise when a connection fails. The programming errors are among them because
#: amqp trips over its own cleared fields when a connection goes away under it.
FAILURES: tuple[type[Exception], ...] = (
    OSError,
    amqp.exceptions.AMQPError,
    KombuError,
    ImportError,
    AttributeError,
    LookupError,
    NameError,  # of kombu's Kafka transport, where its library is not installed
    TypeError,
    ValueError,
    struct.error,
)


class Connection:
    """One connection to a broker that never reconnects by itself.

    Parameters
    ----------
    url : any kombu URL, several for failover with ``;`` between them.
    transport_options : as in Celery's `broker_transport_options`.
    timeout : seconds for each of the URLs to connect. A transport other than AMQP keeps it as the timeout of
        each read and write; AMQP's follow the deadline of each use.
    """

    def __init__(self, url: str, transport_options: Mapping[str, Any], *, timeout: float) -> None:
        self._kombu = kombu.Connection(url, connect_timeout=timeout)
        # Before anything touches `transport`, which reads its options once.
        self._kombu.transport_options = dict(transport_options) | timeouts(self._kombu, timeout)
        self.failures: tuple[type[Exception], ...] = (
            *FAILURES,
            *self._kombu.connection_errors,
            *self._kombu.channel_errors,
        )
        #: What it raises when the broker refuses one thing and the connection stays.
        self.refusals: tuple[type[Exception], ...] = tuple(self._kombu.channel_errors)
        #: Whether the transport speaks AMQP, so that the broker itself counts and times.
        self.native = is_amqp(self._kombu)
        self._raw: Any = None

    def open(self, deadline: Deadline) -> None:
        """Connect, trying each URL once."""
        others = len(self._kombu.alt or ()) - 1
        self._kombu.ensure_connection(
            max_retries=max(others, 0),
            interval_start=0,
            interval_step=0,
            interval_max=0,
            timeout=deadline.remaining(),
            reraise_as_library_errors=False,
        )
        self._raw = self._kombu.connection

    def limit(self, deadline: Deadline) -> None:
        """Let what is read or written next take no longer than is left.

        Raises
        ------
        TimeoutError : nothing is left.
        """
        left = deadline.remaining()
        if self.native:
            # amqp's own read_timeout reads on for ever when the broker stops in the middle of a frame.
            self._raw.transport.sock.settimeout(left)

    def channel(self) -> Any:
        """Open a channel."""
        return self._kombu.transport.create_channel(self._raw)

    def drain(self, timeout: float) -> None:
        """Wait for one event and dispatch it.

        Raises
        ------
        TimeoutError : if none came within `timeout` seconds.
        """
        self._kombu.transport.drain_events(self._raw, timeout=timeout)

    def drop(self) -> None:
        """Forget the connection without a word to the broker, which may be silent."""
        with suppress(*self.failures):
            self._kombu.collect(socket_timeout=0.1)

    def close(self) -> None:
        """Close in good order."""
        with suppress(*self.failures):
            self._kombu.release()


def is_amqp(connection: Any) -> bool:
    """Whether a kombu connection speaks AMQP."""
    return bool(connection.get_transport_cls().driver_type == "amqp")


def timeouts(connection: Any, timeout: float) -> dict[str, Any]:
    """The transport options that set this timeout on every read and write, by transport."""
    if is_amqp(connection):
        return {"connect_timeout": timeout, "read_timeout": timeout, "write_timeout": timeout}
    if connection.get_transport_cls().driver_type == "redis":
        return {"socket_connect_timeout": timeout, "socket_timeout": timeout}
    return {}


class Link(Generic[T]):
    """A connection and what was built on it: made when needed, thrown away after a failure.

    Parameters
    ----------
    url, transport_options : see `Connection`.
    build : makes from an open connection what the work needs.

    Not thread-safe: one a thread.
    """

    def __init__(
        self,
        url: str,
        transport_options: Mapping[str, Any],
        build: Callable[[Connection], T],
    ) -> None:
        self._url = url
        self._options = dict(transport_options)
        self._build = build
        self._secrets = secrets_of(url, self._options)
        self._name = without_password(url)
        self._failures = FAILURES
        self._connection: Connection | None = None
        self._built: T | None = None

    def run(self, work: Callable[[T], R], deadline: Deadline) -> R:
        """Do `work` on the connection.

        A kept connection that turns out to be broken is replaced once, and the work repeated: it must bear
        being done twice.

        Raises
        ------
        SourceError : if the broker cannot be reached, refuses, or does not answer in time.
        """
        kept, part = self._connection is not None, deadline.rest()
        if part.expired:
            raise SourceError(f"broker {self._name}: {part.overrun()}")
        try:
            return self._once(work, part)
        except _Broken as exc:
            if not kept or exc.late:
                raise
        return self._once(work, part)

    def _once(self, work: Callable[[T], R], deadline: Deadline) -> R:
        with self._failing(deadline):
            return work(self._ready(deadline))

    def _ready(self, deadline: Deadline) -> T:
        if self._connection is not None and self._built is not None:
            self._connection.limit(deadline)
            return self._built
        timeout = deadline.remaining() / (self._url.count(";") + 1)
        self._connection = Connection(self._url, self._options, timeout=timeout)
        self._failures = self._connection.failures
        self._connection.open(deadline)
        self._connection.limit(deadline)
        self._built = self._build(self._connection)
        self._connection.limit(deadline)
        return self._built

    @contextmanager
    def _failing(self, deadline: Deadline) -> Iterator[None]:
        """Turn what the transport raises into a `SourceError` without password; drop the connection."""
        try:
            yield
        except SourceError:
            raise
        except self._failures as exc:
            self.drop()
            late = is_late(exc)
            words = deadline.overrun() if late else in_words(exc, self._secrets)
            # Without the cause: a traceback of it could show the URL.
            raise _Broken(f"broker {self._name}: {words}", late=late) from None

    def drop(self) -> None:
        """Throw the connection away; the next work makes a new one."""
        connection, self._connection, self._built = self._connection, None, None
        if connection is not None:
            connection.drop()

    def close(self, farewell: Callable[[T], None] | None = None) -> None:
        """Do `farewell` on an open connection and close it in good order, come what may."""
        connection, built = self._connection, self._built
        self._connection = self._built = None
        if connection is None:
            return
        if built is not None and farewell is not None:
            with suppress(*connection.failures):
                farewell(built)
        connection.close()


class _Broken(SourceError):
    """Inside `Link`: the broker cannot be reached, or went away; `late` if it was silent for too long."""

    def __init__(self, text: str, *, late: bool) -> None:
        self.late = late
        super().__init__(text)


# --- words --------------------------------------------------------------------------------------------


def is_late(exc: BaseException) -> bool:
    """Whether a read or a write took too long; amqp's socket timeouts come as EAGAIN."""
    return isinstance(exc, TimeoutError | BlockingIOError | ssl.SSLWantReadError | ssl.SSLWantWriteError)


def in_words(exc: BaseException, secrets: Collection[str] = ()) -> str:
    """An exception as one short line, with every secret masked."""
    text = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
    if isinstance(exc, amqp.exceptions.AccessRefused):
        text = f"{text} (check user, password and the permissions in the virtual host)"
    text = masked(text, secrets)
    return plain(f"{type(exc).__name__}: {text}" if text else type(exc).__name__)
