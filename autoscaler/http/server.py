"""The HTTP server, on a unix socket and, if configured, on a TCP address."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from autoscaler.errors import ServiceUnavailable
from autoscaler.http.peers import Patience, PeerProtocol

#: Seconds in which the server must be up, and down again.
DEADLINE = 5.0
_BACKLOG = 64
_POLL = 0.01


class Server:
    """Serves an app on sockets from a thread of its own, as a context manager.

    Parameters
    ----------
    closing : called as it ends; ends the answers that would go on for ever.
    """

    def __init__(
        self,
        app: FastAPI,
        path: Path,
        listen: str | None = None,
        patience: Patience | None = None,
        closing: Callable[[], None] = lambda: None,
    ) -> None:
        self._path = path
        self._closing = closing
        self._listen = listen
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=partial(PeerProtocol, patience=patience or Patience()),  # type: ignore[arg-type]  # a factory
                ws="none",
                # Who connects is told by the kernel, never by a header.
                proxy_headers=False,
                server_header=False,
                log_config=None,  # the daemon's log takes its lines, see loop.diary
                access_log=False,
                lifespan="off",
            )
        )
        self._thread: threading.Thread | None = None
        self._sockets: list[socket.socket] = []
        self._file: tuple[int, int] | None = None

    def __enter__(self) -> Server:
        """Open the sockets and serve.

        Raises
        ------
        ServiceUnavailable : a socket cannot be opened, with its address and the reason; or the server
            does not start.
        """
        self._open()
        # The loop owns the process's signals; uvicorn takes them only in the main thread.
        self._thread = threading.Thread(
            target=self._server.run, args=(self._sockets,), name="console", daemon=True
        )
        self._thread.start()
        try:
            self._wait_until_started(self._thread)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close the sockets; requests under way get a moment to end."""
        self._closing()
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(DEADLINE)
        self._close()

    def _open(self) -> None:
        try:
            self._sockets.append(_unix_socket(self._path))
            self._file = _identity(self._path)
            if self._listen is not None:
                self._sockets.append(_tcp_socket(self._listen))
        except ServiceUnavailable:
            self._close()
            raise

    def _close(self) -> None:
        for each in self._sockets:
            each.close()
        self._sockets.clear()
        # Another daemon may have put its own in this place, where somebody deleted our lock.
        if self._file is not None and self._file == _identity(self._path):
            self._path.unlink(missing_ok=True)
        self._file = None

    def _wait_until_started(self, thread: threading.Thread) -> None:
        ends = time.monotonic() + DEADLINE
        while not self._server.started:
            if not thread.is_alive():
                raise ServiceUnavailable(f"console.socket {self._path} is not served: its thread has ended")
            if time.monotonic() > ends:
                raise ServiceUnavailable(
                    f"console.socket {self._path} is not served: not started within {DEADLINE:g} s"
                )
            thread.join(_POLL)


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another at the same place; None: there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _unix_socket(path: Path) -> socket.socket:
    """Listen on a path, with mode 0660 from the first moment.

    We hold the daemon's lock, so a file that is there already is stale.
    """
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    temporary = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        opened.bind(str(temporary))
        temporary.chmod(0o660)
        opened.listen(_BACKLOG)
        temporary.replace(path)
    except OSError as error:
        opened.close()
        with suppress(OSError):
            temporary.unlink()
        raise _cannot_open(f"console.socket {path}", error) from error
    return opened


def _tcp_socket(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, int(port)))
        opened.listen(_BACKLOG)
    except OSError as error:
        opened.close()
        raise _cannot_open(f"console.listen {listen}", error) from error
    return opened


def _cannot_open(what: str, error: OSError) -> ServiceUnavailable:
    return ServiceUnavailable(f"{what} cannot be opened: {error.strerror or error}")
