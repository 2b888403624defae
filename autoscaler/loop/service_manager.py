"""Messages to the service manager that started the daemon: systemd, or start-stop-daemon with --notify-await.

Each is a datagram of ``KEY=value`` lines to the socket in NOTIFY_SOCKET. No failure here stops the daemon: it
works as well without a listener.

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

from autoscaler.loop.snapshot import Snapshot
from autoscaler.model import Tick
from autoscaler.text import count

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
WATCHDOG: Final = "WATCHDOG=1"

#: Characters of a status: it is one line of `systemctl status`.
STATUS_LENGTH: Final = 400
#: Seconds between two beats where no watchdog counts them.
_UNWATCHED: Final = 3600.0
#: Seconds that the listener has to take a datagram.
_DEADLINE: Final = 1.0


class Notifier:
    """Sends messages to the service manager, or nowhere.

    Parameters
    ----------
    environ : holds NOTIFY_SOCKET, a path or an abstract name (``@...``), and WATCHDOG_USEC with WATCHDOG_PID;
        both may be missing.
    """

    def __init__(self, environ: Mapping[str, str], pid: int | None = None) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        watchdog = _watchdog(environ, os.getpid() if pid is None else pid)
        self._watched = watchdog is not None
        #: Seconds between two calls of `beat`: half of what the watchdog allows.
        self.period = _UNWATCHED if watchdog is None else watchdog / 2
        self._status = ""

    def ready(self) -> None:
        """Report that the service is up, or has read its config again."""
        self._send(READY)

    def reloading(self) -> None:
        """Report that the config is about to be read again; `ready` ends that."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """Report that the service is about to end."""
        self._send(STOPPING)

    def beat(self) -> None:
        """Report that the loop is alive, where a watchdog counts on it."""
        if self._watched:
            self._send(WATCHDOG)

    def status(self, text: str) -> None:
        """Report in one line what the service does; the same text twice is sent once."""
        line = " ".join(text.split())[:STATUS_LENGTH]
        if line != self._status:
            self._status = line
            self._send(f"STATUS={line}")

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        # The listener may have gone; the daemon goes on.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(_DEADLINE)
            sender.sendto("\n".join(lines).encode(), self._address)


def _address(name: str) -> str | None:
    if name.startswith("@") and len(name) > 1:
        return "\0" + name[1:]
    return name if name.startswith("/") else None


def _watchdog(environ: Mapping[str, str], pid: int) -> float | None:
    """Seconds between two beats at most; None without a watchdog, or with one for another process."""
    text, watched = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", str(pid))
    if not text.isascii() or not text.isdigit() or int(text) == 0 or watched != str(pid):
        return None
    return int(text) / 1e6


def status_line(snapshot: Snapshot) -> str:
    """The daemon in one line: its fleets and workers, and the services that it waits for."""
    tick, trouble = snapshot.tick, snapshot.trouble
    if tick is None:
        return trouble or "starting"
    parts = [_fleets(tick)]
    if snapshot.config_problems:
        parts.append("the config file is wrong and not used, see the log")
    if trouble:
        parts.append(trouble)
    parts += [f"waiting for {', '.join(parts_of)}: {why}" for why, parts_of in _awaited(tick).items()]
    return "; ".join(parts)


def _fleets(tick: Tick) -> str:
    workers = sum(len(fleet.workers or ()) for fleet in tick.fleets)
    return f"{count(len(tick.fleets), 'fleet')}, {count(workers, 'worker')}"


def _awaited(tick: Tick) -> dict[str, list[str]]:
    """Parts that cannot be seen, by the reason: all queues of a broker that is away have the same one."""
    awaited: dict[str, list[str]] = {}
    for part, why in tick.observation.unknown.items():
        if part == "host":
            continue  # this machine does not come up later
        awaited.setdefault(why, []).append(part)
    return awaited
