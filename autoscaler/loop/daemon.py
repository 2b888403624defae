"""The daemon: one loop in real time, an inbox, and a config file that is looked at before each tick.

Signal handlers and other threads only put a word into the inbox. The loop alone reads the config, ticks and
publishes a snapshot; everybody else reads the snapshot.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Protocol

from autoscaler.config import Config
from autoscaler.config.watch import WatchedConfig
from autoscaler.errors import AutoscalerError, CommandRefused, ConfigError, StoreError
from autoscaler.loop.clock import SteadyClock
from autoscaler.loop.containment import Containment
from autoscaler.loop.diary import in_tick
from autoscaler.loop.log_lines import log_lines
from autoscaler.loop.lost_state import make_up_for_lost_state
from autoscaler.loop.pid_files import PidFiles
from autoscaler.loop.programs import undefinable
from autoscaler.loop.service_manager import Notifier, status_line
from autoscaler.loop.snapshot import Snapshot
from autoscaler.loop.tick import Controller
from autoscaler.loop.warnings import notes
from autoscaler.loop.wiring import Connections, Target, sources, target
from autoscaler.model import Answer, Command, Tick
from autoscaler.net.asked import Asked
from autoscaler.observe.host import boot_id, local_host_name
from autoscaler.observe.sources import Sources
from autoscaler.operator.inbox import Inbox, Letter, Request, Word
from autoscaler.store import Lock, Store, stored_tracks
from autoscaler.supervisord.program_file import ProgramFile
from autoscaler.supervisord.programs import StepHook

log = logging.getLogger(__name__)


class Ticking(Protocol):
    """The loop's work; see `tick.Controller`."""

    def tick(self, now: float) -> Tick: ...
    def carry_out(self, now: float, command: Command) -> tuple[str, ...]: ...
    def reconfigure(self, config: Config) -> None: ...
    def reconnect(self, sources: Sources, target: Target) -> None: ...


@dataclass(slots=True)
class _Opened:
    """All that a running daemon has open."""

    lock: Lock
    store: Store
    connections: Connections
    controller: Ticking


class Daemon:
    """The daemon of one config file.

    Parameters
    ----------
    environ : the values of ``${NAME}`` in the config.
    on_step : called after each step of acting with its name; tests kill the daemon there.
    host_name : part of every worker's node name; this machine's own if not given.
    notifier : tells a service manager about the daemon; nobody if not given.
    on_config : called with each config that comes into use, also the first one.
    make_controller : makes the controller, with the arguments of `Controller`.
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
        on_config: Callable[[Config], None] = lambda _: None,
        make_controller: Callable[..., Ticking] = Controller,
    ) -> None:
        self._host_name = host_name or local_host_name()
        self._file = WatchedConfig(path, environ, partial(undefinable, host_name=self._host_name))
        self._on_step = on_step
        self._clock = clock or SteadyClock()
        self._notifier = notifier or Notifier({})
        self._on_config = on_config
        self._make_controller = make_controller
        self._pid_files = PidFiles()
        self._containment = Containment()
        self._inbox = Inbox()
        self._after: Callable[[], None] = lambda: None
        self.config = self._file.load()
        on_config(self.config)
        #: Key and text of each warning about the config in use.
        self._warned: frozenset[tuple[str, str]] = frozenset()
        now, interval = self._clock(), self.config.polling_interval
        self.snapshot = Snapshot(path, now, now, interval, None, host_name=self._host_name)

    # --- from any thread ---

    def stop(self) -> None:
        """Ask the loop to end after its tick; the workers run on."""
        self._inbox.put(Word.STOP)

    def reload(self) -> None:
        """Ask the loop to read the config again now."""
        self._inbox.put(Word.RELOAD)

    def ask(self, command: Command) -> Answer:
        """Have the loop carry out an operator's command; it ticks at once after that. See `Inbox.ask`."""
        return self._inbox.ask(command)

    def after_each_tick(self, call: Callable[[], None]) -> None:
        """Have a function called in the loop after each pass, once the new snapshot is there.

        Parameters
        ----------
        call : must return at once and never fail, as the loop waits for it.
        """
        self._after = call

    def handle_signals(self) -> None:
        """Let TERM and INT stop the daemon, and HUP reload its config. Main thread only."""

        def put(number: int, _frame: FrameType | None) -> None:
            self._inbox.put(Word.RELOAD if number == signal.SIGHUP else Word.STOP)

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, put)

    # --- the loop ---

    def run(self, beside: AbstractContextManager[object] | None = None) -> None:
        """Tick until stopped.

        Parameters
        ----------
        beside : entered once this daemon is known to be the only one, left when it stops; the HTTP server.

        Raises
        ------
        AlreadyRunning : another daemon uses the state folder.
        StoreError : the state folder cannot be used, or the lock file in it was deleted.
        """
        with (
            closing(Lock(self.config.state_dir, self.config.console.socket)) as lock,
            closing(Store(self.config.state_dir)) as store,
            beside or nullcontext(),
        ):
            opened = self._open(lock, store)
            try:
                self._begin(store)
                self._loop(opened)
                self._notifier.stopping()
            finally:
                opened.connections.close()
        log.info("stopped; the workers run on")

    def _open(self, lock: Lock, store: Store) -> _Opened:
        connections = Connections(self.config)
        controller = self._make_controller(
            self.config,
            sources=sources(connections),
            target=target(self.config, connections, store, self._on_step),
            store=store,
            host_name=self._host_name,
            boot=boot_id(),
            containment=self._containment,
        )
        return _Opened(lock, store, connections, controller)

    def _begin(self, store: Store) -> None:
        make_up_for_lost_state(store, ProgramFile(self.config.supervisord.programs_file), self._clock())
        log.info("started with %s, fleets: %s", self._file.path, ", ".join(self.config.fleets) or "none")
        self._warn()
        self._notifier.ready()

    def _loop(self, opened: _Opened) -> None:
        due = time.monotonic()
        word: Word | None = None
        while word is not Word.STOP:
            self._stop_if_lost(opened.lock)
            with self._containment.contained("reload"):
                if word is Word.RELOAD or self._file.changed():
                    self._notifier.reloading()
                    self._reload(opened)
                    self._notifier.ready()
            began = time.monotonic()
            with in_tick(self.snapshot.counts.ticks + 1):
                self._tick(opened)
            with self._containment.contained("publish"):
                self._after()
                self._notifier.status(status_line(self.snapshot))
            # A tick that came early, for a word, puts the next one no further off.
            due = max(min(due, began) + self.config.polling_interval, time.monotonic())
            word = self._next_word(opened.controller, due)

    def _stop_if_lost(self, lock: Lock) -> None:
        """Stop rather than be one of two daemons that start and stop the same workers."""
        if not lock.lost():
            return
        words = (
            f"the lock file in state_dir {self.config.state_dir} was deleted or replaced, so another daemon "
            "may use the folder: start this daemon again; the workers run on"
        )
        log.error("stopped: %s", words)
        raise StoreError(words)

    def _next_word(self, controller: Ticking, due: float) -> Word | None:
        """Wait for a word until the next tick is due; carry out the commands that come before it."""
        letter = self._next_letter(due)
        while isinstance(letter, Request):
            letter.carry_out(self._clock(), partial(self._carry_out, controller))
            letter = self._inbox.get(0.0)
        return letter

    def _carry_out(self, controller: Ticking, now: float, command: Command) -> tuple[str, ...]:
        with self._containment.contained("command", through=AutoscalerError) as caught:
            return controller.carry_out(now, command)
        raise CommandRefused(caught.trouble)

    def _next_letter(self, due: float) -> Letter | None:
        """Wait for a letter until the next tick is due, and keep the service manager's watchdog content."""
        while True:
            self._notifier.beat()
            letter = self._inbox.get(min(due - time.monotonic(), self._notifier.period))
            if letter is not None or time.monotonic() >= due:
                return letter

    def _tick(self, opened: _Opened) -> None:
        """Tick once, and publish the tick, or why it failed as a whole."""
        with self._containment.contained("tick") as caught:
            try:
                tick = opened.controller.tick(self._clock())
                self._publish(self.snapshot.after_tick(tick, opened.store.trouble))
                self._pid_files.keep(self.config, tick)
            except AutoscalerError as error:
                caught.trouble = str(error)
        if caught:
            with self._containment.contained("publish"):
                self._publish(self.snapshot.after_failure(caught.trouble))
        self.snapshot = replace(self.snapshot, unexpected=self._containment.counts)

    def _publish(self, after: Snapshot) -> None:
        """Make a snapshot the present one, and log what it changes."""
        before, self.snapshot = self.snapshot, after
        for line in log_lines(before, after):
            log.log(line.level, "%s", line.text, extra=line.about)

    # --- the config ---

    def _reload(self, opened: _Opened) -> None:
        """Use the config file as it is now, or log why not and keep the config in use."""
        try:
            with Asked(log, f"read {self._file.path}"):
                new = self._file.load(instead_of=self.config)
        except ConfigError as error:
            problems = tuple(map(str, error.problems))
            self._publish(self.snapshot.after_refused_config(self._clock(), problems))
            return
        if new.broker != self.config.broker:
            opened.connections.close()
            opened.connections = Connections(new)
            opened.controller.reconnect(
                sources(opened.connections), target(new, opened.connections, opened.store, self._on_step)
            )
        if new != self.config or self.snapshot.config_problems:
            log.info("config read from %s", self._file.path)
        self.config = new
        self._on_config(new)
        self._warn()
        opened.controller.reconfigure(new)
        self._publish(self.snapshot.after_reload(self._clock(), new.polling_interval))

    def _warn(self) -> None:
        """Log the warnings that `check` has about the config, each once for each edit that causes it."""
        found = list(notes(self._file.path, self.config, stored_tracks(self.config.state_dir)))
        for each in found:
            if (each.key, each.message) not in self._warned:
                log.warning("%s", each)
        self._warned = frozenset((each.key, each.message) for each in found)
