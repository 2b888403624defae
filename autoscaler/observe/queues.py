"""The sources of queue counts, and which one is asked if another one fails.

management API  --answers-------------------->  Known, or NoSuchQueue
     |
     +-----could not answer-> passive declare ->  Known, NoSuchQueue, or Unknown with both errors
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from autoscaler.model import Known, QueueStats, Reading, Unknown
from autoscaler.net.deadline import Deadline

#: Share of the time that the first source has; the second one has all that is left.
FIRST_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class NoSuchQueue(Unknown):
    """The broker answered that it has no such queue.

    Still unknown and not zero: a name may be misspelt, or the queue appears with its first worker.
    Asking elsewhere would not help, which is why it has a type of its own.
    """


class QueueSource(Protocol):
    """Counts the messages of queues."""

    def queues(self, names: Collection[str], deadline: Deadline) -> Mapping[str, Reading[QueueStats]]:
        """Read the named queues: exactly these keys, and never an exception."""

    def close(self) -> None:
        """Close the connection."""


class FallingBack:
    """Asks one source, and a second one about the queues that the first could not count.

    Parameters
    ----------
    first : the better source; None where there is none.
    second : the source that is asked about the rest.
    """

    def __init__(self, first: QueueSource | None, second: QueueSource) -> None:
        self._first = first
        self._second = second

    def queues(self, names: Collection[str], deadline: Deadline) -> Mapping[str, Reading[QueueStats]]:
        """Read the named queues: exactly these keys, and never an exception."""
        counted = self._first.queues(names, deadline.share(FIRST_SHARE)) if self._first else {}
        missing = [name for name in names if _needs_second(counted.get(name))]
        if not missing:
            return counted
        second = self._second.queues(missing, deadline)
        return {**counted, **{name: _combined(counted.get(name), second[name]) for name in missing}}

    def close(self) -> None:
        """Close both sources."""
        if self._first:
            self._first.close()
        self._second.close()


def _needs_second(reading: Reading[QueueStats] | None) -> bool:
    return reading is None or (isinstance(reading, Unknown) and not isinstance(reading, NoSuchQueue))


def _combined(first: Reading[QueueStats] | None, second: Reading[QueueStats]) -> Reading[QueueStats]:
    """The second source's answer; where both failed, both errors."""
    if isinstance(second, Known) or not isinstance(first, Unknown):
        return second
    return type(second)(f"{first.error}; then {second.error}", second.at)
