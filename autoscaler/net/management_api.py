"""Requests to RabbitMQ's management API, on one kept connection.

Source: https://www.rabbitmq.com/docs/management#http-api.
"""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote, unquote, urlsplit

from autoscaler.errors import SourceError
from autoscaler.net.deadline import Deadline
from autoscaler.net.http import Answer, Http, Server, basic, tcp_server, tls_context
from autoscaler.text import plain

#: Bytes of one answer: a page of 500 queues with long arguments stays far below.
MAX_BODY = 16 * 1024 * 1024

_PORTS = {"http": 80, "https": 443}
#: Characters that may stand in a path as they are, those of a percent-encoded one included.
_IN_PATH = "/%:@!$&'()*+,;=~"


@dataclass(frozen=True, slots=True)
class Api:
    """The address of the API, one virtual host of the broker, and the user who asks."""

    #: ``http`` or ``https``.
    scheme: str
    host: str
    port: int
    #: Path of the whole API, ``/api`` or with a prefix; percent-encoded.
    path: str
    #: Not encoded, as are user and password.
    vhost: str
    user: str
    password: str = field(repr=False)

    @property
    def root(self) -> str:
        """URL of the whole API, ``http://host:15672/api``, without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    @property
    def queues(self) -> str:
        """Path of the virtual host's queues, below `root`."""
        return f"queues/{quote(self.vhost, safe='')}"

    @property
    def server(self) -> Server:
        """Where it listens."""
        headers = basic(self.user, self.password)
        tls = tls_context() if self.scheme == "https" else None
        return tcp_server(self.host, self.port, headers, tls=tls)

    @classmethod
    def parse(cls, url: str, vhost: str) -> Api:
        """Read ``http(s)://user:password@host:port[/prefix]``, all parts percent-encoded.

        Raises
        ------
        SourceError : `url` is no such URL; the text does not repeat it, since it may hold a password.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host or parts.scheme not in _PORTS or parts.query or parts.fragment:
            raise SourceError(
                "management_url is not http(s)://user:password@host:port "
                "(any of :/?#[]@% in user or password must be percent-encoded)"
            )
        return cls(
            scheme=parts.scheme,
            host=host,
            port=_PORTS[parts.scheme] if port is None else port,
            path=f"{quote(parts.path.rstrip('/'), safe=_IN_PATH)}/api",
            vhost=vhost,
            user=unquote(parts.username or "guest"),
            password=unquote(parts.password or "guest"),
        )


class Getter(Protocol):
    """The part of `Http` that is used."""

    def get(self, target: str, deadline: Deadline) -> Answer: ...
    def close(self) -> None: ...


class ManagementApi:
    """The API of one broker.

    Parameters
    ----------
    http : the connection; one of its own if not given.

    Not thread-safe: one a thread.
    """

    def __init__(self, api: Api, http: Getter | None = None) -> None:
        self.api = api
        self._http = http or Http(api.server, max_body=MAX_BODY)

    def get(self, path: str, deadline: Deadline) -> Answer:
        """GET a path below the API's root.

        Raises
        ------
        SourceError : no answer, not in time, cut short, or too long.
        """
        part = deadline.rest()
        try:
            return self._http.get(f"{self.api.path}/{path}", part)
        except TimeoutError:
            raise SourceError(part.overrun()) from None
        except (OSError, http.client.HTTPException) as error:
            raise SourceError(_in_words(error)) from None

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def decoded(body: bytes) -> object:
    """The JSON in `body`.

    Raises
    ------
    SourceError : if it is not JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise SourceError(
            f"the answer is not JSON ({len(body)} bytes): is this RabbitMQ's management API?"
        ) from None


def _in_words(error: Exception) -> str:
    """A failure in one short line: the system's words where it has some."""
    if isinstance(error, OSError) and error.strerror:
        return plain(error.strerror)
    return plain(f"the connection broke ({type(error).__name__}: {error})", 200)
