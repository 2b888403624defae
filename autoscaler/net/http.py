"""GET with a deadline that holds for the whole exchange.

`requests` times every single read, so a server that drips keeps it waiting for ever. Here a timer cuts
the socket off when the time is up.
"""

from __future__ import annotations

import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3.connection import HTTPConnection, HTTPSConnection

from autoscaler.errors import SourceError
from autoscaler.text import plain


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    body: bytes
    #: The ``Date`` header as it came; empty if there was none.
    date: str = ""


class Http:
    """One kept connection for GETs: no redirects, no proxies, nothing from the environment.

    Parameters
    ----------
    user, password : for basic authentication; any characters.
    max_body : bytes; a longer answer is a failure.

    Not thread-safe: one a thread.
    """

    def __init__(self, user: str, password: str, *, max_body: int) -> None:
        self._max_body = max_body
        self._adapter = CuttableAdapter()
        self._session = requests.Session()
        self._session.trust_env = False
        # As bytes, because requests would write text as Latin-1.
        self._session.auth = HTTPBasicAuth(user.encode(), password.encode())
        # Nothing packed: the bound on the body is to be a bound on memory.
        self._session.headers["Accept-Encoding"] = "identity"
        self._session.mount("http://", self._adapter)
        self._session.mount("https://", self._adapter)

    def get(self, url: str, *, within: float, limit: float) -> Answer:
        """Get `url`, headers and body, within so many seconds.

        Parameters
        ----------
        within : seconds left for it.
        limit : seconds to name in the error: those that the caller was given.

        Raises
        ------
        SourceError : no answer, not in time, cut short, or too long.
        """
        late = SourceError(f"no full answer within {limit:g} s")
        if within <= 0:
            raise late
        with cutting_off(self._adapter, within) as cut:
            try:
                answer = self._get(url, within)
            except requests.Timeout:
                raise late from None
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as exc:
                raise (late if cut.is_set() else SourceError(in_words(exc))) from None
            # A cut in the middle of the headers reads like their end.
            if cut.is_set():
                raise late
            return answer

    def _get(self, url: str, within: float) -> Answer:
        with self._session.get(url, timeout=within, allow_redirects=False, stream=True) as response:
            body = bytearray()
            for piece in response.iter_content(65536):
                body += piece
                if len(body) > self._max_body:
                    raise SourceError(f"the answer is longer than {self._max_body} bytes")
            return Answer(response.status_code, bytes(body), str(response.headers.get("Date", "")))

    def close(self) -> None:
        """Close the connection."""
        self._session.close()


class CuttableAdapter(HTTPAdapter):
    """Connections of a session that another thread can cut off."""

    def __init__(self) -> None:
        self._opened: weakref.WeakSet[HTTPConnection] = weakref.WeakSet()
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Have every connection of the pools registered."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": self._pool(urllib3.HTTPConnectionPool, HTTPConnection),
            "https": self._pool(urllib3.HTTPSConnectionPool, HTTPSConnection),
        }

    def _pool(self, pool: type[Any], connection: type[Any]) -> type[Any]:
        opened = self._opened

        def connect(self: HTTPConnection) -> None:
            opened.add(self)
            connection.connect(self)

        registered = type(connection.__name__, (connection,), {"connect": connect})
        return type(pool.__name__, (pool,), {"ConnectionCls": registered})

    def cut(self) -> None:
        """End every exchange that is under way; the threads that wait for them see a failure."""
        for connection in list(self._opened):
            if connection.sock is not None:
                with suppress(OSError):
                    # The plain socket's shutdown: the one of a TLS socket is not for other threads.
                    socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


@contextmanager
def cutting_off(adapter: CuttableAdapter, seconds: float) -> Iterator[threading.Event]:
    """Cut `adapter` off unless the block ends within `seconds`; yields whether it has happened."""
    cut = threading.Event()

    def end() -> None:
        cut.set()
        adapter.cut()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield cut
    finally:
        timer.cancel()


def in_words(exc: BaseException) -> str:
    """A failure of requests in one short line: what the socket said rather than the wrapping."""
    cause: BaseException | None = exc
    while cause is not None and not (isinstance(cause, OSError) and cause.strerror):
        cause = cause.__cause__ or cause.__context__ or getattr(cause, "reason", None)
    if isinstance(cause, OSError):
        return plain(str(cause.strerror))
    return plain(f"the connection broke ({type(exc).__name__}: {exc})", 200)
