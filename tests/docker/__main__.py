"""Builds the image of deploy/docker in a bare tree, runs it, stops it with busy workers, and starts it again.

    python -m docker build ROOT                 carries out the Dockerfile; needs the network
    python -m docker run ROOT BROKER_ROOT       runs what compose.yaml describes; in name spaces of its own

RabbitMQ runs in another tree, under the host name that compose.yaml gives it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from docker.dockerfile import Instruction, carry_out, read

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/docker"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NETWORK = re.compile(r"(https?_proxy|no_proxy|SSL_CERT_\w+|PIP_(INDEX_URL|CERT))", re.IGNORECASE)
_JOURNAL = "/var/lib/shop/journal"
_PUBLISH = """
import sys
from autoscaler.examples.shop import app, send
with app.connection_for_write() as connection:
    for number in range(int(sys.argv[1])):
        send.apply_async((number, float(sys.argv[2])), queue="emails", connection=connection)
"""


def main() -> None:
    """Build or run."""
    action, root, *rest = sys.argv[1:]
    if action == "build":
        build(Path(root))
    else:
        run(Path(root), Path(rest[0]))


def build(root: Path) -> None:
    """Carry out the Dockerfile in a tree."""
    network = {name: value for name, value in os.environ.items() if _NETWORK.fullmatch(name)}
    instructions = list(read((FOLDER / "Dockerfile").read_text()))
    for name in ("etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path("/") / name, root / name)
    dump = subprocess.run(["apt-config", "dump"], stdout=subprocess.PIPE, text=True, check=True).stdout
    ways = [line for line in dump.splitlines() if re.match(r"Acquire::(https?|Retries)", line)]
    (root / "etc/apt/apt.conf.d/00host").write_text("\n".join(ways) + "\n")
    carry_out(instructions, ROOT, root, {"PATH": _PATH, "DEBIAN_FRONTEND": "noninteractive", **network})


class Shop:
    """The container of the workers."""

    def __init__(self, root: Path, log: Path) -> None:
        self.root = root
        self.log = log
        service = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]["workers"]
        self.environment = {
            "PATH": _PATH,
            # As compose does: the default of a variable, or its value from the user's environment.
            **{
                name: re.sub(
                    r"\$\{\w+(?::-(\w+)|:\?[^}]*)\}", lambda m: m[1] or "0123456789abcdef", str(value)
                )
                for name, value in service["environment"].items()
            },
            "SHOP_JOURNAL": _JOURNAL,
        }
        instructions = list(read((FOLDER / "Dockerfile").read_text()))
        self.start_command: list[str] = json.loads(_last(instructions, "CMD"))
        self.stop_signal = signal.Signals[_last(instructions, "STOPSIGNAL")]
        self.published = 0

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[bytes]]:
        """Start the container: a process 1 of its own; yields the process that waits for it."""
        inside = ["chroot", str(self.root), *self.start_command]
        own = ["unshare", "--pid", "--fork", "--kill-child", f"--mount-proc={self.root}/proc"]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*own, *inside], env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def stop(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        """As `docker stop`: the signal to process 1, then wait."""
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), self.stop_signal)
        process.wait(seconds)

    def run(self, *command: str) -> str:
        """Run a command beside the workers, as `docker exec`."""
        done = subprocess.run(
            ["chroot", str(self.root), *command],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout

    def publish(self, count: int, seconds: float) -> None:
        """Publish tasks."""
        printed = self.run("/opt/autoscaler/bin/python3", "-c", _PUBLISH, str(count), str(seconds))
        if printed:
            raise SystemExit(printed)
        self.published += count

    def workers(self) -> int:
        """How many workers the daemon counts as running."""
        try:
            fleets = json.loads(self.run("autoscaler", "status", "--json"))["fleets"]
        except (ValueError, KeyError):
            return 0
        return int((fleets[0]["workers"] or {}).get("running", 0))

    def tasks(self, event: str) -> Counter[str]:
        """How often each task was begun (`start`) or `done`."""
        path = self.root / _JOURNAL.lstrip("/")
        lines = path.read_text().splitlines() if path.exists() else []
        return Counter(line.split()[0] for line in lines if line.split()[1] == event)


def run(root: Path, broker: Path) -> None:
    """Live the container's life."""
    began = time.monotonic()
    shop = Shop(root, root / "root/console.log")
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    # The processes of these name spaces: this process came with the host's /proc.
    subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=True)
    for tree in (root, broker):
        (tree / "etc/hosts").write_text("127.0.0.1 localhost shop1 rabbitmq workers\n")
    with rabbitmq(broker, services["rabbitmq"]["environment"]):
        say(began, "RabbitMQ is up")
        with shop.started() as container:
            eventually(shop, lambda: shop.workers() == 1, "the first worker runs")
            say(began, "the first worker runs")
            shop.publish(150, 1)
            eventually(shop, lambda: shop.workers() >= 3, "the fleet grows")
            say(began, "the fleet has grown")
            shop.stop(container, 120)
            say(began, f"stopped with busy workers, {sum(shop.tasks('done').values())} tasks are done")
        if shop.tasks("start") != shop.tasks("done"):
            raise SystemExit(f"tasks were interrupted:\n{shop.log.read_text()[-3000:]}")
        with shop.started() as container:
            eventually(
                shop, lambda: len(shop.tasks("done")) == shop.published, "all is done after the restart"
            )
            say(began, "started again: all tasks are done")
            shop.stop(container, 120)
        if set(shop.tasks("start").values()) != {1}:
            raise SystemExit("a task was begun twice")
    demo(shop)
    say(began, "the demo runs in the container")


def demo(shop: Shop) -> None:
    """The demo, where there is no RabbitMQ and no init system."""
    printed = shop.run("autoscaler", "demo", "--help")
    if "--broker" not in printed:
        raise SystemExit(printed)


@contextmanager
def rabbitmq(root: Path, variables: dict[str, Any]) -> Iterator[None]:
    """The service `rabbitmq` of compose.yaml, with its user; the image reads the same variables."""
    (root / "etc/rabbitmq/enabled_plugins").write_text("[rabbitmq_management].\n")
    password = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", variables["RABBITMQ_DEFAULT_PASS"])
    (root / "etc/rabbitmq/rabbitmq.conf").write_text(
        f"default_user = {variables['RABBITMQ_DEFAULT_USER']}\ndefault_pass = {password}\n"
    )
    script = (
        f"mount -t proc proc {root}/proc; mount --rbind /dev {root}/dev; exec chroot {root} rabbitmq-server"
    )
    environment = {"PATH": _PATH, "HOME": "/var/lib/rabbitmq", "RABBITMQ_NODENAME": "rabbit@shop1"}
    with (root / "root/rabbitmq.log").open("wb") as log:
        server = subprocess.Popen(["bash", "-c", script], env=environment, stdout=log, stderr=log)
    try:
        wait = ["chroot", str(root), "rabbitmqctl", "await_startup", "--timeout", "90"]
        end = time.monotonic() + 120
        while subprocess.run(wait, env=environment, capture_output=True, check=False).returncode != 0:
            if server.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"no RabbitMQ:\n{(root / 'root/rabbitmq.log').read_text()[-2000:]}")
            time.sleep(0.5)
        yield
    finally:
        server.terminate()
        server.wait(60)


def eventually(shop: Shop, look: Callable[[], object], what: str, seconds: float = 180) -> None:
    """Look until it is so."""
    end = time.monotonic() + seconds
    while not look():
        if time.monotonic() > end:
            status = shop.run("autoscaler", "status", "--workers")
            raise SystemExit(f"not so within {seconds:g} s: {what}\n{status}\n{shop.log.read_text()[-3000:]}")
        time.sleep(0.5)


def say(began: float, what: str) -> None:
    """Say what has been done by now."""
    sys.stderr.write(f"{time.monotonic() - began:6.1f} s  {what}\n")


def _last(instructions: list[Instruction], word: str) -> str:
    return next(each.argument for each in reversed(instructions) if each.word == word)


if __name__ == "__main__":
    main()
