"""`GET /api/v1/stream`: a server-sent event with the fleets after each tick.

    loop  --publish-->  the server's thread: one event  -->  each client's mailbox  -->  client

The loop only leaves word that there is something new. What a slow client has not taken yet is replaced by
what is newer: each event tells everything, so only the latest ones are worth the wait. While the loop does
not tick, a comment now and then tells that the connection lives.

Source: the format is that of https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, HTTPException
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from autoscaler import __version__
from autoscaler.http.views import (
    FleetsView,
    HealthView,
    SingletonsView,
    View,
    WorkersView,
    fleets_view,
    health_view,
    singletons_view,
    workers_view,
)
from autoscaler.http.words import singleton_troubles, troubles
from autoscaler.loop.snapshot import Snapshot

TYPE: Final = "text/event-stream"
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
#: Milliseconds after which a client that has lost the connection tries again.
_RETRY: Final = b"retry: 2000\n\n"
_ALIVE: Final = b": no tick\n\n"


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may cost."""

    #: Clients at a time.
    clients: int = 32
    #: Events that wait for a slow one; older ones are dropped.
    events: int = 4
    #: Seconds without an event after which a comment is sent.
    silence: float = 5.0


class TickView(View):
    """Everything about one tick; the parts are those of the other paths."""

    #: Passes of the daemon's loop since its start; the id of the event.
    number: int
    #: When it is told, in seconds since the epoch.
    now: float
    fleets: FleetsView
    workers: WorkersView
    singletons: SingletonsView
    health: HealthView
    #: All that is not as it should be, in sentences: the lines of `autoscaler status` that begin with ``!``.
    problems: list[str]


def tick_view(snapshot: Snapshot, now: float) -> TickView:
    """Show everything."""
    fleets, singletons = fleets_view(snapshot), singletons_view(snapshot)
    return TickView(
        number=snapshot.counts.ticks,
        now=now,
        fleets=fleets,
        workers=workers_view(snapshot),
        singletons=singletons,
        health=health_view(snapshot, now, __version__),
        problems=[*troubles(fleets), *singleton_troubles(singletons)],
    )


def event(view: TickView) -> bytes:
    """One server-sent event."""
    return f"event: tick\nid: {view.number}\ndata: {view.model_dump_json()}\n\n".encode()


class Client:
    """One connection's mailbox; the server's thread alone uses it."""

    def __init__(self, limits: Limits, config_read_at: float) -> None:
        #: Of the config by which it was let in.
        self.config_read_at = config_read_at
        self._silence = limits.silence
        self._events: deque[bytes] = deque(maxlen=limits.events)
        self._word = asyncio.Event()
        self._ended = False

    def put(self, item: bytes) -> None:
        """Leave an event; the oldest one goes where there are too many."""
        self._events.append(item)
        self._word.set()

    def end(self) -> None:
        """Let it take what it has, and no more."""
        self._ended = True
        self._word.set()

    async def events(self) -> AsyncIterator[bytes]:
        """What is to be sent, as it comes."""
        yield _RETRY
        while True:
            while self._events:
                yield self._events.popleft()
            if self._ended:
                return
            self._word.clear()
            try:
                await asyncio.wait_for(self._word.wait(), self._silence)
            except TimeoutError:
                yield _ALIVE


class Stream:
    """Hands each tick to whoever follows.

    Parameters
    ----------
    snapshot, clock : what is told, and when it is.
    """

    def __init__(
        self, snapshot: Callable[[], Snapshot], clock: Callable[[], float], limits: Limits | None = None
    ) -> None:
        self._snapshot = snapshot
        self._clock = clock
        self._limits = limits or Limits()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clients: set[Client] = set()
        self._is_due = False
        self._closed = False

    # --- from any thread: neither waits ---

    def publish(self) -> None:
        """Say that there is a new snapshot."""
        if not self._is_due:
            self._is_due = True
            self._call(self._spread)

    def close(self) -> None:
        """End every connection, and let nobody follow any more."""
        self._closed = True
        self._call(self._end)

    def _call(self, what: Callable[[], None]) -> None:
        loop = self._loop
        if loop is None:
            self._is_due = False  # nobody has followed yet
            return
        with suppress(RuntimeError):  # the server has ended
            loop.call_soon_threadsafe(what)

    # --- in the server's thread ---

    def join(self) -> Client:
        """Let another one follow; it is told the last tick at once.

        Raises
        ------
        HTTPException : there are too many, or the daemon stops.
        """
        if self._closed:
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "the daemon is stopping")
        if len(self._clients) >= self._limits.clients:
            told = (
                f"{len(self._clients)} clients follow already, no more may; GET /api/v1/fleets has the same"
            )
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, told)
        self._loop = asyncio.get_running_loop()
        seen = self._snapshot()
        client = Client(self._limits, seen.config_read_at)
        client.put(self._event(seen))
        self._clients.add(client)
        return client

    def leave(self, client: Client) -> None:
        """Forget a client that has gone."""
        self._clients.discard(client)

    @property
    def clients(self) -> int:
        """How many follow."""
        return len(self._clients)

    def _event(self, seen: Snapshot) -> bytes:
        return event(tick_view(seen, self._clock()))

    def _spread(self) -> None:
        self._is_due = False
        if not self._clients:
            return
        seen = self._snapshot()
        told = self._event(seen)
        for client in self._clients:
            client.put(told)
            # Another config may have another token: whoever comes back is looked at again.
            if client.config_read_at != seen.config_read_at:
                client.end()

    def _end(self) -> None:
        for client in self._clients:
            client.end()


class _Following(StreamingResponse):
    """The answer to one client, who is forgotten with it however it ends."""

    def __init__(self, stream: Stream, client: Client) -> None:
        super().__init__(client.events(), media_type=TYPE, headers=_HEADERS)
        self._stream = stream
        self._client = client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client, the daemon or the config goes."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._stream.leave(self._client)


def stream_route(stream: Stream) -> APIRouter:
    """The route that is followed."""
    api = APIRouter(prefix="/api/v1")

    @api.get(
        "/stream",
        response_class=StreamingResponse,
        responses={
            HTTPStatus.OK: {"content": {TYPE: {}}, "description": "An event `tick` after each tick."},
            HTTPStatus.SERVICE_UNAVAILABLE: {"description": "Too many follow already."},
        },
    )
    async def follow() -> StreamingResponse:
        """Everything after each tick, as server-sent events: `data` is a TickView, `id` its number."""
        return _Following(stream, stream.join())

    return api
