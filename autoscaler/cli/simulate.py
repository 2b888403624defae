"""The `autoscaler simulate` command."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import click
from rich.console import Console

from autoscaler import config
from autoscaler.config import Fleet, units
from autoscaler.model import MaxWait
from autoscaler.simulate.against import PEERS
from autoscaler.simulate.bound import least_worker_seconds
from autoscaler.simulate.load import Load, Service, exponential, fixed
from autoscaler.simulate.ours import Ours
from autoscaler.simulate.outcome import Outcome
from autoscaler.simulate.patterns import PATTERNS, pattern
from autoscaler.simulate.peers import PeerScaler
from autoscaler.simulate.plot import draw
from autoscaler.simulate.run import simulate
from autoscaler.simulate.setting import Setting
from autoscaler.simulate.table import as_json, outcomes_table
from autoscaler.simulate.traces import read_trace

#: Seconds, where neither the fleet nor the command says how long a task may wait.
DEFAULT_WAIT = 30.0
#: Celery's own worker_prefetch_multiplier.
DEFAULT_MULTIPLIER = 4


def _duration(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Read ``500ms``, ``30s``, ``2m``, ``1h``."""
    if value is None:
        return None
    try:
        return units.duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _peers(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[str, ...]:
    """Read names of peers, separated by commas."""
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    if unknown := [name for name in names if name not in PEERS]:
        raise click.BadParameter(f"{unknown[0]!r} is not a known peer; there are {', '.join(PEERS)}")
    return names


@click.command("simulate")
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The config file. Default: $AUTOSCALER_CONFIG, ./autoscaler.yaml, /etc/autoscaler/autoscaler.yaml.",
)
@click.option("--fleet", "name", help="The fleet. Default: the only one.")
@click.option(
    "--trace",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A CSV file: arrival[,service_time] a task, or period_start,count a period.",
)
@click.option("--pattern", "made", type=click.Choice(list(PATTERNS)), help="A made load.")
@click.option("--against", callback=_peers, default="", help=f"Peers beside it: {','.join(PEERS)}.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same result.")
@click.option(
    "--service-time",
    callback=_duration,
    help="Mean time that a task runs, where the trace has none. Default: 2s.",
)
@click.option(
    "--service",
    "shape",
    type=click.Choice(["exponential", "fixed"]),
    default="exponential",
    show_default=True,
    help="How these times spread.",
)
@click.option("--start-time", callback=_duration, default="8s", show_default=True, help="A worker's start.")
@click.option(
    "--wait", callback=_duration, help="The wanted longest wait. Default: the fleet's max_wait, or 30s."
)
@click.option("--lag", callback=_duration, default="0s", show_default=True, help="Age of the counts seen.")
@click.option(
    "--prefetch",
    type=click.IntRange(min=0),
    help="Tasks a worker holds beyond those it runs. Default: what its options say.",
)
@click.option(
    "--plot", "picture", type=click.Path(path_type=Path, dir_okay=False), help="Draw a picture (.png, .svg)."
)
@click.option("--json", "as_data", is_flag=True, help="Print JSON.")
def simulate_command(
    *,
    path: Path | None,
    name: str | None,
    trace: Path | None,
    made: str | None,
    against: tuple[str, ...],
    seed: int,
    service_time: float | None,
    shape: str,
    start_time: float,
    wait: float | None,
    lag: float,
    prefetch: int | None,
    picture: Path | None,
    as_data: bool,
) -> None:
    """Try a fleet's settings on a load, on fake time: what the daemon would decide, and what comes of it.

    \b
    Examples:
      autoscaler simulate --pattern random-bursts
      autoscaler simulate --pattern step --against keda,celery --plot step.png
      autoscaler simulate --trace monday.csv --fleet emails --service-time 3s --json
    """
    settings = config.load(config.find(path, os.environ))
    fleet = _fleet(settings, name)
    load = _load(trace, made, seed, _service(shape, service_time))
    setting = _setting(settings, fleet, start_time=start_time, wait=wait, lag=lag, prefetch=prefetch)
    outcomes = [simulate(load, setting, Ours(fleet.scaling, fleet.name))]
    outcomes += [
        simulate(load, setting, PeerScaler(PEERS[peer](load, setting), seed, peer)) for peer in against
    ]
    if picture is not None:
        draw(picture, load, setting, outcomes)
    _show(load, setting, outcomes, as_data=as_data)


def _setting(
    settings: config.Config,
    fleet: Fleet,
    *,
    start_time: float,
    wait: float | None,
    lag: float,
    prefetch: int | None,
) -> Setting:
    return Setting(
        wait=wait or _max_wait(fleet),
        start_time=start_time,
        polling_interval=settings.polling_interval,
        lag=lag,
        min_workers=fleet.min_workers,
        max_workers=fleet.max_workers,
        concurrency=fleet.concurrency,
        prefetch=_prefetch(fleet) if prefetch is None else prefetch,
    )


def _fleet(settings: config.Config, name: str | None) -> Fleet:
    fleets = settings.fleets
    if name is None and len(fleets) == 1:
        return next(iter(fleets.values()))
    if name is None:
        raise click.UsageError(f"--fleet is needed, the config has {len(fleets)}: {', '.join(fleets)}")
    if name not in fleets:
        raise click.UsageError(f"--fleet {name}: the config has only {', '.join(fleets) or 'none'}")
    return fleets[name]


def _load(trace: Path | None, made: str | None, seed: int, service: Service | None) -> Load:
    if trace is not None and made is None:
        return read_trace(trace, seed, service or exponential(2.0))
    if made is not None and trace is None:
        return pattern(made, seed, service)
    raise click.UsageError("give one of --trace FILE and --pattern NAME")


def _service(shape: str, mean: float | None) -> Service | None:
    if mean is None:
        return fixed(2.0) if shape == "fixed" else None
    if mean <= 0:
        raise click.UsageError("--service-time must be more than 0")
    return fixed(mean) if shape == "fixed" else exponential(mean)


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


def _show(load: Load, setting: Setting, outcomes: list[Outcome], *, as_data: bool) -> None:
    bound = least_worker_seconds(load, setting) / 3600.0
    if as_data:
        data = {
            "load": {"name": load.name, "tasks": len(load.arrivals), "seconds": load.duration},
            "least_worker_hours": bound,
            "outcomes": [as_json(outcome) for outcome in outcomes],
        }
        Console().print_json(data=data)
        return
    console = Console(highlight=False)
    console.print(outcomes_table(outcomes))
    console.print(
        f"\n{load.name}: {len(load.arrivals)} tasks in {load.duration / 60:.0f} min, "
        f"{load.mean_service:.3g} s each on the mean. TOO LATE waited more than {setting.wait:g} s. "
        f"No scaler that is never too late can do with less than {bound:.2f} worker-hours.",
        soft_wrap=True,
    )
