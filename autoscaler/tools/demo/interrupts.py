"""Signals that end the demo: they interrupt its work once, and never its cleaning up."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """The user, or the system, wants it to end."""


class Interrupts:
    """Between `arm` and `disarm` the first signal raises `Interrupted`; all others are ignored.

    A signal before `arm` is kept until then. Must be entered in the main thread.
    """

    def __init__(self) -> None:
        self._armed = False
        self._pending = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def arm(self) -> None:
        """Let signals interrupt from now on.

        Raises
        ------
        Interrupted : one came already.
        """
        self._armed = True
        if self._pending:
            self._interrupt()

    def disarm(self) -> None:
        """Ignore signals from now on."""
        self._armed = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._armed:
            self._interrupt()
        self._pending = True

    def _interrupt(self) -> None:
        self._armed = False
        raise Interrupted
