"""Synthetic loads by name, each made from a seed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from autoscaler.tools.simulate.load import Load, Service, exponential, made, mixture, poisson, spread

HOUR = 3600.0
#: Seconds that a task of a pattern runs on the mean, unless the pattern or the caller says otherwise.
MEAN_SERVICE = 2.0


def step(rng: random.Random, service: Service) -> Load:
    """2 tasks a second, six times as many for 20 minutes, 2 again."""
    low, high = HOUR / 3, 2 * HOUR / 3
    rates = ((2.0, 0.0, low), (12.0, low, high), (2.0, high, HOUR))
    return made("step", [t for part in rates for t in poisson(rng, *part)], HOUR, service, rng)


def cron_burst(rng: random.Random, service: Service) -> Load:
    """1 task every 2 seconds, and 400 within 5 seconds at the full hour (after 10 minutes, then hourly)."""
    duration = 2 * HOUR
    bursts = [t for begin in (600.0, 600.0 + HOUR) for t in spread(rng, 400, begin, begin + 5.0)]
    return made("cron-burst", poisson(rng, 0.5, 0.0, duration) + bursts, duration, service, rng)


def random_bursts(rng: random.Random, service: Service) -> Load:
    """1 task a second, and about every 6 minutes 6 to 18 a second for 20 to 120 seconds."""
    times = poisson(rng, 1.0, 0.0, HOUR)
    for begin in poisson(rng, 1 / 360, 0.0, HOUR - 240.0):
        rate, lasts = rng.uniform(6.0, 18.0), rng.uniform(20.0, 120.0)
        times += poisson(rng, rate, begin, begin + lasts)
    return made("random-bursts", times, HOUR, service, rng)


def rare_long(rng: random.Random, _service: Service) -> Load:
    """5 tasks a second; 97 % run 0.2 s, 3 % run 60 s. The service times are the pattern's own."""
    mix = mixture((0.97, 0.2), (0.03, 60.0))
    return made("rare-long", poisson(rng, 5.0, 0.0, HOUR), HOUR, mix, rng)


def slow_drift(rng: random.Random, service: Service) -> Load:
    """From 1 up to 15 tasks a second and back within 2 hours."""
    duration, top = 2 * HOUR, 15.0
    times = [
        time
        for time in poisson(rng, top, 0.0, duration)
        if rng.random() * top < 8.0 - 7.0 * math.cos(2 * math.pi * time / duration)
    ]
    return made("slow-drift", times, duration, service, rng)


def idle_then_one(rng: random.Random, service: Service) -> Load:
    """Nothing for half an hour, one task, nothing again."""
    return made("idle-then-one", [HOUR / 2], HOUR, service, rng)


def broker_outage(rng: random.Random, service: Service) -> Load:
    """4 tasks a second; the broker is away for 2 minutes after 20, and for 20 seconds after 40.

    Whoever wanted to publish then tries again, and gets through in the 5 seconds after.
    """
    outages = ((HOUR / 3, HOUR / 3 + 120.0), (2 * HOUR / 3, 2 * HOUR / 3 + 20.0))
    times = poisson(rng, 4.0, 0.0, HOUR)
    for begin, end in outages:
        times = [end + 5.0 * rng.random() if begin <= time < end else time for time in times]
    return replace(made("broker-outage", times, HOUR, service, rng), outages=outages)


def worker_crash(rng: random.Random, service: Service) -> Load:
    """4 tasks a second; every 5 minutes the busiest worker dies and is started again."""
    crashes = tuple(300.0 * number + 137.0 for number in range(12))
    return replace(made("worker-crash", poisson(rng, 4.0, 0.0, HOUR), HOUR, service, rng), crashes=crashes)


#: By the name that `--pattern` takes.
PATTERNS: Mapping[str, Callable[[random.Random, Service], Load]] = MappingProxyType(
    {
        "step": step,
        "cron-burst": cron_burst,
        "random-bursts": random_bursts,
        "rare-long": rare_long,
        "slow-drift": slow_drift,
        "idle-then-one": idle_then_one,
        "broker-outage": broker_outage,
        "worker-crash": worker_crash,
    }
)


def pattern(name: str, seed: int = 0, service: Service | None = None) -> Load:
    """Make a named pattern's load.

    Raises
    ------
    KeyError : there is no such pattern.
    """
    rng = random.Random(f"{name}-{seed}")
    return PATTERNS[name](rng, service or exponential(MEAN_SERVICE))
