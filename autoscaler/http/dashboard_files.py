"""`GET /`: the dashboard's files, which hold no data."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources
from typing import Final

from fastapi import APIRouter, Request, Response

_INDEX: Final = "index.html"
_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
#: Nothing from elsewhere, no script or style in the page itself, no text read as HTML; in nobody's frame.
_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Asked for each time: files of two versions do not go together.
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class File:
    """One file as it is served."""

    content: bytes
    type: str
    #: Changes with the content.
    tag: str


def files() -> dict[str, File]:
    """All of them, by path."""
    return {("/" if name == _INDEX else f"/assets/{name}"): each for name, each in _read()}


def _read() -> Iterator[tuple[str, File]]:
    for entry in resources.files("autoscaler.http").joinpath("dashboard").iterdir():
        kind = _TYPES.get(entry.name.rpartition(".")[2])
        if kind is not None:
            content = entry.read_bytes()
            yield entry.name, File(content, kind, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def web(served: Mapping[str, File]) -> APIRouter:
    """The routes of the page and of what it loads."""
    api = APIRouter()
    for path, file in served.items():
        api.add_api_route(path, _endpoint(file), methods=["GET", "HEAD"], include_in_schema=False)
    return api


def _endpoint(file: File) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        headers = {**HEADERS, "ETag": file.tag}
        if request.headers.get("if-none-match") == file.tag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(file.content, media_type=file.type, headers=headers)

    return serve
