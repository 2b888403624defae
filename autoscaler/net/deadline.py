"""A deadline: one value for every call within a piece of work."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Deadline:
    """The time at which a piece of work must have ended.

    A function that is given one passes it on, or passes on a part of it (`at_most`, `share`, `rest`). A part
    never ends later than the whole, so the longest wait of a call is known at its top.
    """

    #: Seconds that the work had when it began; 0 if none were left for it.
    seconds: float
    #: When it ends, on `clock`.
    ends: float
    #: Seconds, monotonic.
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)

    @classmethod
    def within(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> Deadline:
        """The deadline of work that begins now and may take `seconds`."""
        return cls(seconds, clock() + seconds, clock)

    def left(self) -> float:
        """Seconds that are left; 0 when the time is over."""
        return max(0.0, self.ends - self.clock())

    @property
    def expired(self) -> bool:
        """Whether the time is over."""
        return self.left() <= 0

    def at_most(self, seconds: float) -> Deadline:
        """The deadline of a part that begins now: after `seconds`, or with the whole if that is sooner."""
        return Deadline.within(min(self.left(), seconds), self.clock)

    def share(self, part: float) -> Deadline:
        """The deadline of a part that begins now and may take this share (0 to 1) of what is left."""
        return self.at_most(self.left() * part)

    def rest(self) -> Deadline:
        """The deadline of a part that begins now and may take all that is left."""
        return self.at_most(self.seconds)

    def remaining(self) -> float:
        """Seconds that are left, more than 0.

        Raises
        ------
        TimeoutError : the time is over.
        """
        left = self.left()
        if left <= 0:
            raise TimeoutError(self.overrun())
        return left

    def overrun(self) -> str:
        """Say that no answer came in time, or that no time was left to ask."""
        return f"no answer within {self.seconds:.2g} s" if self.seconds > 0 else "not asked: no time was left"
