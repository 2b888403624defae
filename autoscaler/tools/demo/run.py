"""The run of `autoscaler demo`: services, load, live view, and cleaning up."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from rich.console import Console

from autoscaler.tools.demo.broker import choose
from autoscaler.tools.demo.interrupts import Interrupted, Interrupts
from autoscaler.tools.demo.load import Load, Tally, plan, read_journal, tally
from autoscaler.tools.demo.stage import Stage
from autoscaler.tools.demo.view import Moment, at_rest, screen, serving, summary

#: Seconds between two looks.
_LOOK_EVERY = 0.25

#: Seconds after the demo's length within which the last task must have finished.
_DRAIN = 60.0


def run_demo(duration: float, broker: str, console: Console) -> int:
    """Run the demo and leave no process and no file behind, also when interrupted.

    Parameters
    ----------
    duration : seconds, > 0; the load ends about half-way, what it published may take 60 s longer.
    broker : ``auto``, ``rabbitmq``, ``redis`` or ``embedded``.

    Returns
    -------
    int : exit code, 0 only if it was not interrupted, and tasks were published and every one of them ran.

    Raises
    ------
    ServiceUnavailable : a service could not be started, or the daemon ended.
    """
    with Interrupts() as interrupts:
        folder = Path(tempfile.mkdtemp(prefix="autoscaler-demo-")).resolve()
        try:
            stage = Stage(folder, choose(broker, folder / "mq"))
            return _Show(stage, duration, console).run(interrupts)
        finally:
            shutil.rmtree(folder)


class _Show:
    """One run of the demo."""

    def __init__(self, stage: Stage, duration: float, console: Console) -> None:
        self._stage = stage
        self._duration = duration
        self._console = console
        self._load: Load | None = None
        self._peak = 0

    def run(self, interrupts: Interrupts) -> int:
        interrupted = False
        try:
            try:
                interrupts.arm()
                self._play()
            finally:
                interrupts.disarm()
        except Interrupted:
            interrupted = True
            self._say("Stopping ...")
        finally:
            self._close()
        return self._report(interrupted=interrupted)

    def _play(self) -> None:
        self._stage.open(self._say)
        self._load = load = Load(self._stage.broker, plan(self._duration))
        load.start()
        began = time.monotonic()
        with screen(self._console) as show:
            while True:
                moment = self._look(load, time.monotonic() - began)
                show(moment)
                if self._over(load, moment):
                    return
                time.sleep(_LOOK_EVERY)

    def _look(self, load: Load, elapsed: float) -> Moment:
        fleet = self._stage.fleet()
        self._peak = max(self._peak, serving(fleet))
        return Moment(elapsed, fleet, self._tally(load), load.trouble or (fleet.trouble if fleet else ""))

    def _over(self, load: Load, moment: Moment) -> bool:
        if moment.elapsed > self._duration + _DRAIN:
            return True
        quiet = load.finished and moment.tally.lost == 0
        shrunk = moment.fleet is not None and at_rest(moment.fleet)
        return quiet and (shrunk or moment.elapsed >= self._duration)

    def _tally(self, load: Load | None) -> Tally:
        return tally(load.published, read_journal(self._stage.journal)) if load else Tally()

    def _close(self) -> None:
        if self._load:
            self._load.stop()
        self._stage.close()

    def _report(self, *, interrupted: bool) -> int:
        counts = self._tally(self._load)
        self._console.print(summary(counts, self._peak, interrupted=interrupted))
        all_ran = counts.published > 0 and counts.lost == 0
        if not all_ran and not interrupted:
            self._say(f"The end of the daemon's log:\n{self._stage.daemon_log}")
        return 0 if all_ran and not interrupted else 1

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)
