"""Tell whoever started the daemon how it is: systemd, or start-stop-daemon with --notify-await.

A datagram of ``KEY=value`` lines to the socket in NOTIFY_SOCKET. Nothing here ever fails the daemon: one that
nobody listens to works as well.

Source
------
sd_notify(3), systemd.service(5).
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from typing import Final

from autoscaler.model import Tick
from autoscaler.text import count

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
WATCHDOG: Final = "WATCHDOG=1"

#: Characters of a status: it is one line of `systemctl status`.
STATUS_LENGTH: Final = 400
#: Seconds between two beats that nobody counts.
_UNWATCHED: Final = 3600.0
#: Seconds that the listener has to take a datagram.
_DEADLINE: Final = 1.0


class Notifier:
    """The way to the service manager, or to nobody.

    Parameters
    ----------
    environ : holds NOTIFY_SOCKET, a path or an abstract name (``@...``), and WATCHDOG_USEC with WATCHDOG_PID;
        both may be missing.
    """

    def __init__(self, environ: Mapping[str, str], pid: int | None = None) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        watchdog = _watchdog(environ, os.getpid() if pid is None else pid)
        self._watched = watchdog is not None
        #: Seconds between two calls of `beat`: half of what whoever watches allows.
        self.period = _UNWATCHED if watchdog is None else watchdog / 2
        self._status = ""

    def ready(self) -> None:
        """The service is up, or has read its config again."""
        self._send(READY)

    def reloading(self) -> None:
        """The config is about to be read again; `ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """The service is about to end."""
        self._send(STOPPING)

    def beat(self) -> None:
        """The loop is alive."""
        if self._watched:
            self._send(WATCHDOG)

    def status(self, text: str) -> None:
        """Say in one line what the service does; the same text twice is sent once."""
        line = " ".join(text.split())[:STATUS_LENGTH]
        if line != self._status:
            self._status = line
            self._send(f"STATUS={line}")

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        # Whoever listened may have gone; the daemon has its work to do all the same.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(_DEADLINE)
            sender.sendto("\n".join(lines).encode(), self._address)


def _address(name: str) -> str | None:
    if name.startswith("@") and len(name) > 1:
        return "\0" + name[1:]
    return name if name.startswith("/") else None


def _watchdog(environ: Mapping[str, str], pid: int) -> float | None:
    """Seconds between two beats at most; None where nobody counts them, or those of another process."""
    text, watched = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", str(pid))
    if not text.isascii() or not text.isdigit() or int(text) == 0 or watched != str(pid):
        return None
    return int(text) / 1e6


def status_line(tick: Tick | None, trouble: str = "", *, wrong_config: bool = False) -> str:
    """Put a tick into one line: what there is, and what is waited for.

    Parameters
    ----------
    tick : the last one; None before the first.
    trouble : why the last tick failed as a whole; empty when it did not.
    wrong_config : the config file as it is now is not in use.
    """
    if tick is None:
        return trouble or "starting"
    parts = [_fleets(tick)]
    if wrong_config:
        parts.append("the config file is wrong and not used, see the log")
    if trouble:
        parts.append(trouble)
    parts += [f"waiting for {', '.join(what)}: {why}" for why, what in _awaited(tick).items()]
    return "; ".join(parts)


def _fleets(tick: Tick) -> str:
    workers = sum(len(fleet.workers or ()) for fleet in tick.fleets)
    return f"{count(len(tick.fleets), 'fleet')}, {count(workers, 'worker')}"


def _awaited(tick: Tick) -> dict[str, list[str]]:
    """Services that cannot be seen, by the reason: all queues of a broker that is away have the same."""
    awaited: dict[str, list[str]] = {}
    for part, why in tick.observation.unknown.items():
        if part == "host":
            continue  # it does not come up later
        awaited.setdefault(why, []).append(part)
    return awaited
