"""The peers by name, with the default settings of their own documentation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from autoscaler.tools.simulate.load import Load
from autoscaler.tools.simulate.peers import (
    AwsBacklog,
    CeleryAutoscale,
    Fixed,
    Keda,
    LaravelHybrid,
    Peer,
    Steps,
)
from autoscaler.tools.simulate.setting import Setting

#: Seconds over which the peak of a load is measured.
PEAK_WINDOW = 60.0


def mean_workers(load: Load, setting: Setting) -> int:
    """The least workers that get through all work in the load's time."""
    seconds = max(1.0, load.duration - setting.warmup)
    return max(1, math.ceil(load.work_since(setting.warmup) / (setting.concurrency * seconds)))


def peak_workers(load: Load, setting: Setting) -> int:
    """The workers that are busy in the load's busiest minute, on its mean, if no task waits."""
    done = load.work_by()
    most = max((done(begin + PEAK_WINDOW) - done(begin) for begin in load.arrivals), default=0.0)
    return max(1, math.ceil(most / (PEAK_WINDOW * setting.concurrency)))


#: What makes a peer, by the name that `--against` takes.
PEERS: Mapping[str, Callable[[Load, Setting], Peer]] = MappingProxyType(
    {
        "keda": lambda _load, _setting: Keda(20.0),
        "celery": lambda _load, _setting: CeleryAutoscale(),
        "aws": lambda _load, setting: AwsBacklog(setting.wait),
        "threshold": lambda _load, _setting: Steps(),
        "laravel": lambda _load, setting: LaravelHybrid(setting.wait),
        "fixed-mean": lambda load, setting: Fixed(mean_workers(load, setting)),
        "fixed-peak": lambda load, setting: Fixed(peak_workers(load, setting)),
    }
)
