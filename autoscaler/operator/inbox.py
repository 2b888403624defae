"""The loop's inbox: signals, and commands that wait for their answer."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from autoscaler.errors import AutoscalerError, ServiceUnavailable
from autoscaler.model import Answer, Command

log = logging.getLogger(__name__)

#: Seconds that the loop has for an answer: a tick may have to end first.
ANSWER_WITHIN = 15.0
#: Commands that wait at a time. Each holds one of the console's 40 threads, and those who look need some too.
WAITING = 16


class Word(Enum):
    """What needs no answer."""

    STOP = "stop"
    RELOAD = "reload"


@dataclass(frozen=True, slots=True)
class Request:
    """A command, and where its answer goes."""

    command: Command
    answer: Future[Answer] = field(default_factory=Future)

    def carry_out(self, now: float, by: Callable[[float, Command], tuple[str, ...]]) -> None:
        """Carry it out and answer; in the loop. Who has stopped waiting gets nothing done.

        Parameters
        ----------
        by : says what it did; the errors of ours that it raises are the answer.
        """
        if not self.answer.set_running_or_notify_cancel():
            return
        try:
            said = by(now, self.command)
        except AutoscalerError as error:
            self.answer.set_exception(error)
            return
        for sentence in said:
            log.info("%s (ordered by %s)", sentence, self.command.who)
        self.answer.set_result(Answer(now, said))


Letter: TypeAlias = Word | Request


class Inbox:
    """Filled by any thread and by signal handlers, emptied by the loop alone."""

    def __init__(self) -> None:
        self._letters: queue.SimpleQueue[Letter] = queue.SimpleQueue()
        self._places = threading.BoundedSemaphore(WAITING)

    def put(self, word: Word) -> None:
        """Leave a word."""
        self._letters.put(word)

    def ask(self, command: Command, within: float = ANSWER_WITHIN) -> Answer:
        """Leave a command and wait for its answer.

        Raises
        ------
        UnknownName, CommandRefused, StoreError : as the loop says.
        ServiceUnavailable : it says nothing in time, or as many wait for it already as may.
        """
        if not self._places.acquire(blocking=False):
            raise ServiceUnavailable(f"{WAITING} commands wait for the daemon's loop already: try again soon")
        try:
            return self._wait_for(Request(command), within)
        finally:
            self._places.release()

    def _wait_for(self, request: Request, within: float) -> Answer:
        self._letters.put(request)
        try:
            return request.answer.result(within)
        except TimeoutError:
            done = "it was not carried out" if request.answer.cancel() else "it may still be carried out"
            raise ServiceUnavailable(
                f"the daemon's loop did not take the command within {within:g} s, {done}"
            ) from None

    def get(self, timeout: float) -> Letter | None:
        """The next letter; None if none comes within `timeout` seconds."""
        try:
            return self._letters.get(timeout=max(0.0, timeout))
        except queue.Empty:
            return None
