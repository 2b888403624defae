"""Real time: one loop, an inbox, a config file that is looked at before each tick.

Signal handlers and other threads only put a word into the inbox. The loop alone reads the config, ticks and
publishes a snapshot; everyone else reads the snapshot.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType

from autoscaler.errors import AutoscalerError, ConfigError, StoreError, TargetError
from autoscaler.loop.counts import Counts
from autoscaler.loop.log_lines import narrate
from autoscaler.loop.pid_files import PidFiles
from autoscaler.loop.service_manager import Notifier, status_line
from autoscaler.loop.tick import Controller
from autoscaler.loop.warnings import notes
from autoscaler.loop.watched_config import WatchedConfig
from autoscaler.loop.wiring import Connections, sources, target
from autoscaler.model import Answer, Command, Drain, DrainPhase, Tick
from autoscaler.model.names import parse_worker_name
from autoscaler.observe.host import boot_id, local_host_name
from autoscaler.operator.inbox import Inbox, Letter, Request, Word
from autoscaler.store import Lock, Store, stored_tracks
from autoscaler.supervisord.program_file import ProgramFile
from autoscaler.supervisord.programs import StepHook

log = logging.getLogger("autoscaler")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What others may see of the daemon."""

    config_path: Path
    #: When the daemon started, and when its config was read.
    started_at: float
    config_read_at: float
    polling_interval: float
    #: None before the first tick.
    tick: Tick | None
    #: What is wrong with the config file as it is now; empty when it is in use.
    config_problems: tuple[str, ...] = ()
    #: When the config file was looked at last, whether it could be used or not; None: only at the start.
    config_tried_at: float | None = None
    #: Why the last tick failed as a whole; empty when it did not.
    trouble: str = ""
    counts: Counts = field(default_factory=Counts)
    #: Of this machine, as in the workers' node names.
    host_name: str = ""


class SteadyClock:
    """Seconds since the epoch that never step: read once, then counted on a monotonic clock."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def __call__(self) -> float:
        """The time now."""
        return self._offset + time.monotonic()


class Daemon:
    """The daemon of one config file.

    Parameters
    ----------
    environ : what ``${NAME}`` in the config stands for.
    on_step : called after each step of acting with its name; tests kill the daemon there.
    host_name : part of every worker's node name; this machine's own if not given.
    notifier : told what becomes of the daemon; nobody if not given.
    """

    def __init__(
        self,
        path: Path,
        *,
        environ: Mapping[str, str] = os.environ,
        on_step: StepHook = lambda _: None,
        host_name: str = "",
        clock: Callable[[], float] | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self._host_name = host_name or local_host_name()
        self._file = WatchedConfig(path, environ, self._host_name)
        self._on_step = on_step
        self._clock = clock or SteadyClock()
        self._notifier = notifier or Notifier({})
        self._pid_files = PidFiles()
        self._inbox = Inbox()
        self._after: Callable[[], None] = lambda: None
        self.config = self._file.load()
        #: Key and text of what was noted of the config in use.
        self._noted: frozenset[tuple[str, str]] = frozenset()
        now = self._clock()
        self.snapshot = Snapshot(
            path, now, now, self.config.polling_interval, None, host_name=self._host_name
        )

    def stop(self) -> None:
        """Ask the loop to end after its tick; the workers run on."""
        self._inbox.put(Word.STOP)

    def reload(self) -> None:
        """Ask the loop to read the config again now."""
        self._inbox.put(Word.RELOAD)

    def ask(self, command: Command) -> Answer:
        """Have the loop carry an operator's command out; it ticks at once after that. See `Inbox.ask`."""
        return self._inbox.ask(command)

    def after_each_tick(self, call: Callable[[], None]) -> None:
        """Have something called in the loop after each pass of it, the snapshot being new.

        Parameters
        ----------
        call : must return at once, and never fail: the loop waits for it.
        """
        self._after = call

    def handle_signals(self) -> None:
        """Let TERM and INT stop the daemon, and HUP reload it. Main thread only."""

        def put(number: int, _frame: FrameType | None) -> None:
            self._inbox.put(Word.RELOAD if number == signal.SIGHUP else Word.STOP)

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, put)

    def run(self, beside: AbstractContextManager[object] | None = None) -> None:
        """Tick until stopped.

        Parameters
        ----------
        beside : entered once this daemon is known to be the only one, left when it stops; the console.

        Raises
        ------
        AlreadyRunning : another daemon uses the state folder.
        StoreError : the state folder cannot be used, or its lock was deleted under us.
        """
        with (
            closing(Lock(self.config.state_dir, self.config.console.socket)) as lock,
            closing(Store(self.config.state_dir)) as store,
            beside or nullcontext(),
        ):
            connections = Connections(self.config)
            controller = Controller(
                self.config,
                sources=sources(connections),
                target=target(self.config, connections, store, self._on_step),
                store=store,
                host_name=self._host_name,
                boot=boot_id(),
            )
            self._make_up_for_lost_state(store)
            fleets = ", ".join(self.config.fleets) or "none"
            log.info("started with %s, fleets: %s", self._file.path, fleets)
            self._note()
            self._notifier.ready()
            self._loop(controller, store, connections, lock)
            self._notifier.stopping()
        log.info("stopped; the workers run on")

    def _make_up_for_lost_state(self, store: Store) -> None:
        """Say what a damaged state has lost, and take back every worker whose drain it may have held.

        One that had stopped taking tasks would serve nobody for ever, with no line that tells so.
        """
        if store.trouble:
            log.error("%s", store.trouble)
        if not store.journal_lost:
            return
        try:
            names = take_back(store, ProgramFile(self.config.supervisord.programs_file), self._clock())
        except (TargetError, StoreError) as error:
            log.error("drains under way are not known, and stay as they are: %s", error)  # noqa: TRY400
            return
        if names:
            log.warning(
                "there is no drain journal in %s: %s are told to take tasks; one that has stopped counts as "
                "stopped by hand, until somebody starts it",
                self.config.state_dir,
                ", ".join(names),
            )

    def _loop(self, controller: Controller, store: Store, connections: Connections, lock: Lock) -> None:
        due = time.monotonic()
        word: Word | None = None
        try:
            while word is not Word.STOP:
                self._stop_if_lost(lock)
                if word is Word.RELOAD or self._file.changed():
                    self._notifier.reloading()
                    connections = self._reload(controller, store, connections)
                    self._notifier.ready()
                began = time.monotonic()
                self._tick(controller, store)
                self._after()
                self._notifier.status(self._status())
                # A tick that came early, for a word, puts the next one no further off.
                due = max(min(due, began) + self.config.polling_interval, time.monotonic())
                word = self._next_word(controller, due)
        finally:
            connections.close()

    def _stop_if_lost(self, lock: Lock) -> None:
        """Stop rather than be one of two daemons that start and stop the same workers."""
        if not lock.lost():
            return
        words = (
            f"the lock file in state_dir {self.config.state_dir} was deleted or replaced, so another daemon "
            "may use it: start this one again; the workers run on"
        )
        log.error("stopped: %s", words)
        raise StoreError(words)

    def _next_word(self, controller: Controller, due: float) -> Word | None:
        """Wait for a word until the next tick is due; carry out the commands that come before it."""
        letter = self._next_letter(due)
        while isinstance(letter, Request):
            letter.carry_out(self._clock(), controller.carry_out)
            letter = self._inbox.get(0.0)
        return letter

    def _next_letter(self, due: float) -> Letter | None:
        """Wait for a letter until the next tick is due; whoever watches hears of us in between."""
        while True:
            self._notifier.beat()
            letter = self._inbox.get(min(due - time.monotonic(), self._notifier.period))
            if letter is not None or time.monotonic() >= due:
                return letter

    def _status(self) -> str:
        """What the service manager shows."""
        seen = self.snapshot
        return status_line(seen.tick, seen.trouble, wrong_config=bool(seen.config_problems))

    def _tick(self, controller: Controller, store: Store) -> None:
        try:
            tick = controller.tick(self._clock())
        except AutoscalerError as error:
            if str(error) != self.snapshot.trouble:
                log.error("tick failed: %s", error)  # noqa: TRY400 - expected, its text says it all
            self.snapshot = replace(
                self.snapshot, trouble=str(error), counts=self.snapshot.counts.after(None)
            )
            return
        for level, line in narrate(self.snapshot.tick, tick):
            log.log(level, "%s", line)
        if store.trouble and store.trouble != self.snapshot.trouble:
            log.error("%s", store.trouble)
        elif self.snapshot.trouble and not store.trouble:
            log.info("no more trouble: %s", self.snapshot.trouble)
        counts = self.snapshot.counts.after(tick)
        self.snapshot = replace(self.snapshot, tick=tick, trouble=store.trouble, counts=counts)
        self._pid_files.keep(self.config, tick)

    # --- config ---

    def _reload(self, controller: Controller, store: Store, connections: Connections) -> Connections:
        """Use the config file as it is now, or say why not and go on with the one in use."""
        try:
            new = self._file.load(instead_of=self.config)
        except ConfigError as error:
            problems = tuple(map(str, error.problems))
            if problems != self.snapshot.config_problems:
                log.error("config not used, the last good one goes on:\n%s", error)  # noqa: TRY400
            self.snapshot = replace(self.snapshot, config_problems=problems, config_tried_at=self._clock())
            return connections
        if new.broker != self.config.broker:
            connections.close()
            connections = Connections(new)
            controller.reconnect(sources(connections), target(new, connections, store, self._on_step))
        if new != self.config or self.snapshot.config_problems:
            log.info("config read from %s", self._file.path)
        self.config = new
        self._note()
        controller.reconfigure(new)
        now = self._clock()
        self.snapshot = replace(
            self.snapshot,
            config_read_at=now,
            config_tried_at=now,
            polling_interval=new.polling_interval,
            config_problems=(),
        )
        return connections

    def _note(self) -> None:
        """Warn of what `check` notes of the config, once for each change that brings it."""
        found = list(notes(self._file.path, self.config, stored_tracks(self.config.state_dir)))
        for each in found:
            if (each.key, each.message) not in self._noted:
                log.warning("%s", each)
        self._noted = frozenset((each.key, each.message) for each in found)


def take_back(store: Store, file: ProgramFile, now: float) -> list[str]:
    """Have every worker that has a program told to take tasks; returns their names.

    Raises
    ------
    TargetError : the programs file cannot be read.
    StoreError : the journal cannot be written.
    """
    names = sorted(name for name in file.read() if parse_worker_name(name) is not None)
    for name in names:
        store.put_drain(Drain(name, DrainPhase.RESTORING, now, "the drain journal was lost"))
    return names
