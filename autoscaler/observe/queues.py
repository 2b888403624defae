"""Where queue counts come from, and what to do when one source is away.

management API  --tells--------------------->  Known, or NoSuchQueue
     |
     +-----could not tell--> passive declare ->  Known, NoSuchQueue, or Unknown with both errors
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from autoscaler.model import Known, QueueStats, Reading, Unknown


@dataclass(frozen=True, slots=True)
class NoSuchQueue(Unknown):
    """The broker answered that it has no such queue.

    Still unknown and not zero: a name may be misspelt, or the queue appears with its first worker.
    Asking elsewhere would not help, which is why it has a type of its own.
    """


class QueueSource(Protocol):
    """Counts the messages of queues."""

    def queues(self, names: Collection[str]) -> dict[str, Reading[QueueStats]]:
        """Read the named queues: exactly these keys, and never an exception."""

    def close(self) -> None:
        """Let go of the connection."""


class FallingBack:
    """Ask one source, and a second one about the queues that the first could not tell.

    Parameters
    ----------
    first : the better source; None where there is none.
    second : the one that is asked about what is left.
    """

    def __init__(self, first: QueueSource | None, second: QueueSource) -> None:
        self._first = first
        self._second = second

    def queues(self, names: Collection[str]) -> dict[str, Reading[QueueStats]]:
        """Read the named queues: exactly these keys, and never an exception."""
        told = self._first.queues(names) if self._first else {}
        untold = [name for name in names if _untold(told.get(name))]
        if not untold:
            return told
        again = self._second.queues(untold)
        return told | {name: _combined(told.get(name), again[name]) for name in untold}

    def close(self) -> None:
        """Close both sources."""
        if self._first:
            self._first.close()
        self._second.close()


def _untold(reading: Reading[QueueStats] | None) -> bool:
    return reading is None or (isinstance(reading, Unknown) and not isinstance(reading, NoSuchQueue))


def _combined(first: Reading[QueueStats] | None, second: Reading[QueueStats]) -> Reading[QueueStats]:
    """The second source's answer; its failure is told together with the first one's."""
    if isinstance(second, Known) or not isinstance(first, Unknown):
        return second
    return type(second)(f"{first.error}; then {second.error}", second.at)
