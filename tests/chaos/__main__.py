"""`scripts/chaos`: break whole systems under load for a while, and show what became of every task."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import click

from autoscaler.config.units import duration
from autoscaler.tools.demo.interrupts import Interrupted, Interrupts
from autoscaler.tools.demo.services import RabbitMQNode
from chaos import faults_inside, faults_outside  # noqa: F401 - they register the faults
from chaos.faults import FAULTS, deck
from chaos.report import Result, as_json, markdown, result
from chaos.stagehand import Stagehand
from chaos.theatre import CASTS, Theatre

#: Seconds for the workers to finish after the last fault.
_FINISH = 120.0
_CUT = "4m"
_TAIL = 40


class Deck:
    """Hands out faults until the time is up, the same ones for the same seed."""

    def __init__(self, names: list[str], seed: int, until: float) -> None:
        self._names = names
        self._random = Random(seed)
        self._until = until
        self._left: list[str] = []
        self._lock = threading.Lock()

    def draw(self) -> str | None:
        """The next one; None when the time is up."""
        with self._lock:
            if time.monotonic() > self._until:
                return None
            self._left = self._left or deck(self._names, self._random)
            return self._left.pop(0)

    def stop(self) -> None:
        """Hand out no more."""
        self._until = 0.0


@click.command()
@click.option("--for", "lasts", default="50m", show_default=True, help="How long faults are injected.")
@click.option("--cut", is_flag=True, help=f"A short run for CI: as --for {_CUT}.")
@click.option("--seed", type=int, help="Repeat a run's faults. Default: a new one.")
@click.option("--only", default="", metavar="FAULT,...", help="These faults alone.")
@click.option("--systems", default=3, show_default=True, help="Systems that are broken side by side.")
@click.option("--report", type=click.Path(path_type=Path), help="Also write FILE.md and FILE.json.")
@click.option("--list", "listing", is_flag=True, help="Name the faults and end.")
def main(
    lasts: str, cut: bool, seed: int | None, only: str, systems: int, report: Path | None, listing: bool
) -> None:
    """Inject faults into whole systems under load: real broker, supervisord, workers and daemon.

    Ends with 0 if no task was lost, no busy worker killed, no fleet shrunk on unknown and the daemon never
    needed a restart. After a failure the folder with all logs is kept.
    """
    if listing:
        for fault in FAULTS.values():
            click.echo(f"{fault.name:24} {fault.what}")
        return
    names, left_out = _chosen([name for name in only.split(",") if name])
    if not RabbitMQNode.installed():
        raise click.ClickException("rabbitmq-server is not installed (apt-get install rabbitmq-server)")
    seed = Random().randrange(10**6) if seed is None else seed
    folder = Path(tempfile.mkdtemp(prefix="chaos-")).resolve()
    click.echo(f"seed {seed}, folder {folder}", err=True)
    whole = _run(folder, names, seed, duration(_CUT if cut else lasts), systems, left_out)
    text = markdown(whole)
    click.echo(text)
    for path in filter(None, [folder / "report", report]):
        path.with_suffix(".md").write_text(text)
        path.with_suffix(".json").write_text(as_json(whole))
    if not whole.failures:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if whole.failures else 0)


def _chosen(only: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The faults to inject, and those that cannot be injected here with the reason."""
    if unknown := set(only) - set(FAULTS):
        raise click.UsageError(f"no such fault: {', '.join(sorted(unknown))} (--list names them)")
    wanted = [name for name in FAULTS if not only or name in only]
    left_out = {}
    if os.geteuid() != 0:
        why = "small file systems can only be mounted as root"
        left_out = {name: why for name in wanted if FAULTS[name].mounts}
    return [name for name in wanted if name not in left_out], left_out


def _run(
    folder: Path, names: list[str], seed: int, seconds: float, count: int, left_out: dict[str, str]
) -> Result:
    systems = [_system(folder, number, seed) for number in range(count)]
    began = time.monotonic()
    hands: list[Stagehand] = []
    with Interrupts() as interrupts, ThreadPoolExecutor(count) as pool:
        try:
            interrupts.arm()
            list(pool.map(Theatre.open, systems))
            began = time.monotonic()
            cards = Deck(names, seed, began + seconds)
            hands = [
                Stagehand(system, cards.draw, seed + number, _say(began))
                for number, system in enumerate(systems)
            ]
            _watch(hands, cards)
            lasted = time.monotonic() - began
            list(pool.map(lambda system: system.finish(_FINISH), systems))
            whole = result(hands, seed, lasted, left_out)
            if whole.failures:
                _show(hands)
            return whole
        finally:
            interrupts.disarm()
            list(pool.map(Theatre.close, systems))


def _watch(hands: Sequence[Stagehand], cards: Deck) -> None:
    for hand in hands:
        hand.thread.start()
    try:
        while any(hand.thread.is_alive() for hand in hands):
            time.sleep(0.5)
    except Interrupted:  # the table of what has been is wanted all the same
        cards.stop()
        for hand in hands:
            hand.thread.join(60)


def _system(folder: Path, number: int, seed: int) -> Theatre:
    letter = chr(ord("a") + number)
    own = folder / letter
    own.mkdir()
    return Theatre(own, letter, CASTS[number % len(CASTS)], seed + number)


def _say(began: float) -> Callable[[str], None]:
    return lambda text: click.echo(f"{time.monotonic() - began:7.1f} {text}", err=True)


def _show(hands: Sequence[Stagehand]) -> None:
    """After a failure: the faults in their order, and how the logs end."""
    for hand in hands:
        click.echo(f"--- {hand.system.folder}: faults", err=True)
        for window in hand.windows:
            click.echo(f"{window.began:.2f} to {window.ended:.2f} {window.fault} {window.detail}", err=True)
        click.echo(f"--- {hand.system.folder}: the end of the daemon's log", err=True)
        click.echo("\n".join(hand.system.log[-_TAIL:]), err=True)


if __name__ == "__main__":
    main()
