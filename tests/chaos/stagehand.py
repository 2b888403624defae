"""Injects one fault after the other into one system, and sees how long each of them disturbs it."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from random import Random

import psutil
from kombu.exceptions import OperationalError

from autoscaler.errors import AutoscalerError
from chaos.faults import FAULTS, Blow, Fault
from chaos.ledger import Entry, Window
from chaos.load import Lane
from chaos.theatre import Theatre

#: Seconds between two looks for the end of a disturbance.
_LOOK = 0.2
#: What breaks in the suite's own hands while the parts it uses are broken.
_BROKEN = (
    AutoscalerError,
    AssertionError,
    OSError,
    OperationalError,
    psutil.Error,
    http.client.HTTPException,
    xmlrpc.client.Error,
    LookupError,
)


class Stagehand:
    """A thread that breaks one system until it is told to stop.

    Parameters
    ----------
    draw : gives the name of the next fault; None when there are no more.
    """

    def __init__(
        self, system: Theatre, draw: Callable[[], str | None], seed: int, say: Callable[[str], None]
    ) -> None:
        self.system = system
        self.windows: list[Window] = []
        #: What went wrong beside the tasks, in words.
        self.failures: list[str] = []
        self._draw = draw
        self._random = Random(seed)
        self._say = say
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while (name := self._draw()) is not None:
            time.sleep(self._random.uniform(0.3, 2.5))
            window = self._inject(FAULTS[name])
            self.windows.append(window)
            took = "never" if window.recovered is None else f"{window.recovered - window.ended:.1f} s"
            self._say(f"{self.system.letter} {name} {window.detail}: {took} {window.failure}".rstrip())
            if window.failure:
                self.failures.append(f"{name} {window.detail} at {window.began:.2f}: {window.failure}")
            self._keep_daemon()

    def _keep_daemon(self) -> None:
        """It must never need a restart; where it does, that is a failure, and the run goes on."""
        code = self.system.daemon.exit_code
        if code is None:
            return
        self.failures.append(f"the daemon ended with {code}: {self.system.daemon.output[-500:]}")
        for database in (self.system.folder / "state").glob("autoscaler.db*"):
            database.unlink(missing_ok=True)
        self.system.start_daemon()

    def _inject(self, fault: Fault) -> Window:
        blow = Blow(self.system, self._random)
        self.system.orphans_allowed = fault.orphans
        began, failure = time.time(), ""
        try:
            fault.do(blow)
        except _BROKEN as error:
            failure = f"could not be injected: {type(error).__name__}: {error}"
        ended = time.time()
        recovered = self._recovered(ended, fault.recovers_within)
        if not isinstance(recovered, float):
            failure = f"{failure} does not serve within {fault.recovers_within:g} s: {recovered}".strip()
        self.system.orphans_allowed = False
        return Window(
            fault=fault.name,
            began=began,
            ended=ended,
            recovered=recovered if isinstance(recovered, float) else None,
            killed=frozenset(blow.killed),
            redelivers=fault.redelivers,
            returns=fault.returns,
            away=fault.away,
            blind=fault.blind,
            failure=failure,
            detail=blow.detail,
        )

    def _recovered(self, since: float, within: float) -> float | str:
        """When everything served again, or in words what still does not."""
        unprobed = {lane.fleet: lane for lane in self.system.lanes}
        missing = ""
        while time.time() < since + within:
            missing = "; ".join(self._missing(since, unprobed))
            if not missing:
                return time.time()
            if self.system.daemon.exit_code is not None:
                return f"the daemon has ended with {self.system.daemon.exit_code}"
            time.sleep(_LOOK)
        return missing

    def _missing(self, since: float, unprobed: dict[str, Lane]) -> Iterator[str]:
        """What is not as it should be: the daemon's word, tasks that begin, workers that run twice."""
        for fleet, lane in list(unprobed.items()):
            with contextlib.suppress(*_BROKEN):
                if self.system.load.probe(lane):
                    del unprobed[fleet]
        if told := self.system.unserved(since):
            yield told
        begun = {entry.node.rpartition("-")[0] for entry in self._since(since) if entry.event == "begin"}
        for lane in self.system.lanes:
            if lane.fleet not in begun:
                yield f"no task of {lane.fleet} has begun since"
        if self.system.has_doubles():
            yield "a worker runs twice"

    def _since(self, since: float) -> Iterator[Entry]:
        entries = self.system.entries()
        for entry in reversed(entries):
            if entry.at < since - 5:
                return
            if entry.at >= since:
                yield entry
