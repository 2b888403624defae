"""A console over made-up fleets, in a browser."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from autoscaler.errors import CommandRefused
from autoscaler.http.access import Rules
from autoscaler.http.api import make_app
from autoscaler.http.server import Server
from autoscaler.http.stream import Limits, Stream
from autoscaler.loop.snapshot import Counts, Snapshot
from autoscaler.model import Answer, Command
from autoscaler.tools.demo.services import free_port
from browser.scenes import NOW, MadeHistory

if TYPE_CHECKING:
    from playwright.sync_api import Page

TOKEN = "0123456789abcdef"


@dataclass
class Stand:
    """Stands for the daemon: shows what it is told to, and notes what is ordered."""

    snapshot: Snapshot
    folder: Path
    tokens: dict[str, str] = field(default_factory=lambda: {"ci": TOKEN})
    #: As the config has it; it is served on loopback in any case.
    listen: str | None = None
    limits: Limits = field(default_factory=Limits)
    now: float = NOW
    history: MadeHistory = field(default_factory=MadeHistory)
    ordered: list[Command] = field(default_factory=list)
    #: Why orders are refused; empty: they are not.
    refusal: str = ""
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """Of the page."""
        return f"http://localhost:{self.port}/"

    def start(self) -> None:
        """Serve it."""
        self.stream = Stream(lambda: self.snapshot, lambda: self.now, self.limits)
        rules = lambda: Rules(self.tokens, self.listen or f"127.0.0.1:{self.port}")  # noqa: E731
        app = make_app(
            lambda: self.snapshot, lambda: self.now, self._ask, rules, self.history, stream=self.stream
        )
        path = self.folder / "a.sock"
        self.server = Server(app, path, f"127.0.0.1:{self.port}", closing=self.stream.close)
        self.server.__enter__()

    def stop(self) -> None:
        """Serve it no more."""
        self.server.__exit__()

    def tick(self, snapshot: Snapshot | None = None, **changes: object) -> None:
        """Show something else."""
        counts = Counts(self.snapshot.counts.ticks + 1)
        self.snapshot = replace(snapshot or self.snapshot, counts=counts, **changes)
        self.stream.publish()

    def _ask(self, command: Command) -> Answer:
        if self.refusal:
            raise CommandRefused(self.refusal)
        self.ordered.append(command)
        return Answer(self.now, ("emails is paused: `autoscaler resume emails` ends that",))


@pytest.fixture
def serve() -> Iterator[Callable[..., Stand]]:
    """Serve a snapshot: `serve(snapshot, tokens=...)`."""
    with ExitStack() as stack:

        def _serve(snapshot: Snapshot, **others: object) -> Stand:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="as-")))
            stand = Stand(snapshot, folder, **others)
            stand.start()
            stack.callback(stand.stop)
            return stand

        yield _serve


@pytest.fixture
def visit(serve: Callable[..., Stand], open_page: Callable[..., Page]) -> Callable[..., tuple[Page, Stand]]:
    """Open the page of a scene: it, and what stands for the daemon."""

    def _visit(
        scene: Snapshot, context: Mapping[str, object] | None = None, **stand: object
    ) -> tuple[Page, Stand]:
        served = serve(scene, **stand)
        return open_page(served.url, **(context or {})), served

    return _visit
