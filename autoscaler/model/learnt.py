"""The minutes of earlier days and hours, and the rises that they predict."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Minute:
    """A fleet in one minute that is over."""

    #: When it began, seconds; a multiple of 60.
    at: float
    #: Tasks published in it.
    arrivals: float
    #: The most slots in use at one time.
    slots: int
    #: Slots that earlier days, and earlier hours, had let expect; None where they did not.
    by_day: int | None = None
    by_hour: int | None = None


@dataclass(frozen=True, slots=True)
class MinuteSoFar:
    """The minute that is being watched."""

    begin: float
    #: When it was looked at first.
    first: float
    #: Count of published tasks at that look.
    published: float
    #: The most slots in use since.
    used: float


@dataclass(frozen=True, slots=True)
class Expectation:
    """A minute in which the past has needed clearly more slots than in the one before it."""

    #: When it begins, seconds.
    at: float
    #: The median of what was in use in it.
    slots: int
    #: How often so much, or nearly, was in use, of how many times.
    times: int
    of: int
    #: What was looked at: ``day`` or ``hour``.
    every: str
    #: How often such expectations have come true lately, of how many.
    right: int = 0
    judged: int = 0

    @property
    def trusted(self) -> bool:
        """Whether they have come true more often than not."""
        return 2 * self.right > self.judged


@dataclass(frozen=True, slots=True)
class Past:
    """The minutes of the last days, and what they let expect."""

    #: Number of the first minute, in minutes since the epoch.
    begin: int = 0
    #: Slots in use at most in each minute from there on; None where it was not watched.
    slots: tuple[int | None, ...] = ()
    #: Of the coming hour, in the order of time; not judged yet.
    ahead: tuple[Expectation, ...] = ()
    #: Number of the minute up to which they have been made.
    made: int = 0
    #: Whether the latest expectations came true, by what was looked at.
    by_day: tuple[bool, ...] = ()
    by_hour: tuple[bool, ...] = ()

    @property
    def end(self) -> int:
        """Number of the minute after the last one."""
        return self.begin + len(self.slots)
