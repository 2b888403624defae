"""`autoscaler demo` as its user runs it: it shows the fleet, counts the tasks and cleans up after itself."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from autoscaler.errors import ServiceUnavailable
from autoscaler.tools.demo.process import kill_all, marked_processes, wait_until
from autoscaler.tools.demo.services import RabbitMQNode

#: Seconds that a short demo may take on a busy machine.
DEADLINE = 150.0


@contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start a demo whose temporary folder lies in `folder`."""
    command = [sys.executable, "-m", "autoscaler.cli", "demo", *arguments]
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"}
    with (folder.parent / "output").open("w") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        kill_all(marked_processes(folder))


@pytest.fixture
def folder(short_folder: Path) -> Path:
    """An empty folder for all temporary files."""
    path = short_folder / "t"
    path.mkdir()
    return path


@pytest.fixture
def output(folder: Path) -> Callable[[], str]:
    """What the demo has printed so far."""
    return (folder.parent / "output").read_text


def summary_of(text: str) -> dict[str, str]:
    """Read the rows of the closing table."""
    return dict(re.findall(r"│ ([a-z ]+?) +│ +([^│]+?) │", text))


@pytest.mark.parametrize("broker", ["embedded", "rabbitmq"])
def test_every_task_runs_once_and_nothing_is_left_behind(
    broker: str, folder: Path, output: Callable[[], str], request: pytest.FixtureRequest
) -> None:
    if broker == "rabbitmq":
        request.getfixturevalue("need_rabbitmq")
    with demo(folder, "--for", "5", "--broker", broker) as process:
        assert process.wait(DEADLINE) == 0, output()
        assert marked_processes(folder) == []
    summary = summary_of(output())
    assert int(summary["tasks published"]) > 100
    assert summary["done"] == summary["tasks published"]
    assert (summary["lost"], summary["run twice"]) == ("0", "0")
    assert int(summary["workers at peak"]) > 1
    assert list(folder.iterdir()) == []
    assert re.search(r"In a browser: http://127\.0\.0\.1:\d+/ \(the token .*: \w{16}\)", output())


@pytest.mark.parametrize(
    ("number", "when"),
    [
        (signal.SIGINT, "Starting"),
        (signal.SIGTERM, "running; "),
        (signal.SIGHUP, "starting; "),
    ],
)
def test_an_interrupted_demo_sums_up_and_leaves_nothing_behind(
    number: signal.Signals, when: str, folder: Path, output: Callable[[], str], eventually
) -> None:
    broker = "rabbitmq" if when == "Starting" and RabbitMQNode.installed() else "embedded"
    with demo(folder, "--for", "30", "--broker", broker) as process:
        eventually(lambda: when in output(), 60, f"the demo says {when!r}")
        process.send_signal(number)
        process.send_signal(number)  # an impatient user must not stop the cleaning up
        assert process.wait(DEADLINE) == 1, output()
        assert marked_processes(folder) == []
    assert "tasks published" in summary_of(output())
    assert list(folder.iterdir()) == []


def test_the_demo_refuses_a_broker_that_it_does_not_know(folder: Path, output: Callable[[], str]) -> None:
    with demo(folder, "--broker", "carrier-pigeon") as process:
        assert process.wait(30) == 2
    assert "embedded" in output()
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("rabbitmq")
def test_a_broker_that_cannot_start_leaves_nothing_behind(folder: Path) -> None:
    node = RabbitMQNode(folder / "mq", config={"no.such.key": "1"})
    with pytest.raises(ServiceUnavailable, match="RabbitMQ ended"):
        node.start()
    assert marked_processes(folder) == []


@pytest.mark.usefixtures("rabbitmq")
def test_a_broker_that_is_closed_while_it_starts_leaves_nothing_behind(folder: Path) -> None:
    node = RabbitMQNode(folder / "mq")
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(node.start)
        wait_until((folder / "mq" / "log" / "epmd.log").exists, seconds=30, what="epmd is begun")
        node.close()
        with pytest.raises(ServiceUnavailable):
            starting.result()
    assert marked_processes(folder) == []
