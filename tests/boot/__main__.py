"""Boots a bare Debian with our package in it, and reboots it twice while all workers are busy.

Runs as root in name spaces that scripts/test-boot makes.

    python tests/boot ROOT PACKAGE RECORD       the record: what the system wrote about its boots
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from container import PACKAGE, Container

sys.path.insert(0, str(PACKAGE))
from life import CONFIG, PUBLISH

_FLEETS = ("emails", "orders")
_REBOOTS = 2


def main() -> None:
    """Boot, install, and reboot under load."""
    root, package, record = (Path(argument).resolve() for argument in sys.argv[1:])
    prepare(root, package)
    container = Container(root, root.with_suffix(".console"))
    began = time.monotonic()
    try:
        container.boot()
        say(began, "booted")
        install(container, package.name)
        say(began, "the package is installed, both fleets run")
        for number in range(_REBOOTS):
            reboot_with_busy_workers(container, number + 1)
            say(began, f"back after reboot {number + 1}")
        all_done_once(container)
        say(began, f"all {container.published} tasks are done, each once")
        keep_record(container, record)
    finally:
        container.power_off()


def say(began: float, what: str) -> None:
    """Say what has been done by now."""
    sys.stderr.write(f"{time.monotonic() - began:6.1f} s  {what}\n")


def prepare(root: Path, package: Path) -> None:
    """What the machine's user has done before the first boot."""
    (root / "etc/hosts").write_text("127.0.0.1 localhost shop1\n")
    (root / "etc/hostname").write_text("shop1\n")
    (root / "root/publish.py").write_text(PUBLISH)
    (root / "root" / package.name).write_bytes(package.read_bytes())
    (root / "etc/rabbitmq").mkdir(exist_ok=True)
    (root / "etc/rabbitmq/enabled_plugins").write_text("[rabbitmq_management].\n")
    (root / "var/log/journal").mkdir(exist_ok=True)


def install(container: Container, package: str) -> None:
    """Install the package, let it into supervisord, and give it two fleets."""
    container.run("adduser --system --group --quiet --home /var/lib/shop shop")
    container.run(f"dpkg --install {package}")
    container.run(
        r"sed -i 's/^chmod *=.*/chmod=0770\nchown=root:autoscaler/' /etc/supervisor/supervisord.conf"
    )
    # supervisord's init script of Debian 12 does not start again with `restart`.
    container.run("service supervisor stop; sleep 1; service supervisor start")
    (container.root / "etc/autoscaler/autoscaler.yaml").write_text(CONFIG)
    container.eventually(lambda: len(container.workers()) == len(_FLEETS), "one worker a fleet runs", 120)


def reboot_with_busy_workers(container: Container, number: int) -> None:
    """Give all workers long work, reboot, and see that the fleets come back by themselves."""
    for queue in _FLEETS:
        container.run(container.publish(queue, 100, 2))
    container.eventually(lambda: len(container.workers()) == 6, "both fleets are grown", 60)
    before = len(container.done())
    container.reboot()
    container.eventually(lambda: len(container.workers()) >= len(_FLEETS), "the fleets are back", 120)
    status = container.run("autoscaler status")
    if "stopped" in status:
        raise SystemExit(f"a fleet is held after reboot {number}:\n{status}")
    container.eventually(lambda: len(container.done()) > before, "tasks are done again", 60)


def all_done_once(container: Container) -> None:
    """No task is lost, none was begun twice."""
    container.eventually(lambda: len(container.done()) == container.published, "all is done", 240)
    if twice := [task for task, times in container.done().items() if times > 1]:
        raise SystemExit(f"{len(twice)} of {container.published} tasks are done twice")
    if interrupted := sum(container.begun().values()) - container.published:
        raise SystemExit(f"{interrupted} of {container.published} tasks were interrupted and begun again")


def keep_record(container: Container, record: Path) -> None:
    """Keep what the system wrote about its boots and our services."""
    units = "-u autoscaler -u autoscaler-drain -u supervisor"
    text = container.run(
        f"journalctl --list-boots --no-pager && journalctl --no-pager -o short-precise {units} "
        "|| cat /var/log/autoscaler/autoscaler.log",
    )
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(text)


if __name__ == "__main__":
    main()
