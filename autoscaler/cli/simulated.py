"""The input of `autoscaler simulate`: fleet, load and setting, from the command line and the config."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import click

from autoscaler import config
from autoscaler.config import Fleet
from autoscaler.config.edit_value import Value, value_of
from autoscaler.config.yaml_lines import KeyPath
from autoscaler.model import MaxWait
from autoscaler.store import stored_tracks
from autoscaler.store.recorded import recorded
from autoscaler.tools.simulate.load import Load, Service, exponential, fixed
from autoscaler.tools.simulate.patterns import pattern
from autoscaler.tools.simulate.recorded import Replay, replay
from autoscaler.tools.simulate.setting import Setting
from autoscaler.tools.simulate.traces import read_trace

#: Seconds, where neither the fleet nor the command says how long a task may wait.
DEFAULT_WAIT = 30.0
#: Seconds that a worker takes to start, where the daemon has not measured it.
DEFAULT_START = 8.0
#: Celery's own worker_prefetch_multiplier.
DEFAULT_MULTIPLIER = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line. Durations are seconds; None: not given."""

    trace: Path | None
    pattern: str | None
    history: str | None
    last: float
    seed: int
    service_time: float | None
    shape: str
    start_time: float | None
    wait: float | None
    lag: float
    prefetch: int | None

    @property
    def service(self) -> Service | None:
        """The service times that were asked for."""
        if self.service_time is None:
            return fixed(2.0) if self.shape == "fixed" else None
        return fixed(self.service_time) if self.shape == "fixed" else exponential(self.service_time)


def keys(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Read ``KEY=VALUE`` of a fleet: ``scale.max_wait=10s``."""
    pairs = [(each, *each.partition("=")) for each in given]
    if wrong := [each for each, key, _, value in pairs if not (key and value)]:
        raise click.BadParameter(f"{wrong[0]!r} is not KEY=VALUE, such as scale.max_wait=10s")
    return {key: value for _, key, _, value in pairs}


def with_keys(path: Path, fleet: str, changes: Mapping[str, str]) -> config.Config:
    """The config as if these keys of a fleet stood in its file; nothing is written.

    Raises
    ------
    ConfigError : they would not be valid there.
    """
    values: dict[KeyPath, Value] = {
        ("fleets", fleet, *key.split(".")): value_of(value) for key, value in changes.items()
    }
    return config.load(path, trying=values)


def fleet_of(settings: config.Config, name: str | None) -> Fleet:
    """The fleet of a name, or the only one."""
    fleets = settings.fleets
    if name is None and len(fleets) == 1:
        return next(iter(fleets.values()))
    if name is None:
        raise click.UsageError(f"--fleet is needed, the config has {len(fleets)}: {', '.join(fleets)}")
    if name not in fleets:
        raise click.UsageError(f"fleet {name}: the config has only {', '.join(fleets) or 'none'}")
    return fleets[name]


def load_of(asked: Asked, settings: config.Config) -> Load | Replay:
    """The load that was asked for.

    Raises
    ------
    TraceError, StoreError : it cannot be had.
    """
    if sum(each is not None for each in (asked.trace, asked.pattern, asked.history)) != 1:
        raise click.UsageError("give one of --trace FILE, --pattern NAME and --from-history FLEET")
    if asked.trace is not None:
        return read_trace(asked.trace, asked.seed, asked.service or exponential(2.0))
    if asked.pattern is not None:
        return pattern(asked.pattern, asked.seed, asked.service)
    name = str(asked.history)
    kept = recorded(settings.state_dir, name, time.time() - asked.last)
    return replay(name, kept, asked.seed, asked.service)


def setting_of(asked: Asked, settings: config.Config, fleet: Fleet, initial: int | None) -> Setting:
    """What the simulation takes as given."""
    return Setting(
        wait=asked.wait or _max_wait(fleet),
        start_time=_start_time(asked, settings, fleet),
        polling_interval=settings.polling_interval,
        lag=asked.lag,
        min_workers=fleet.min_workers,
        max_workers=fleet.max_workers,
        concurrency=fleet.concurrency,
        prefetch=_prefetch(fleet) if asked.prefetch is None else asked.prefetch,
        initial=None if initial is None else max(fleet.min_workers, min(initial, fleet.max_workers)),
    )


def _start_time(asked: Asked, settings: config.Config, fleet: Fleet) -> float:
    """As asked for; for a replay as measured, if it was."""
    if asked.start_time is not None:
        return asked.start_time
    track = stored_tracks(settings.state_dir).get(fleet.name) if asked.history is not None else None
    measured = None if track is None else track.measures.start_seconds
    return DEFAULT_START if measured is None else measured.value


def _max_wait(fleet: Fleet) -> float:
    waits = [policy.wait for policy in fleet.scaling.policies if isinstance(policy, MaxWait)]
    return waits[0] if waits else DEFAULT_WAIT


def _prefetch(fleet: Fleet) -> int:
    """What its workers prefetch with early acknowledgement, as far as their options tell."""
    multiplier = DEFAULT_MULTIPLIER
    words = " ".join(fleet.options).replace("=", " ").split()
    for word, value in pairwise(words):
        if word == "--prefetch-multiplier" and value.isdigit():
            multiplier = int(value)
    return fleet.concurrency * multiplier
