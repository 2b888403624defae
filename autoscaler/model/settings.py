"""The settings of a fleet as policies and limits need them, and an operator's holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Threshold:
    """Step up after demand was above `up`, step down after it was below `down`."""

    #: Tasks; `down` < `up`.
    up: int
    down: int
    #: Workers a step, >= 1.
    step: int
    #: Seconds that demand must stay above `up` (below `down`).
    up_after: float
    down_after: float


@dataclass(frozen=True, slots=True)
class BacklogPerWorker:
    """One worker for so many tasks."""

    #: Tasks a worker, > 0.
    target: float


@dataclass(frozen=True, slots=True)
class MaxWait:
    """A task should start within so many seconds."""

    #: Seconds from publishing to starting, > 0.
    wait: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """At least so many workers for a while after each time that a cron expression names."""

    #: Five fields, as crontab(5) has them.
    cron: str
    #: Seconds that it lasts from each of these times on, > 0.
    lasts: float
    #: Workers.
    min_workers: int
    #: IANA name of the time zone that `cron` is meant in, e.g. ``Europe/Berlin``.
    timezone: str = "UTC"


PolicySettings: TypeAlias = Threshold | BacklogPerWorker | MaxWait | Schedule


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many workers within so many seconds."""

    workers: int
    period: float


@dataclass(frozen=True, slots=True)
class Fallback:
    """The size to grow to when demand has been unknown for `after` seconds."""

    workers: int
    after: float


@dataclass(frozen=True, slots=True)
class Scaling:
    """What a fleet's decision is bound by."""

    min_workers: int
    max_workers: int
    #: Slots a worker.
    concurrency: int
    policies: tuple[PolicySettings, ...] = ()
    #: Seconds; a fleet shrinks to the highest recommendation of the last so many seconds.
    stabilization: float = 60.0
    #: Share by which demand may miss the target before a ratio policy changes anything, 0..1.
    tolerance: float = 0.1
    max_scale_up: Rate | None = None
    max_scale_down: Rate | None = None
    fallback: Fallback | None = None
    #: Whether workers may start ahead of what earlier days and hours let expect.
    learn: bool = True
    #: The fleet is no longer in the config.
    retired: bool = False
