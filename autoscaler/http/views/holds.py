"""An operator's hold on a fleet or a worker, as a value of the API."""

from __future__ import annotations

from typing import Literal

from autoscaler.http.views.base import View
from autoscaler.model import FixedSize, Hold, Paused, Stopped, Worker, WorkerHold, WorkerState


class HoldView(View):
    """A hold: its kind, its author, its reason, its time, and the command that ends it."""

    #: paused: the size stays. size: `workers` are kept. stopped: every worker goes. drained: this worker is
    #: out of service. by hand: supervisorctl stopped this worker, not the autoscaler.
    kind: Literal["paused", "size", "stopped", "drained", "by hand"]
    workers: int | None
    #: A user of the machine or the name of a token; empty: unknown.
    by: str
    reason: str
    since: float
    #: Null: until the hold is released.
    until: float | None
    #: The hold ends when the machine starts again.
    this_boot: bool
    #: The command that ends the hold.
    release: str


def hold_of_fleet(fleet: str, hold: Hold) -> HoldView:
    """Show a fleet's hold."""
    match hold:
        case Paused():
            workers, this_boot, verb = None, False, "resume"
        case FixedSize():
            workers, this_boot, verb = hold.workers, False, "resume"
        case Stopped():
            workers, this_boot, verb = 0, bool(hold.boot), "start"
    return HoldView.of(hold, workers=workers, this_boot=this_boot, release=f"autoscaler {verb} {fleet}")


def hold_of_worker(worker: Worker) -> HoldView | None:
    """Show a worker's hold; a worker that supervisorctl stopped has one without an author."""
    if worker.hold is None and worker.state is not WorkerState.HELD:
        return None
    return HoldView.of(
        worker.hold or WorkerHold(worker.name, since=worker.since),
        kind="drained" if worker.hold else "by hand",
        workers=None,
        this_boot=False,
        release=f"autoscaler release {worker.name}",
    )
