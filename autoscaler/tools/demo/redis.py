"""A private Redis server, with a folder, a port and a password of its own."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from autoscaler.tools.demo.process import MARK, Child, free_port, wait_until

#: Seconds until it answers.
_START = 10.0


class RedisServer:
    """A Redis that answers when `start` (or `with`) returns.

    Parameters
    ----------
    folder : where everything of it lives; made if missing, left in place when it stops.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.port = free_port()
        self.password = secrets.token_hex(12)
        self._child: Child | None = None

    @staticmethod
    def installed() -> bool:
        """Whether this machine has a redis-server."""
        return shutil.which("redis-server") is not None

    @property
    def url(self) -> str:
        """kombu URL of its first database."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises
        ------
        ServiceUnavailable : it did not answer in time.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self.folder / "redis.conf"
        settings.touch(mode=0o600)
        settings.write_text(
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\ndir {self.folder}\n"
            'save ""\nappendonly no\ndaemonize no\n'
        )
        self._child = Child(
            ["redis-server", str(settings)],
            environment={**os.environ, MARK: str(self.folder)},
            folder=self.folder,
            log=self.folder / "redis.log",
        )
        wait_until(self._answers, seconds=_START, what="redis-server answers")

    def stop(self) -> None:
        """End it; it keeps nothing."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _answers(self) -> bool:
        try:
            with (
                socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe,
                probe.makefile("rb") as answers,
            ):
                probe.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                return [answers.readline(), answers.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
