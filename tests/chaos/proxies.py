"""The network between the daemon and the broker, misbehaving on order."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: Seconds.
_CONNECT = 5.0
_SLOW = 12.0


class TcpProxy:
    """Passes connections on to a port of this machine, until it is told otherwise.

    `hold` keeps every byte back (a cut cable: nothing is closed, later all of it arrives), `delay` is in
    seconds a chunk, `refuse` lets nobody in, `reset` ends what there is.
    """

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self._open = threading.Event()
        self._open.set()
        self.delay = 0.0
        self._refusing = False
        self._pairs: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self) -> None:
        """Keep every byte back."""
        self._open.clear()

    def refuse(self) -> None:
        """Reset what there is and whoever comes."""
        self._refusing = True
        self.reset()

    def reset(self) -> None:
        """Reset every connection."""
        with self._lock:
            doomed, self._pairs = self._pairs, set()
        for each in doomed:
            _reset(each)

    def mend(self) -> None:
        """Pass everything on again."""
        self._refusing = False
        self.delay = 0.0
        self._open.set()

    def close(self) -> None:
        """End it."""
        self._listener.close()
        self.mend()
        self.reset()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                _reset(near)
            else:
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        self._open.wait()
        try:
            far = socket.create_connection(("127.0.0.1", self._target), _CONNECT)
        except OSError:
            _reset(near)
            return
        far.settimeout(None)
        with self._lock:
            self._pairs |= {near, far}
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                self._open.wait()
                if self.delay:
                    time.sleep(self.delay)
                sink.sendall(chunk)
        for each in (source, sink):
            with self._lock:
                self._pairs.discard(each)
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
                each.close()


def _reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)
    with contextlib.suppress(OSError):
        connection.close()


class ManagementProxy(ThreadingHTTPServer):
    """RabbitMQ's management API, answering as it is told to.

    `mode` is ``honest``, ``slow``, ``half``, ``no_counts``, ``huge``, ``nonsense``, ``refuse``, or a number:
    the status to refuse with.
    """

    daemon_threads = True

    def __init__(self, target_port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target_port = target_port
        self.mode: str | int = "honest"
        self.changed = threading.Event()
        self.port: int = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()

    def behave(self, mode: str | int) -> None:
        """Answer in another way from now on."""
        self.mode = mode
        self.changed.set()
        self.changed = threading.Event()

    def close(self) -> None:
        """End it."""
        self.behave("honest")
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ManagementProxy

    def do_GET(self) -> None:
        with contextlib.suppress(OSError):
            self._answer(self.server.mode)

    def log_message(self, *_: Any) -> None:
        """Stay silent."""

    def _answer(self, mode: str | int) -> None:
        if mode == "refuse":
            self.close_connection = True
            return
        if mode == "slow":
            self.server.changed.wait(_SLOW)
        status, body = self._ask()
        if isinstance(mode, int):
            status, body = mode, b'{"error":"chaos","reason":"told to"}'
        elif mode in _BODIES:
            body = _BODIES[mode](body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if mode == "half":
            body, self.close_connection = body[: len(body) // 2], True
        self.wfile.write(body)

    def _ask(self) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.target_port, timeout=_CONNECT)
        try:
            headers = {"Authorization": self.headers.get("Authorization", "")}
            connection.request("GET", self.path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 502, b"no broker"
        finally:
            connection.close()


def _without_counts(body: bytes) -> bytes:
    def stripped(value: Any) -> Any:
        if isinstance(value, list):
            return [stripped(each) for each in value]
        if isinstance(value, dict):
            return {key: stripped(each) for key, each in value.items() if not key.startswith("messages")}
        return value

    return json.dumps(stripped(json.loads(body))).encode() if body[:1] in b"[{" else body


def _nonsense(body: bytes) -> bytes:
    """Well-formed, and of no sense: counts that are no counts."""
    text = body.decode(errors="replace")
    for key in ("messages", "messages_ready", "messages_unacknowledged"):
        text = text.replace(f'"{key}":', f'"{key}":-1e999,"{key}_":')
    return text.encode() if text != body.decode(errors="replace") else b"<html>\xff It works! </html>"


_BODIES = {
    "no_counts": _without_counts,
    "nonsense": _nonsense,
    "huge": lambda body: b"[" + b'{"name":"x","messages_ready":0},' * 1_500_000 + body[1:],
}
