"""Tells which user is at the other end of the unix socket."""

from __future__ import annotations

import asyncio
import socket
import struct

from uvicorn.protocols.http.h11_impl import H11Protocol

#: In place of a client's address in ASGI's scope, with the user id in place of the port. No peer over TCP
#: can have it: its address is a number.
UNIX = "unix socket, uid"
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: `struct ucred` of unix(7)


class PeerProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with the user that the kernel names (SO_PEERCRED)."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note who connects."""
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family == socket.AF_UNIX:
            told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            self.client = UNIX, _CREDENTIALS.unpack(told)[1]
