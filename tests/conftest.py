"""Services and helpers for all tests: real, private, gone afterwards."""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

import pytest
from hypothesis import settings

from autoscaler.tools.demo.services import RabbitMQNode, RedisServer, SupervisordInstance

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

# A machine that is busy is not a failure: no example has a deadline. All else as it is, by hand and in CI.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

T = TypeVar("T")

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Vhost:
    """A fresh vhost on the shared node."""

    name: str
    #: Both with user and password.
    amqp_url: str
    management_url: str


class Eventually(Protocol):
    def __call__(self, look: Callable[[], T], deadline: float = 10.0, what: str = ...) -> T: ...


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    """Look until what is seen is true, and return it; fail after `deadline` seconds, saying what was seen."""

    def _eventually(look: Callable[[], T], deadline: float = 10.0, what: str = "it") -> T:
        end = time.monotonic() + deadline
        while not (seen := look()):
            if time.monotonic() > end:
                pytest.fail(f"{what}: not so within {deadline:g} s, last seen: {seen!r}")
            time.sleep(0.05)
        return seen

    return _eventually


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A temporary folder with a path short enough for unix sockets."""
    with tempfile.TemporaryDirectory(prefix="as-", ignore_cleanup_errors=True) as folder:
        yield Path(folder).resolve()


def _missing(message: str) -> NoReturn:
    """Skip a test by hand and fail it in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def need_rabbitmq() -> None:
    """A missing service skips a test by hand and fails it in CI."""
    if not RabbitMQNode.installed():
        _missing("rabbitmq-server is not installed (apt-get install rabbitmq-server)")


@pytest.fixture(scope="session")
def need_parquet() -> None:
    """A missing extra, too: the one that reads Parquet is no part of `dev`."""
    if importlib.util.find_spec("arro3") is None:
        _missing("the extra `parquet` is not installed (pip install -e '.[parquet]')")


@pytest.fixture(scope="session")
def need() -> Callable[[str], None]:
    """Say which command a test cannot do without: `need("systemd-analyze")`."""

    def _need(command: str) -> None:
        if shutil.which(command) is None:
            _missing(f"{command} is not installed")

    return _need


#: Milliseconds in which a page must show what it is to show, on a busy machine.
PAGE_DEADLINE = 60_000
#: What Chromium does without being asked, and what it cannot do as root.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class OpenPage(Protocol):
    def __call__(self, url: str, **context: Any) -> Page: ...


# Of a module, not of the session: while Playwright is there, no other test in this thread has an event loop.
@pytest.fixture(scope="module")
def browser(need: Callable[[str], None]) -> Iterator[Browser]:
    """Debian's Chromium, by Playwright."""
    need("chromium")
    from playwright.sync_api import expect, sync_playwright  # noqa: PLC0415

    expect.set_options(timeout=PAGE_DEADLINE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Open a page as a new visitor; a script that fails, or is kept from something, fails the test."""
    with ExitStack() as stack:
        failures: list[str] = []

        def _note(message: ConsoleMessage) -> None:
            # That a server has gone or refuses is the business of some tests.
            if message.type == "error" and "Failed to load resource" not in message.text:
                failures.append(message.text)

        def _open(url: str, **context: Any) -> Page:
            visitor = stack.enter_context(browser.new_context(timezone_id="UTC", **context))
            visitor.set_default_timeout(PAGE_DEADLINE)
            page = visitor.new_page()
            page.on("console", _note)
            page.on("pageerror", lambda error: failures.append(str(error)))
            page.goto(url, wait_until="commit")
            return page

        yield _open
        assert failures == []


@pytest.fixture(scope="session")
def rabbitmq(need_rabbitmq: None) -> Iterator[RabbitMQNode]:
    """A RabbitMQ node shared by the tests that do not break it; use `vhost` to be alone on it."""
    with (
        tempfile.TemporaryDirectory(prefix="as-", ignore_cleanup_errors=True) as folder,
        RabbitMQNode(Path(folder)) as node,
    ):
        yield node


@pytest.fixture
def vhost(rabbitmq: RabbitMQNode) -> Iterator[Vhost]:
    """A vhost of the test's own on the shared node."""
    name = f"test-{next(_numbers)}"
    yield Vhost(name, rabbitmq.add_vhost(name), rabbitmq.management_url)
    rabbitmq.delete_vhost(name)


@pytest.fixture
def private_rabbitmq(need_rabbitmq: None, short_folder: Path) -> Iterator[Callable[..., RabbitMQNode]]:
    """Start RabbitMQ nodes that the test may stop, kill and freeze: `private_rabbitmq(**settings)`."""
    with ExitStack() as stack:

        def _start(**settings: str) -> RabbitMQNode:
            return stack.enter_context(RabbitMQNode(short_folder / f"mq{next(_numbers)}", settings))

        yield _start


@pytest.fixture
def redis_server(need: Callable[[str], None], short_folder: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, which it may stop."""
    need("redis-server")
    with RedisServer(short_folder / "redis") as server:
        yield server


@pytest.fixture
def supervisord(short_folder: Path) -> Iterator[SupervisordInstance]:
    """A supervisord that the test may stop, kill and freeze; it also listens on a TCP port."""
    with SupervisordInstance(short_folder / "sv", http=True) as instance:
        yield instance
