"""Whether the running daemon uses a config file that a command has just written."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from autoscaler.config.restart import CANNOT_CHANGE
from autoscaler.errors import DaemonNotRunning, ServiceUnavailable
from autoscaler.http.client import Client
from autoscaler.http.views import HealthView

#: Seconds to wait beyond a tick for the daemon to read the file, and at most.
_GRACE, _LONGEST = 3.0, 10.0
_POLL = 0.1


@dataclass(frozen=True, slots=True)
class Use:
    """What became of a new config."""

    #: None: nobody knows yet, or no daemon uses the file.
    in_use: bool | None
    text: str


class Watcher:
    """Asks a daemon before and after a file is written.

    Parameters
    ----------
    file : that is about to be written.
    """

    def __init__(self, client: Client, file: Path) -> None:
        self._client = client
        self._file = file
        self._unknown = False
        self._before, self._why = self._health()

    def locked(self, keys: Iterable[str]) -> list[str]:
        """Those of the keys needing a restart that a daemon of this file may have in use now.

        One that the daemon complains of already is not among them: it may be changed back.
        """
        before = self._before
        if before is None:
            return list(keys) if self._unknown else []
        if not _is_same(Path(before.config_file), self._file):
            return []
        told = [problem for problem in before.config_problems if CANNOT_CHANGE in problem]
        return [key for key in keys if not any(f" {key}: " in problem for problem in told)]

    def wait(self) -> Use:
        """Wait until the daemon has looked at the file; say what it made of it."""
        before = self._before
        if before is None:
            return Use(None, self._why)
        if not _is_same(Path(before.config_file), self._file):
            return Use(None, f"the daemon uses another file, {before.config_file}")
        ends = time.monotonic() + min(before.polling_interval + _GRACE, _LONGEST)
        while time.monotonic() < ends:
            seen, why = self._health()
            if seen is None:
                return Use(None, why)
            if seen.config_tried_at != before.config_tried_at:
                return _told(seen)
            time.sleep(_POLL)
        return Use(None, f"the daemon looks at it at its next tick, within {before.polling_interval:g} s")

    def _health(self) -> tuple[HealthView | None, str]:
        try:
            return self._client.health(), ""
        except DaemonNotRunning:
            return None, "no daemon runs; it is read when one starts"
        except ServiceUnavailable as error:
            self._unknown = True
            return None, f"whether it is in use is unknown: {error}"


def _told(seen: HealthView) -> Use:
    if seen.config_problems:
        return Use(False, "not in use, the last good config goes on: " + "; ".join(seen.config_problems))
    return Use(True, "in use")


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
