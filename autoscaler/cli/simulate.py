"""`autoscaler simulate`: a fleet's settings on a load, in fake time."""

from __future__ import annotations

import os
from pathlib import Path

import click
from rich.console import Console

from autoscaler import config
from autoscaler.cli.options import DURATION, Duration, config_option
from autoscaler.cli.recommended import recommend
from autoscaler.cli.simulated import Asked, fleet_of, keys, load_of, setting_of, with_keys
from autoscaler.cli.terminal import console as terminal
from autoscaler.cli.terminal import show
from autoscaler.tools.simulate.against import PEERS
from autoscaler.tools.simulate.bound import least_worker_seconds
from autoscaler.tools.simulate.load import Load
from autoscaler.tools.simulate.ours import Ours
from autoscaler.tools.simulate.outcome import Outcome
from autoscaler.tools.simulate.patterns import PATTERNS
from autoscaler.tools.simulate.peers import PeerScaler
from autoscaler.tools.simulate.plot import draw
from autoscaler.tools.simulate.recorded import Replay
from autoscaler.tools.simulate.run import simulate
from autoscaler.tools.simulate.setting import Setting
from autoscaler.tools.simulate.table import as_json, outcomes_table


def _peers(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[str, ...]:
    """Read names of peers, separated by commas."""
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    if unknown := [name for name in names if name not in PEERS]:
        raise click.BadParameter(f"{unknown[0]!r} is not a known peer; there are {', '.join(PEERS)}")
    return names


@click.command("simulate")
@config_option
@click.option("--fleet", "name", help="The fleet. Default: the only one, or the one of --from-history.")
@click.option(
    "--trace",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A CSV file: arrival[,service_time] a task, or period_start,count a period.",
)
@click.option(
    "--pattern",
    metavar="NAME",
    type=click.Choice(list(PATTERNS)),
    help=f"A made load: {', '.join(PATTERNS)}.",
)
@click.option(
    "--from-history", "history", metavar="FLEET", help="What the daemon itself recorded of this fleet."
)
@click.option(
    "--last", type=DURATION, default="1d", show_default=True, help="How far back --from-history looks."
)
@click.option(
    "--set",
    "changes",
    callback=keys,
    metavar="KEY=VALUE",
    multiple=True,
    help="Another value for a key of the fleet, such as scale.max_wait=10s. May be given several times.",
)
@click.option("--against", callback=_peers, default="", help=f"Peers beside it: {','.join(PEERS)}.")
@click.option("--recommend", "search", is_flag=True, help="Search the settings that keep the wait best.")
@click.option(
    "--late",
    type=click.FloatRange(0, 100),
    default=1.0,
    show_default=True,
    help="Percent of the tasks that may wait too long with what --recommend finds.",
)
@click.option("--budget", type=DURATION, default="2m", show_default=True, help="Time that --recommend takes.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same result.")
@click.option(
    "--service-time",
    type=DURATION,
    help="Mean time that a task runs. Default: as in the trace or measured, else 2s.",
)
@click.option(
    "--service",
    "shape",
    type=click.Choice(["exponential", "fixed"]),
    default="exponential",
    show_default=True,
    help="How these times spread.",
)
@click.option("--start-time", type=DURATION, help="A worker's start. Default: as measured, else 8s.")
@click.option("--wait", type=DURATION, help="The wanted longest wait. Default: the fleet's max_wait, or 30s.")
@click.option(
    "--lag", type=Duration(zero=True), default="0s", show_default=True, help="Age of the counts seen."
)
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
    changes: dict[str, str],
    against: tuple[str, ...],
    search: bool,
    late: float,
    budget: float,
    picture: Path | None,
    as_data: bool,
    **options: object,
) -> None:
    """Try a fleet's settings on a load, on fake time: what the daemon would decide, and what comes of it.

    \b
    Examples:
      autoscaler simulate --pattern random-bursts
      autoscaler simulate --pattern step --against keda,celery --plot step.png
      autoscaler simulate --trace monday.csv --fleet emails --service-time 3s --json
      autoscaler simulate --from-history emails --set scale.max_wait=10s
      autoscaler simulate --from-history emails --last 3d --recommend --wait 30s
    """
    asked = Asked(**options)  # type: ignore[arg-type]  # click gives them by the names of its fields
    file = config.find(path, os.environ)
    name = name or asked.history
    fleet = fleet_of(config.load(file), name)
    settings = with_keys(file, fleet.name, changes)
    fleet = settings.fleets[fleet.name]
    found = load_of(asked, settings)
    load = found.load if isinstance(found, Replay) else found
    setting = setting_of(asked, settings, fleet, found.workers if isinstance(found, Replay) else None)
    if search:
        recommend(file, fleet, load, setting, allowed=late / 100, budget=budget, as_data=as_data)
        return
    outcomes = [simulate(load, setting, Ours(fleet.scaling, fleet.name))]
    outcomes += [
        simulate(load, setting, PeerScaler(PEERS[peer](load, setting), asked.seed, peer)) for peer in against
    ]
    if picture is not None:
        draw(picture, load, setting, outcomes)
    _show(found, load, setting, outcomes, as_data=as_data)


def _show(
    found: Load | Replay, load: Load, setting: Setting, outcomes: list[Outcome], *, as_data: bool
) -> None:
    bound = least_worker_seconds(load, setting) / 3600.0
    if as_data:
        data: dict[str, object] = {
            "load": {"name": load.name, "tasks": len(load.arrivals), "seconds": load.duration},
            "least_worker_hours": bound,
            "outcomes": [as_json(outcome) for outcome in outcomes],
        }
        if isinstance(found, Replay):
            data["recorded"] = {
                "worker_hours": found.worker_seconds / 3600.0,
                "seconds": found.sampled,
                "unknown_seconds": found.unknown,
            }
        Console().print_json(data=data)
        return
    console = terminal()
    show(console, outcomes_table(outcomes))
    console.print(
        f"\n{load.name}: {len(load.arrivals)} tasks in {load.duration / 60:.0f} min, "
        f"{load.mean_service:.3g} s each on the mean. TOO LATE waited more than {setting.wait:g} s; a start "
        f"takes {setting.start_time:.2g} s. "
        f"No scaler that is never too late can do with less than {bound:.2f} worker-hours.",
        soft_wrap=True,
    )
    if isinstance(found, Replay):
        console.print(_recorded(found), soft_wrap=True)


def _recorded(found: Replay) -> str:
    """What the daemon itself had, where it is known, and what nobody knows."""
    hours = f"{found.worker_seconds / 3600:.2f} worker-hours in the {found.sampled / 60:.0f} min"
    text = f"The fleet itself had {hours} that were sampled."
    if found.unknown < 60:
        return text
    return f"{text} {found.unknown / 60:.0f} min were not watched: no task is taken to have come in them."
