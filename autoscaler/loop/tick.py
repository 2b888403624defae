"""One tick: observe -> decide -> act -> record.

The controller knows no clock and no thread: `tick(now)` is all it does, so real time (the daemon) and fake
time (tests) drive the same code. What it keeps between two ticks is `Remembered`.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from autoscaler.config import Config, Fleet
from autoscaler.decide import alarm, expected_wait
from autoscaler.errors import TargetError
from autoscaler.loop.containment import Containment
from autoscaler.loop.fleets import RETIRED, Decided, decide_all
from autoscaler.loop.log_lines import plan_line
from autoscaler.loop.observing import Observer
from autoscaler.loop.remembered import Remembered, StateStore
from autoscaler.loop.wiring import Target
from autoscaler.model import (
    Command,
    Decision,
    Drain,
    FleetState,
    FleetTick,
    Known,
    Reading,
    SingletonTick,
    Situation,
    Tick,
    Unknown,
    Worker,
    WorkerState,
    WorkerStats,
)
from autoscaler.model.names import worker_name
from autoscaler.model.report import Report
from autoscaler.observe.sources import Sources
from autoscaler.operator.commands import Commands, CommandStore
from autoscaler.operator.expiry import Expiry, ExpiryStore
from autoscaler.singletons.tick import Singletons, SingletonStore, unseen
from autoscaler.supervisord.program_file import render
from autoscaler.supervisord.programs import make_log_folders
from autoscaler.supervisord.programs_seen import Scene
from autoscaler.workers.program import worker_program
from autoscaler.workers.states import view
from autoscaler.workers.turn import Order, World

log = logging.getLogger(__name__)

#: States in which a worker is on its way somewhere, by our doing.
UNDER_WAY = frozenset({WorkerState.DRAINING, WorkerState.RESTORING, WorkerState.STOPPING})


class Store(StateStore, CommandStore, ExpiryStore, SingletonStore, Protocol):
    """The database, as a tick needs it."""

    def drains(self) -> dict[str, Drain]: ...
    def delete_drains(self, workers: Iterable[str]) -> None: ...


class Controller:
    """Keeps the fleets of a config at their size.

    Parameters
    ----------
    host_name : of this machine; part of every worker's node name.
    boot : of this machine; see `Expiry`.
    """

    def __init__(
        self,
        config: Config,
        *,
        sources: Sources,
        target: Target,
        store: Store,
        host_name: str,
        boot: str = "",
        containment: Containment | None = None,
    ) -> None:
        self._containment = containment or Containment()
        self._contained = self._containment.contained
        self._config = config
        self._observer = Observer(sources, self._containment)
        self._target = target
        self._store = store
        self._commands = Commands(store, boot, look=self._look_at_programs, start=self._start)
        self._expiry = Expiry(store, boot, start=self._start)
        self._host_name = host_name
        self._remembered = Remembered(store)
        self._singletons = Singletons(store)
        #: Whether each fleet is acted on alone, to find the one whose steps fail unexpectedly.
        self._acts_apart = False

    def reconfigure(self, config: Config) -> None:
        """Use another config from the next tick on."""
        self._config = config

    def reconnect(self, sources: Sources, target: Target) -> None:
        """Look at and act on something else from the next tick on."""
        self._target = target
        self._observer = Observer(sources, self._containment)

    def carry_out(self, now: float, command: Command) -> tuple[str, ...]:
        """Carry an operator's command out; see `Commands`."""
        return self._commands.carry_out(now, command, self._config, self._remembered.sizes)

    def _start(self, name: str) -> None:
        self._target.supervisord.start(name)

    def tick(self, now: float) -> Tick:
        """Look, decide, act and record once.

        Raises
        ------
        StoreError : what operators ordered cannot be read.
        """
        started = time.monotonic()
        self._remembered.begin(now)
        settled: tuple[str, ...] = ()
        scene = self._look_at_programs()
        if isinstance(scene, Scene):
            with self._contained("holds"):
                settled = self._expiry.settle(now, scene, self._config)
            if settled:
                scene = self._look_at_programs()  # before, a worker that was started just now had failed
        tick = self._blind_tick(now, scene) if isinstance(scene, str) else self._seeing_tick(now, scene)
        tick = replace(tick, actions=(*settled, *tick.actions), duration=time.monotonic() - started)
        self._remembered.record(tick)
        return tick

    # --- observe ---

    def _look_at_programs(self) -> Scene | str:
        """Read our file, supervisord's processes and the journal; in words why not, if not."""
        sections: Mapping[str, str] = {}
        try:
            sections = self._target.file.read()
            scene = Scene(
                sections=sections,
                processes=self._target.supervisord.processes(),
                drains=self._store.drains(),
                seen=self._remembered.seen,
                host_name=self._host_name,
            )
        except TargetError as error:
            # supervisord may be down for want of one, and does not come up without it.
            return f"{error}{make_log_folders(sections)}"
        if scene.lost_sections:
            return (
                f"{', '.join(scene.lost_sections)} run under supervisord, but their sections have gone from "
                f"{self._config.supervisord.programs_file}: put the file back, or stop these programs and "
                "run `supervisorctl update`"
            )
        if scene.foreign_drains:
            self._store.delete_drains(scene.foreign_drains)
        return scene.without_foreign_drains()

    def _view(
        self, now: float, scene: Scene, answers: Mapping[str, Reading[WorkerStats]]
    ) -> tuple[dict[str, Worker], dict[str, str]]:
        """See each worker as one.

        Returns
        -------
        The workers by name, and by fleet why its workers could not be seen.
        """
        silent, holds = Unknown("it has no process", now), self._store.worker_holds()
        workers: dict[str, Worker] = {}
        troubled: dict[str, str] = {}
        for name, fleet in scene.names.items():
            with self._contained("observe", fleet) as caught:
                workers[name] = view(
                    now,
                    name=name,
                    fleet=fleet,
                    node=scene.node(name),
                    process=scene.processes.get(name),
                    drain=scene.drains.get(name),
                    seen=self._remembered.seen.get(name),
                    stats=answers.get(scene.node(name), silent),
                    outdated=self._is_outdated(scene, name, fleet),
                    hold=holds.get(name),
                )
            if caught:
                troubled[fleet] = caught.trouble
        return workers, troubled

    def _is_outdated(self, scene: Scene, name: str, fleet: str) -> bool:
        settings = self._config.fleets.get(fleet)
        written = scene.sections.get(name)
        # One whose section has gone already is on its way out, and is not to be taken back.
        return settings is not None and (written is None or written != self._section(settings, name))

    # --- decide ---

    def _seeing_tick(self, now: float, scene: Scene) -> Tick:
        observation = self._observer.observe(
            now, self._config, Known(scene.processes, now), self._observer.ask_workers(now, scene)
        )
        workers, troubled = self._view(now, scene, observation.workers)
        self._remembered.note_workers(
            now,
            scene,
            workers,
            settings=self._fingerprint,
            ended_well=self._target.supervisord.ended_well,
            containment=self._containment,
        )
        decided = decide_all(
            now,
            self._config,
            observation,
            workers,
            holds=self._store.holds(),
            remembered=self._remembered,
            meter=self._observer.memory,
            containment=self._containment,
            troubled=troubled,
        )
        self._log_plans(decided)
        report = self._act(now, scene, workers, decided)
        ended: tuple[str, ...] = ()
        with self._contained("holds"):
            ended = self._expiry.end_expired(now)
        singletons, done = self._keep_singletons(now, scene)
        return Tick(
            at=now,
            duration=0.0,
            observation=observation,
            fleets=tuple(self._fleet_tick(fleet, each, workers, report) for fleet, each in decided.items()),
            actions=(*ended, *report.actions, *done),
            singletons=singletons,
        )

    def _keep_singletons(self, now: float, scene: Scene) -> tuple[tuple[SingletonTick, ...], Sequence[str]]:
        beats = self._observer.find_beats(now) if self._config.singletons else ()
        with self._contained("singletons") as caught:
            return self._singletons.tick(now, self._config, scene, beats, self._target.singletons)
        return unseen(now, self._config, caught.trouble), ()

    def _blind_tick(self, now: float, trouble: str) -> Tick:
        """A tick that cannot see the programs: nothing is decided, the queues are shown all the same."""
        observation = self._observer.observe(now, self._config, Unknown(trouble, now), {})
        fleets = tuple(self._undecided_tick(name, None, trouble) for name in self._config.fleets)
        singletons = unseen(now, self._config, trouble)
        return Tick(at=now, duration=0.0, observation=observation, fleets=fleets, singletons=singletons)

    def _log_plans(self, decided: Mapping[str, Decided | str]) -> None:
        for fleet, each in decided.items() if log.isEnabledFor(logging.DEBUG) else ():
            if isinstance(each, Decided):
                line = plan_line(each.decision, dry_run=self._config.is_dry(fleet))
                log.debug("%s", line.text, extra=line.about)

    # --- act ---

    def _act(
        self, now: float, scene: Scene, workers: Mapping[str, Worker], decided: Mapping[str, Decided | str]
    ) -> Report:
        """Carry the decisions out: all in one go, each fleet apart after an unforeseen exception.

        Each step is safe to be cut short, as by a crash of the daemon. So the next tick goes on where the
        exception ended this one, and finds out which fleet it is.
        """
        report, orders = Report(), []
        for fleet, each in decided.items():
            if isinstance(each, Decided) and not self._config.is_dry(fleet):
                with self._contained("act", fleet) as caught:
                    orders.append(self._order(each.decision))
                if caught:
                    report.failed(fleet, caught.trouble)
        groups = [[order] for order in orders] if self._acts_apart else [orders] if orders else []
        self._acts_apart = False
        for group in groups:
            fleets = [order.fleet for order in group]
            with self._contained("act", fleets[0] if len(fleets) == 1 else "") as caught:
                report.extend(self._carry_out_group(now, scene, workers, group, is_first=group is groups[0]))
            if caught:
                self._acts_apart = True
                for fleet in fleets:
                    report.failed(fleet, caught.trouble)
        return report

    def _carry_out_group(
        self, now: float, scene: Scene, workers: Mapping[str, Worker], group: list[Order], *, is_first: bool
    ) -> Report:
        seen = scene if is_first else self._look_at_programs()  # the group before has changed the programs
        if isinstance(seen, str):
            raise TargetError(seen)
        world = World(seen.sections, seen.processes, seen.drains, workers)
        return self._target.actor.carry_out(now, world, group)

    def _order(self, decision: Decision) -> Order:
        fleet = self._config.fleets.get(decision.fleet)
        return Order(
            fleet=decision.fleet,
            queues=frozenset(fleet.queues if fleet is not None else ()),
            drain_timeout=fleet.drain_timeout if fleet is not None else float("inf"),
            stops_overdue=fleet is not None and fleet.drain_on_timeout == "stop",
            section=partial(self._section, fleet) if fleet is not None else None,
            start=decision.start,
            restore=decision.restore,
            drain=decision.drain,
            reason=decision.reasons[-1].text,
            replaces=decision.reasons[-1].code == "roll",
        )

    def _fleet_tick(
        self, name: str, decided: Decided | str, workers: Mapping[str, Worker], report: Report
    ) -> FleetTick:
        members = tuple(worker for worker in workers.values() if worker.fleet == name)
        if isinstance(decided, Decided):
            with self._contained("report", name) as caught:
                return self._decided_tick(name, decided, members, report)
            decided = caught.trouble
        return self._undecided_tick(name, members, decided)

    def _undecided_tick(self, name: str, members: tuple[Worker, ...] | None, trouble: str) -> FleetTick:
        """A fleet about which nothing was decided, and why."""
        fleet = self._config.fleets.get(name)
        return FleetTick(
            name=name,
            scaling=fleet.scaling if fleet is not None else RETIRED,
            queues=fleet.queues if fleet is not None else (),
            workers=members,
            decision=None,
            trouble=trouble,
            dry_run=self._config.is_dry(name),
            hold=self._store.holds().get(name),
        )

    def _decided_tick(
        self, name: str, decided: Decided, members: tuple[Worker, ...], report: Report
    ) -> FleetTick:
        fleet = self._config.fleets.get(name)
        situation, memory = decided.situation, decided.memory
        return FleetTick(
            name=name,
            scaling=situation.scaling,
            queues=fleet.queues if fleet is not None else (),
            workers=members,
            decision=decided.decision,
            trouble="; ".join(
                [
                    *report.trouble.get(name, ()),
                    *self._crash_loop(name, situation, memory),
                    *self._left_by_dry_run(members),
                ]
            ),
            dry_run=self._config.is_dry(name),
            situation=situation,
            memory=memory,
            hold=situation.hold,
            expected_wait=expected_wait(situation, memory),
        )

    def _crash_loop(self, name: str, situation: Situation, memory: FleetState) -> Iterator[str]:
        """Say that a fleet's workers crash, and where they say why."""
        fleet, failure = self._config.fleets.get(name), memory.failure
        if failure:
            yield f"supervisord gave up on {failure}"
        if fleet is not None and (text := alarm(situation, memory)):
            # A worker that was never spawned has no log; supervisord names it where there is one.
            logs = f"; the workers' logs are in {self._config.log_folder(fleet)}"
            yield text if failure and "process log" not in failure else text + logs

    def _left_by_dry_run(self, members: tuple[Worker, ...]) -> Iterator[str]:
        """The workers that a dry run, begun in the middle of something, leaves half done."""
        for worker in members:
            if self._config.is_dry(worker.fleet) and worker.state in UNDER_WAY:
                yield f"dry_run leaves {worker.name} {worker.state}"

    def _fingerprint(self, fleet: str) -> str:
        """Of a fleet's worker settings; empty for one that is no longer in the config."""
        settings = self._config.fleets.get(fleet)
        section = self._section(settings, worker_name(fleet, 1)) if settings is not None else ""
        return hashlib.sha256(section.encode()).hexdigest() if section else ""

    def _section(self, fleet: Fleet, name: str) -> str:
        return render(worker_program(self._config, fleet, name, self._host_name))
