"""The connections to the console: the user at the other end, and the limits of their number and time.

Each connection holds one of the daemon's file descriptors, and the loop needs those as well. So one that does
not say what it wants is closed in time, and there are only so many over TCP. The unix socket is for those who
may open its file; it is never closed to them because others fill the port.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

#: In place of a client's address in ASGI's scope, with the user id in place of the port. No peer over TCP
#: can have it: its address is a number.
UNIX = "unix socket, uid"
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: `struct ucred` of unix(7)


@dataclass(frozen=True, slots=True)
class Patience:
    """What clients may keep us waiting for."""

    #: Seconds for a whole request to arrive, and for some of its answer to be taken.
    seconds: float = 10.0
    #: Connections over TCP at a time; a further one is closed at once.
    connections: int = 64


class PeerProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with the user that the kernel names (SO_PEERCRED) and with a deadline."""

    def __init__(self, *args: Any, patience: Patience = Patience(), **others: Any) -> None:
        super().__init__(*args, **others)
        self._patience = patience
        self._timer: asyncio.TimerHandle | None = None
        #: Bytes that the client had not taken yet when it was looked at; None: none too many.
        self._untaken: int | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note who connects; close it where there are too many."""
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family == socket.AF_UNIX:
            told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            self.client = UNIX, _CREDENTIALS.unpack(told)[1]
        elif self._over_tcp() > self._patience.connections:
            transport.abort()
            return
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Give the next request its time, and the client the time to take what is left of this answer."""
        self._wait()
        super().on_response_complete()

    def resume_writing(self) -> None:
        """Note that the client takes what there is for it."""
        self._untaken = None
        super().resume_writing()

    def _over_tcp(self) -> int:
        ours = (each for each in self.connections if isinstance(each, PeerProtocol))
        return sum(not is_local(each.client) for each in ours)

    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(self._patience.seconds, self._late)

    def _late(self) -> None:
        at_work = self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body
        if at_work and (not self.flow.write_paused or self._takes_some()):
            self._wait()  # ours is the turn: the answer is being made, or is on its way
        else:
            self.transport.abort()

    def _takes_some(self) -> bool:
        """Whether the client has taken some of the answer since it was looked at last, however little."""
        before, self._untaken = self._untaken, self.transport.get_write_buffer_size()
        return before != self._untaken


def is_local(client: tuple[str, int] | None) -> bool:
    """Whether a client in ASGI's scope has come by the unix socket."""
    return client is not None and client[0] == UNIX
