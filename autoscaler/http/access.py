"""The rights of a request: who may read, and who may change something.

    unix socket   its file rights let in whom they let in; a change needs the header besides
    TCP           a change needs the token; off loopback, looking needs it too

Off loopback the dashboard's own files are there without it, so that somebody can type it in: they hold no
data.

A change needs a header that no web page can send along without being asked first (`X-Autoscaler`, or
`Authorization` with the token), and there are no cookies. So nobody's browser can be made to change anything.
And on loopback only names of this machine are answered to: a page whose own name is made to lead here
(DNS rebinding) cannot look either.
"""

from __future__ import annotations

import hmac
import ipaddress
import pwd
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from autoscaler.http.peers import is_local

HEADER = "x-autoscaler"
#: Bytes that the body of a request may have.
BODY_LIMIT = 65536
_LOOKING = frozenset({"GET", "HEAD", "OPTIONS"})
_OURS = frozenset({"localhost", "127.0.0.1", "::1"})
_ADDRESS = re.compile(r"(?:\[(?P<bracketed>[^\[\]]+)\]|(?P<plain>[^:\[\]]+))(?::[0-9]*)?")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the config says of the ways in."""

    #: By name; without any, nothing can be changed over TCP.
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: ``host:port``; None: no TCP.
    listen: str | None = None

    @property
    def host(self) -> str:
        """The address that is listened on."""
        return host_of(self.listen or "localhost:0")

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request is not let in."""

    status: HTTPStatus
    text: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is let in: a user of this machine, the owner of a token, or anybody on loopback."""

    uid: int | None = None
    token: str | None = None

    @property
    def name(self) -> str:
        """As a hold shows it: ``alice (uid 1000)``, ``token ci``."""
        if self.uid is not None:
            return _user(self.uid)
        return f"token {self.token}" if self.token is not None else "unknown"

    @property
    def may_change(self) -> bool:
        """Whether more than looking is allowed."""
        return self.uid is not None or self.token is not None


def judge(
    rules: Rules, uid: int | None, method: str, headers: Mapping[str, str], *, for_file: bool = False
) -> Caller | Refused:
    """Tell who makes a request, or why it is refused.

    Parameters
    ----------
    uid : of the other end of the unix socket; None: it comes over TCP.
    headers : by name in lower case.
    for_file : whether it is for one of the dashboard's files, which hold no data.
    """
    changes = method not in _LOOKING
    if uid is not None:
        if changes and HEADER not in headers and "authorization" not in headers:
            return Refused(HTTPStatus.FORBIDDEN, f"a change needs the header {HEADER.title()}: 1")
        return Caller(uid=uid)
    given, token = "authorization" in headers, _owner(rules, headers)
    if token is not None:
        return Caller(token=token)
    if given or (changes and rules.tokens) or not (rules.on_loopback or for_file):
        return Refused(HTTPStatus.UNAUTHORIZED, _no_token(headers))
    if rules.on_loopback and host_of(headers.get("host", rules.host)) not in _OURS | {rules.host}:
        return Refused(
            HTTPStatus.FORBIDDEN, "the Host header is no name of this machine: use localhost, or the token"
        )
    if changes:
        return Refused(
            HTTPStatus.FORBIDDEN,
            "changes over TCP need console.token; the unix socket needs none",
        )
    return Caller()


def host_of(address: str) -> str:
    """The host of ``host``, ``host:port`` or ``[host]:port``, in lower case; anything else stays whole."""
    found = _ADDRESS.fullmatch(address)
    return (found["bracketed"] or found["plain"] if found else address).lower()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address; a name leads who knows where."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _owner(rules: Rules, headers: Mapping[str, str]) -> str | None:
    """The name of the token that was given; all are compared, each in constant time."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    fits = [
        name
        for name, token in rules.tokens.items()
        if hmac.compare_digest(token.encode(), given.strip().encode())
    ]
    return fits[0] if fits else None


def _no_token(headers: Mapping[str, str]) -> str:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and given.strip():
        return "the token is wrong: it is not console.token"
    return "needs the header Authorization: Bearer and console.token"


def _user(uid: int) -> str:
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"


class Guard:
    """ASGI middleware: lets a request in with its `Caller` in ``state["caller"]``, or refuses it."""

    def __init__(self, app: ASGIApp, rules: Callable[[], Rules], files: Collection[str] = ()) -> None:
        self._app = app
        self._rules = rules
        #: Paths of the dashboard's files.
        self._files = frozenset(files)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        for_file = scope["path"] in self._files
        verdict = judge(self._rules(), _uid(scope), scope["method"], headers, for_file=for_file)
        if not isinstance(verdict, Refused) and _too_large(headers):
            verdict = Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {BODY_LIMIT} bytes")
        if isinstance(verdict, Refused):
            asks = verdict.status is HTTPStatus.UNAUTHORIZED
            answer = JSONResponse(
                {"detail": verdict.text}, verdict.status, {"WWW-Authenticate": "Bearer"} if asks else None
            )
            await answer(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = verdict
        if scope["method"] not in _LOOKING:
            scope["headers"] = _as_json(scope["headers"])
        await self._app(scope, receive, send)


def _as_json(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Have a body read as JSON whatever it is called: ``curl -d`` calls all a form.

    The type keeps no web page out here: the headers that a change needs have done so.
    """
    others = [(name, value) for name, value in headers if name.lower() != b"content-type"]
    return [*others, (b"content-type", b"application/json")]


def _uid(scope: Scope) -> int | None:
    client: Any = scope.get("client")
    return int(client[1]) if is_local(client) else None


def _too_large(headers: Mapping[str, str]) -> bool:
    length = headers.get("content-length", "0")
    return "transfer-encoding" in headers or not length.isdigit() or int(length) > BODY_LIMIT
