"""`python -m benchmarks.replay`: is the simulator right? The same loads on real parts and on fake time.

The load is published to a private RabbitMQ; the daemon scales real Celery workers under a private
supervisord. Then the simulator runs the very arrivals that the broker saw, with the mean start and stop
times that were seen, and nothing else is told to it.
"""

from __future__ import annotations

import json
import random
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, pstdev

import click

from autoscaler.model import MaxWait, Scaling
from autoscaler.tools.demo.services import RabbitMQNode
from autoscaler.tools.simulate.load import Load, fixed, made, poisson, spread
from autoscaler.tools.simulate.ours import Ours
from autoscaler.tools.simulate.outcome import Outcome, quantile
from autoscaler.tools.simulate.run import simulate
from autoscaler.tools.simulate.setting import Setting
from benchmarks.replay.rig import Replayed, replay

RESULTS = Path(__file__).parent / "results"
#: How far a forecast may be off.
ALLOWED = 0.15


@dataclass(frozen=True, slots=True)
class Trial:
    """A load and the fleet that meets it."""

    load: Load
    setting: Setting


def bursts(seed: int) -> Trial:
    """One 2 s task every 2 seconds, and three bursts of 60 within 3 seconds."""
    rng = random.Random(f"bursts-{seed}")
    times = poisson(rng, 0.5, 0.0, 120.0)
    for begin in (20.0, 65.0, 110.0):
        times += spread(rng, 60, begin, begin + 3.0)
    setting = Setting(wait=14.0, max_workers=8, concurrency=2, polling_interval=1.0)
    return Trial(made("bursts", times, 150.0, fixed(2.0), rng), setting)


def step(seed: int) -> Trial:
    """1 task of 1 s a second, then 6 a second for 50 seconds, then 1 again."""
    rng = random.Random(f"step-{seed}")
    parts = ((1.0, 0.0, 40.0), (6.0, 40.0, 90.0), (1.0, 90.0, 130.0))
    times = [time for part in parts for time in poisson(rng, *part)]
    setting = Setting(wait=12.0, max_workers=8, concurrency=2, polling_interval=1.0)
    return Trial(made("step", times, 150.0, fixed(1.0), rng), setting)


TRIALS = {"bursts": bursts, "step": step}


@click.command()
@click.option("--only", type=click.Choice(list(TRIALS)), help="One of the loads. Default: both.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--results", type=click.Path(path_type=Path, file_okay=False), default=RESULTS)
def main(only: str | None, seed: int, results: Path) -> None:
    """Replay loads on real parts, foretell them, and write both."""
    rows = []
    for name in [only] if only else TRIALS:
        trial = TRIALS[name](seed)
        with tempfile.TemporaryDirectory(prefix="as-") as folder:
            place = Path(folder).resolve()
            (place / "r").mkdir()
            with RabbitMQNode(place / "mq") as broker:
                real = replay(place / "r", broker, trial.load, trial.setting)
        rows.append(figures(trial, real, foretold(trial, real)))
        click.echo(json.dumps(rows[-1]))
    results.mkdir(parents=True, exist_ok=True)
    (results / "replay.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    (results / "replay.md").write_text(markdown(rows), encoding="utf-8")


def foretold(trial: Trial, real: Replayed) -> Outcome:
    """What the simulator makes of the same arrivals."""
    setting = replace(
        trial.setting, start_time=fmean(real.start_seconds or (8.0,)), stop_time=real.stop_seconds
    )
    scaling = Scaling(
        setting.min_workers,
        setting.max_workers,
        setting.concurrency,
        (MaxWait(setting.wait),),
        stabilization=0.0,
    )
    return simulate(real.load, setting, Ours(scaling))


def figures(trial: Trial, real: Replayed, told: Outcome) -> dict[str, object]:
    """Both beside each other."""
    waits = sorted(real.waits)
    p95, hours = quantile(waits, 0.95), real.worker_seconds / 3600
    return {
        "load": trial.load.name,
        "tasks": len(waits),
        "wait": trial.setting.wait,
        "start_seconds": round(fmean(real.start_seconds), 2),
        "start_deviation": round(pstdev(real.start_seconds), 2),
        "stop_seconds": round(real.stop_seconds, 2),
        "p50": [round(quantile(waits, 0.5), 2), round(told.wait_p50, 2)],
        "p95": [round(p95, 2), round(told.wait_p95, 2)],
        "longest": [round(waits[-1], 2), round(told.wait_max, 2)],
        "worker_hours": [round(hours, 4), round(told.worker_hours, 4)],
        "starts": [real.starts, told.starts],
        "peak": [real.peak, told.peak],
        "p95_off": round(told.wait_p95 / p95 - 1, 3),
        "worker_hours_off": round(told.worker_hours / hours - 1, 3),
    }


def markdown(rows: list[dict[str, object]]) -> str:
    """The table for people."""
    lines = [
        "# The simulator, checked on real parts",
        "",
        "Written by `python -m benchmarks.replay`: real | foretold.",
        "",
        "| load | tasks | start (deviation) | p50 | p95 | longest | worker-hours | starts | peak | off |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        pairs = ("p50", "p95", "longest", "worker_hours", "starts", "peak")
        cells = [" / ".join(map(str, row[key])) for key in pairs]  # type: ignore[arg-type, call-overload]
        start = f"{row['start_seconds']} s ({row['start_deviation']} s)"
        off = f"p95 {row['p95_off']:+.0%}, hours {row['worker_hours_off']:+.0%}"
        lines.append(f"| {row['load']} | {row['tasks']} | {start} | {' | '.join(cells)} | {off} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
