"""The quick start, run as it stands: every shell block of the page, in its order, in one folder."""

from __future__ import annotations

import getpass
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from autoscaler.errors import DaemonNotRunning, ServiceUnavailable
from autoscaler.http.client import Client
from autoscaler.http.views import FleetView
from autoscaler.tools.demo.process import MARK, kill_all, marked_processes
from autoscaler.tools.demo.services import RabbitMQNode, SupervisordInstance

PAGE = (Path(__file__).parents[2] / "docs" / "quick-start.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
(PLUGIN,) = re.findall(r"^```ini\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
BIN = Path(sys.executable).parent


class Reader:
    """Somebody who reads the page and types what it says.

    The folder has supervisord's own configuration file in it, where supervisorctl looks first.
    """

    def __init__(self, supervisord: SupervisordInstance, rabbitmq: RabbitMQNode) -> None:
        self.supervisord, self.folder = supervisord, supervisord.folder
        self.blocks = iter(BLOCKS)
        # The one thing that a private service has otherwise than the page: where it listens.
        services = f"--supervisord supervisord.conf --management-url {rabbitmq.management_url}"
        self.elsewhere = {"autoscaler init ": f"autoscaler init {services} "}
        self.environment = {
            **os.environ,
            **supervisord.environment,
            MARK: str(self.folder),
        }

    def types(self, start: str) -> str:
        """Type the next block, which must start so; returns what it prints."""
        block = next(self.blocks)
        assert block.startswith(start), block
        for here, there in self.elsewhere.items():
            block = block.replace(here, there)
        printed = self.folder / "printed"
        with printed.open("w") as output:  # a pipe would be held open by what runs on in the background
            done = subprocess.run(
                ["bash", "-euc", block],
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=90,
                check=False,
            )
        text = printed.read_text()
        assert done.returncode == 0, f"{block}\n{text}"
        return text

    def adds_the_plugin(self) -> None:
        """Put the page's section into supervisord's main file, with the socket of the config."""
        config = yaml.safe_load((self.folder / "autoscaler.yaml").read_text())
        section = PLUGIN.replace("/run/autoscaler/autoscaler.sock", config["console"]["socket"])
        with (self.folder / "supervisord.conf").open("a") as file:
            file.write(f"\n{section}")

    def starts_an_old_section(self) -> int:
        """Start a worker from a section written by hand, as it may have run here for years; its pid."""
        (self.folder / "conf.d" / "old.conf").write_text(
            f"[program:mail]\ncommand={BIN}/celery -A autoscaler.examples.shop worker -Q emails -c 2 "
            f"-n mail@%%h\ndirectory={self.folder}\nuser={getpass.getuser()}\n"
        )
        self.supervisord.call("supervisor.reloadConfig")
        self.supervisord.call("supervisor.addProcessGroup", "mail")
        return int(self.supervisord.call("supervisor.getProcessInfo", "mail")["pid"])

    def sees(self) -> FleetView | None:
        """What the daemon tells of the fleet; None before it does."""
        found = list(self.folder.rglob("*.sock"))
        for path in found:
            try:
                return next(iter(Client(path, timeout=5).fleets().fleets), None)
            except (DaemonNotRunning, ServiceUnavailable):
                continue
        return None

    def has(self, **wanted: int) -> bool:
        fleet = self.sees()
        return fleet is not None and (fleet.workers or {}) == wanted


@pytest.fixture
def reader(private_rabbitmq, short_folder: Path) -> Iterator[Reader]:
    node = private_rabbitmq()
    environment = {"CELERY_BROKER_URL": node.amqp_url, "PATH": f"{BIN}:{os.environ['PATH']}"}
    with SupervisordInstance(short_folder / "sv", environment) as supervisord:
        yield Reader(supervisord, node)
        kill_all(marked_processes(short_folder))


def test_the_page_is_under_ten_commands():
    assert len(BLOCKS) < 10


def test_a_reader_gets_what_the_page_says(reader, eventually):
    said = reader.types("autoscaler init")
    assert "0 error" in said
    reader.types("autoscaler run")
    eventually(lambda: reader.has(running=1), 40, "one worker is there")

    said = reader.types("python -c")
    assert "emails-01" in said
    eventually(lambda: (reader.sees().desired or 0) > 1, 30, "it grows under load")
    assert "waiting" in reader.types("autoscaler explain")

    reader.types("sed -i")
    said = reader.types("autoscaler set")
    assert "max_workers: 3" in said
    fleet = eventually(lambda: (seen := reader.sees()).max_workers == 3 and seen, 20, "the edit is used")
    assert fleet.min_workers == 2
    config = (reader.folder / "autoscaler.yaml").read_text()
    assert "max_wait: 10s" in config
    assert "# a task should start within this time" in config
    eventually(lambda: (reader.sees().workers or {}).get("running", 0) >= 2, 40, "two are there")

    reader.types("supervisorctl stop")
    eventually(lambda: (reader.sees().workers or {}).get("held") == 1, 20, "the stop is respected")

    reader.adds_the_plugin()
    said = reader.types("autoscaler pause")
    assert "trying it out" in said
    assert "emails: released, was paused" in said
    assert "emails: kept at 2 workers until" in said
    eventually(lambda: reader.has(running=2), 40, "it is released")

    pid = reader.starts_an_old_section()
    reader.types("autoscaler init --adopt")
    assert not psutil.pid_exists(pid)
    old = (reader.folder / "conf.d" / "old.conf").read_text()
    assert "[program:mail]" not in re.sub(r"^;.*$", "", old, flags=re.MULTILINE)
    assert list(reader.blocks) == []
