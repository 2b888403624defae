"""HTTP over a unix socket, to supervisord and to our own daemon."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path


class UnixHTTPConnection(http.client.HTTPConnection):
    """An `HTTPConnection` whose other end is a socket file.

    Parameters
    ----------
    path : the socket file.
    timeout : seconds that each step (connect, send, receive) may take.

    Raises
    ------
    OSError : as `http.client` does; `BlockingIOError` when the server's backlog is full.
    """

    def __init__(self, path: str | Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self) -> None:
        """Connect to the socket file."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(self.timeout)
            sock.connect(self.path)
        except BaseException:
            sock.close()
            raise
        self.sock = sock
