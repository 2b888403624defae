"""Taking workers out of service, and back: journal, cancel, wait, stop."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from autoscaler.errors import SourceError, StoreError, SupervisordFault, TargetError
from autoscaler.model import Drain, DrainPhase, Known, Worker, WorkerState
from autoscaler.net.deadline import Deadline
from autoscaler.supervisord.program_file import log_file, written_queues
from autoscaler.supervisord.programs import StepHook
from autoscaler.workers.states import Step, is_another, is_overdue, next_step, overdue
from autoscaler.workers.turn import Order, Turn

#: Seconds before a worker that stays silent is told again what to do with its queues.
TELL_AGAIN = 10.0
#: Seconds for a control message.
MESSAGE = 2.0


class Consumers(Protocol):
    """Remote control, as far as a drain needs it."""

    def cancel_consumers(self, node: str, queues: Collection[str], deadline: Deadline) -> None: ...
    def add_consumers(self, node: str, queues: Collection[str], deadline: Deadline) -> None: ...
    def may_listen(self, node: str, deadline: Deadline) -> bool: ...


class Journal(Protocol):
    """Where drains are written down before they are begun."""

    def put_drain(self, drain: Drain) -> None: ...
    def delete_drains(self, workers: Iterable[str]) -> None: ...
    def put_away(self, workers: Iterable[str]) -> None: ...


class Stopper(Protocol):
    """The part of supervisord's interface that ends processes."""

    def stop_all(self, names: Iterable[str]) -> Mapping[str, SupervisordFault]: ...
    def signal(self, name: str, signal: str) -> None: ...


class Drains:
    """Moves the workers in the journal on, one step a turn."""

    def __init__(self, journal: Journal, stopper: Stopper, consumers: Consumers, on_step: StepHook) -> None:
        self._journal = journal
        self._stopper = stopper
        self._consumers = consumers
        self._on_step = on_step
        self._told_at: dict[str, float] = {}
        #: Pids that got TERM past supervisord's stop, by worker.
        self._terminated: dict[str, int | None] = {}

    def begin(self, turn: Turn) -> None:
        """Write down who goes and who comes back, before anything is done to them.

        What cannot be written down is not begun; the fleet says so, and the next turn tries again.
        """
        new = [drain for order in turn.orders.values() for drain in _new_drains(turn, order)]
        for drain in new:
            if not self._write_down(turn, drain):
                continue
            turn.drains[drain.worker] = drain
            lost = turn.world.workers[drain.worker].state is WorkerState.FAILED
            word = "taken out" if lost else str(drain.phase)
            turn.report.did(f"{drain.worker}: {word}" + (f" ({drain.reason})" if drain.reason else ""))
        if new:
            self._on_step("journalled")

    def _write_down(self, turn: Turn, drain: Drain) -> bool:
        try:
            self._journal.put_drain(drain)
        except StoreError as error:
            fleet = turn.world.workers[drain.worker].fleet
            turn.report.failed(
                fleet, f"{drain.worker} is left as it is, the drain journal cannot be written: {error}"
            )
            return False
        return True

    def advance(self, turn: Turn) -> frozenset[str]:
        """Take the next step of every worker in the journal; return those whose process has ended."""
        due = _due_steps(turn)
        for step in (Step.CANCEL, Step.CONSUME):
            for worker in due.get(step, ()):
                if not self._tell(turn, worker, step):
                    break  # the broker is away: one deadline a turn is enough
        self._forget(turn, due.get(Step.FORGET, []))
        self._put_away(turn, due.get(Step.PUT_AWAY, []))
        starting = [each for each in due.get(Step.TERMINATE, []) if not self._may_be_busy(turn, each)]
        self._stop(turn, [*due.get(Step.STOP, []), *starting])
        self._stop_again(turn, due.get(Step.STOP_AGAIN, []))
        self._terminated = {name: pid for name, pid in self._terminated.items() if name in turn.drains}
        self._terminate(turn, due.get(Step.STOP_OVERDUE, []), "its drain takes too long")
        silent = [each for each in due.get(Step.TERMINATE, []) if each not in starting]
        self._terminate(turn, silent, "its process began during the drain and has not answered")
        return frozenset(worker.name for worker in due.get(Step.REMOVE, ()))

    def _may_be_busy(self, turn: Turn, worker: Worker) -> bool:
        """Whether a process that has not answered may have taken a task; unknown is yes."""
        try:
            return self._consumers.may_listen(worker.node, Deadline.within(MESSAGE))
        except SourceError as error:
            turn.report.failed(worker.fleet, f"{worker.name}: its mailbox could not be looked for: {error}")
            return True

    def strike(self, turn: Turn, names: frozenset[str]) -> None:
        """Strike workers that are gone from the journal."""
        if not names:
            return
        self._journal.delete_drains(sorted(names))
        for name in names:
            turn.drains.pop(name, None)
            self._told_at.pop(name, None)
        self._on_step("forgotten")

    def _tell(self, turn: Turn, worker: Worker, step: Step) -> bool:
        """Tell a worker to stop taking tasks, or to take them again; the effect is looked at next turn.

        Returns
        -------
        Whether the broker could be reached.
        """
        silent = not isinstance(worker.stats, Known)
        if silent and turn.now - self._told_at.get(worker.name, float("-inf")) < TELL_AGAIN:
            return True
        order, deadline = turn.orders[worker.fleet], Deadline.within(MESSAGE)
        try:
            if step is Step.CANCEL:
                self._consumers.cancel_consumers(worker.node, _queues_to_cancel(turn, worker), deadline)
            else:
                self._consumers.add_consumers(worker.node, sorted(order.queues), deadline)
        except SourceError as error:
            turn.report.failed(worker.fleet, f"{worker.name} could not be told to {step}: {error}")
            return False
        self._told_at[worker.name] = turn.now
        self._on_step("told")
        return True

    def _forget(self, turn: Turn, workers: list[Worker]) -> None:
        self.strike(turn, frozenset(worker.name for worker in workers))
        for worker in workers:
            turn.report.did(f"{worker.name}: back in service")

    def _put_away(self, turn: Turn, workers: list[Worker]) -> None:
        if not workers:
            return
        # Before they leave the journal: without either they would be drained again if they were started.
        self._journal.put_away([worker.name for worker in workers])
        self.strike(turn, frozenset(worker.name for worker in workers))
        for worker in workers:
            turn.report.did(f"{worker.name}: out of service")

    def _stop(self, turn: Turn, workers: list[Worker]) -> None:
        if not workers:
            return
        try:
            faults = self._stopper.stop_all([worker.name for worker in workers])
        except TargetError as error:
            for worker in workers:
                turn.report.failed(worker.fleet, f"{worker.name} could not be stopped: {error}")
            return
        for worker in workers:
            if worker.name in faults:
                turn.report.failed(worker.fleet, f"{worker.name} was not stopped: {faults[worker.name]}")
            else:
                turn.report.did(f"{worker.name}: stopping, it has nothing left to do")
        self._on_step("stopped")

    def _stop_again(self, turn: Turn, workers: list[Worker]) -> None:
        for worker in workers:
            try:
                self._stopper.signal(worker.name, "TERM")
            except TargetError as error:
                turn.report.failed(worker.fleet, f"{worker.name} could not be told to stop again: {error}")
            else:
                turn.report.did(f"{worker.name}: told to stop again, it still answers")

    def _terminate(self, turn: Turn, workers: list[Worker], why: str) -> None:
        """Send each process one TERM, which no KILL follows: it finishes what it runs."""
        for worker in workers:
            if self._terminated.get(worker.name) == worker.pid:
                continue
            try:
                self._stopper.signal(worker.name, "TERM")
            except TargetError as error:
                turn.report.failed(worker.fleet, f"{worker.name} could not be told to stop: {error}")
            else:
                self._terminated[worker.name] = worker.pid
                turn.report.did(f"{worker.name}: got TERM: {why}")


def _new_drains(turn: Turn, order: Order) -> list[Drain]:
    """Lines for the journal: whom the order names, and whom supervisord gave up on."""
    lost = [
        worker
        for worker in turn.world.workers.values()
        if worker.fleet == order.fleet and worker.state is WorkerState.FAILED
    ]
    return [
        *(Drain(name, DrainPhase.DRAINING, turn.now, order.reason, _pid(turn, name)) for name in order.drain),
        *(Drain(name, DrainPhase.RESTORING, turn.now) for name in order.restore),
        *(Drain(worker.name, DrainPhase.DRAINING, turn.now, _why_lost(turn, worker)) for worker in lost),
    ]


def _pid(turn: Turn, name: str) -> int | None:
    process = turn.world.processes.get(name)
    return process.pid if process is not None else None


def _why_lost(turn: Turn, worker: Worker) -> str:
    process = turn.world.processes[worker.name]
    words = process.failure or f"exit status {process.exit_status}"
    # One that was never spawned has none; supervisord points to it where there is one.
    has_log = not process.failure or "process log" in process.failure
    log = log_file(turn.world.sections.get(worker.name, "")) if has_log else None
    return f"supervisord gave up on it: {words}" + (f"; its log is {log}" if log else "")


def _due_steps(turn: Turn) -> dict[Step, list[Worker]]:
    """The workers in the journal by the step that they need; notes drains that take too long."""
    due: dict[Step, list[Worker]] = {}
    for name, drain in sorted(turn.drains.items()):
        worker = turn.world.workers.get(name)
        order = turn.orders.get(worker.fleet) if worker is not None else None
        if worker is None or order is None:
            continue
        step = next_step(turn.now, worker, drain, turn.world.processes.get(name), order.queues)
        due.setdefault(_unless_overdue(turn, step, drain, order), []).append(worker)
        if text := overdue(turn.now, worker, drain, order.drain_timeout, stops=order.stops_overdue):
            turn.report.failed(worker.fleet, text)
    return due


def _unless_overdue(turn: Turn, step: Step, drain: Drain, order: Order) -> Step:
    """The step, or the end of waiting where the config wants one.

    A process that is not the one that the drain began with came up after such an end. It is drained as any
    other: told to stop as well, it would be started again for ever.
    """
    process = turn.world.processes.get(drain.worker)
    is_same = process is not None and process.pid is not None and not is_another(process, drain)
    waits = is_same and step in (Step.WAIT, Step.CANCEL)
    ends = waits and order.stops_overdue and is_overdue(turn.now, drain, order.drain_timeout)
    return Step.STOP_OVERDUE if ends else step


def _queues_to_cancel(turn: Turn, worker: Worker) -> list[str]:
    """The queues that it says it reads; while it says nothing, those that it may have been started with."""
    if isinstance(worker.stats, Known) and worker.stats.value.queues is not None:
        return sorted(worker.stats.value.queues)
    written = written_queues(turn.world.sections.get(worker.name, ""))
    return sorted(turn.orders[worker.fleet].queues | written)
