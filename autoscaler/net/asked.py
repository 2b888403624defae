"""Debug lines about the questions at the daemon's edges: the question, its answer and the time between."""

from __future__ import annotations

import time
from logging import DEBUG, Logger
from types import TracebackType

from autoscaler.errors import AutoscalerError


class Asked:
    """One question to a service, from its sending to its answer; a context manager.

        with Asked(log, "GET http://broker:15672/api/queues/%2F, 3 queues") as asked:
            ...
            asked.came_back("3 counts")

    A question that fails is logged with the error, which goes on. Nothing is logged unless `log` takes debug.

    Parameters
    ----------
    question : in words, without secrets; numbers rather than contents.
    about : the fleet or the worker that it concerns, as fields of a JSON log.
    """

    __slots__ = ("_about", "_answer", "_began", "_log", "_question")

    def __init__(self, log: Logger, question: str, **about: str) -> None:
        self._log = log
        self._question = question
        self._about = about
        self._answer = "done"
        self._began = 0.0

    def came_back(self, answer: str) -> None:
        """Note the answer, in words: counts, no contents."""
        self._answer = answer

    def __enter__(self) -> Asked:
        """Begin to count the time."""
        self._began = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Log the line."""
        if not self._log.isEnabledFor(DEBUG):
            return
        ms = round((time.monotonic() - self._began) * 1000, 1)
        # The words of other errors may hold a secret.
        words = str(error) if isinstance(error, AutoscalerError) else getattr(kind, "__name__", "")
        answer = f"failed: {words}" if kind is not None else self._answer
        self._log.debug("%s: %s (%s ms)", self._question, answer, ms, extra={"ms": ms, **self._about})
