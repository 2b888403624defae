"""The daemon's log on stderr, as text or JSON; each line has the number of the tick that it belongs to."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, Literal, TextIO

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["text", "json"]

#: The names of all our loggers begin with it.
OURS: Final = "autoscaler"
#: Fields of a record that a JSON line has where they are set, by `extra`.
FIELDS: Final = ("fleet", "worker", "ms")
#: What strangers send to the HTTP server is no trouble of ours and must not fill the log.
_QUIET: Final = ("uvicorn.error", "uvicorn.asgi")

#: Number of the tick under way, counted from 1; None between ticks, and in all threads but the loop's.
_tick: ContextVar[int | None] = ContextVar("tick", default=None)


@contextmanager
def in_tick(number: int) -> Iterator[None]:
    """Mark each line that is logged meanwhile with the number of its tick."""
    token = _tick.set(number)
    try:
        yield
    finally:
        _tick.reset(token)


class Diary:
    """Writes the log of this process while it is entered; a context manager.

    Parameters
    ----------
    level, format : as the command line or the environment names them; None: as the config does.
    stream : where the lines go; stderr if not given.
    """

    def __init__(
        self, level: Level | None = None, format: Format | None = None, stream: TextIO | None = None
    ) -> None:
        self._level, self._format = level, format
        self._handler = logging.StreamHandler(stream or sys.stderr)
        self._handler.addFilter(_mark)

    def __enter__(self) -> Diary:
        """Begin, with the defaults until a config is known."""
        self.use("info", "text")
        logging.getLogger().addHandler(self._handler)
        return self

    def __exit__(self, *_: object) -> None:
        """End; what is logged later goes nowhere of ours."""
        logging.getLogger().removeHandler(self._handler)

    def use(self, level: Level, format: Format) -> None:
        """Log from here on as a config says, as far as the command line and the environment do not."""
        threshold = logging.getLevelNamesMapping()[(self._level or level).upper()]
        shows_all = threshold == logging.DEBUG
        self._handler.setFormatter(JsonLines() if (self._format or format) == "json" else TextLines())
        # Libraries speak up from warning on, or with us where that is later.
        logging.getLogger().setLevel(threshold if shows_all else max(threshold, logging.WARNING))
        logging.getLogger(OURS).setLevel(threshold)
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.DEBUG if shows_all else logging.ERROR)


def _mark(record: logging.LogRecord) -> bool:
    record.tick = _tick.get()
    return True


class TextLines(logging.Formatter):
    """Lines for people: time, level, the tick's number in brackets, message; debug lines name the logger."""

    def format(self, record: logging.LogRecord) -> str:
        """One record; a traceback follows it on lines of its own."""
        tick: int | None = getattr(record, "tick", None)
        number = "" if tick is None else f"[{tick}] "
        name = f"{record.name.removeprefix(f'{OURS}.')}: " if record.levelno <= logging.DEBUG else ""
        line = f"{self.formatTime(record)} {record.levelname} {number}{name}{record.getMessage()}"
        return "\n".join([line, *([self.formatException(record.exc_info)] if record.exc_info else [])])


def _moment(at: float) -> str:
    """A time in ISO 8601, with milliseconds and the offset of this machine's time zone."""
    return datetime.fromtimestamp(at, UTC).astimezone().isoformat(timespec="milliseconds")


class JsonLines(logging.Formatter):
    """Lines for machines: one JSON object each."""

    def format(self, record: logging.LogRecord) -> str:
        """One record; fields without a value are left out."""
        error = self.formatException(record.exc_info) if record.exc_info else None
        fields: Mapping[str, object] = {
            "time": _moment(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "tick": getattr(record, "tick", None),
            **{name: getattr(record, name, None) for name in FIELDS},
            "error": error,
        }
        return json.dumps({name: value for name, value in fields.items() if value is not None})
