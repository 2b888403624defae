"""Lives a package's life in a bare Debian, checks every step, and writes the installation guide from it.

Runs as root in the name spaces that enter.sh makes. The guide is what really happened, but for times, process
ids and the like, which are written as placeholders.

    life.py ROOT [GUIDE] [--write]      without a guide each step is checked, and nothing is compared
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from guide import Guide
from machine import Machine

#: What the machine ran before the package came, and after it went.
SERVICES = ("rabbitmq-server", "supervisor")

CONFIG = """\
broker:
  url: amqp://guest:guest@localhost:5672//
supervisord:
  url: unix:///run/supervisor.sock
  programs_file: /etc/supervisor/conf.d/autoscaler.conf
defaults:
  app: autoscaler.examples.shop
  celery: /usr/lib/autoscaler/bin/celery
  directory: /var/lib/shop
  user: shop
  environment: {SHOP_JOURNAL: /var/lib/shop/journal}
  concurrency: 2
  min_workers: 1
  max_workers: 3
  scale: {backlog_per_worker: 10}
  stabilization: 2s
host:
  reserve_memory: 64MiB
fleets:
  emails: {queues: [emails]}
  orders: {queues: [orders]}
"""

PUBLISH = """\
import sys
from autoscaler.examples.shop import send
queue, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
# Closed in order: what a publisher that just ends has sent last may get lost in the broker.
with send.app.connection_for_write() as connection:
    for number in range(count):
        send.apply_async((number, seconds), queue=queue, connection=connection)
"""


def main() -> None:
    """Live the life."""
    root, paths = Path(sys.argv[1]).resolve(), [Path(each) for each in sys.argv[2:] if each != "--write"]
    machine = Machine(root)
    guide = Guide(machine.run)
    for chapter in (prepare, install, grant, configure, scale, upgrade, downgrade, shut_down, boot, remove):
        began = time.monotonic()
        chapter(machine, guide)
        sys.stderr.write(f"{time.monotonic() - began:6.1f} s  {chapter.__name__}\n")
    for path in paths:
        guide.settle(path, "--write" in sys.argv[2:])


def prepare(machine: Machine, guide: Guide) -> None:
    """What a user of autoscaler has: a broker, supervisord, an app and its user."""
    machine.run("rabbitmq-plugins enable --offline rabbitmq_management")
    machine.run("adduser --system --group --quiet --home /var/lib/shop shop")
    (machine.root / "root/publish.py").write_text(PUBLISH)
    machine.before = machine.files()
    guide.text(
        """
        # Installation

        On Debian 12, from the package to its removal. This page is a transcript: `scripts/test-package` does
        all of it in a bare Debian 12, checks each step, and fails where this page says anything else. Times
        and process ids stand as `…`.

        The machine has `supervisor` and `rabbitmq-server` from Debian. Here both are still down, as after a
        boot in which they come up late. For other machines see [service.md](service.md).

        ## Install

        Build the package from the source tree, with `scripts/build-deb`; it goes to `dist/`. It brings its
        own Python environment, so nothing is downloaded when it is installed.
        """
    )


def install(machine: Machine, guide: Guide) -> None:
    """Install the package of the release before; check it with lintian first."""
    new = machine.run("ls autoscaler_*_*.deb | grep -v rc").strip()
    machine.run(f"lintian --allow-root --fail-on error {new}")
    old = machine.run("ls autoscaler_*_*.deb | grep rc").strip()
    machine.old, machine.new = old, new
    guide.shell(f"dpkg --install {old}")
    guide.shell("service autoscaler status")
    guide.text("It runs already and says what it waits for; it has no fleet yet.")
    machine.eventually(lambda: "cannot see supervisord" in machine.log(), "it says what it waits for")
    guide.shell("autoscaler check")
    guide.shell("tail -n 1 /var/log/autoscaler/autoscaler.log")


def grant(machine: Machine, guide: Guide) -> None:
    """Let the daemon open supervisord's socket; start what it waits for."""
    guide.text(
        """
        ## Let it in

        It runs as its own user, `autoscaler`, and writes its programs into a folder of its own, to which a
        link in `/etc/supervisor/conf.d` leads. What is missing is supervisord's socket, which is root's: who
        may write to it can run any command as root, so this is yours to grant. supervisord is down here, so
        its configuration is all that has to change.
        """
    )
    guide.shell(r"sed -i 's/^chmod *=.*/chmod=0770\nchown=root:autoscaler/' /etc/supervisor/supervisord.conf")
    guide.shell("grep -A 3 unix_http_server /etc/supervisor/supervisord.conf")
    guide.text("supervisord and the broker come up; nobody needs to tell the autoscaler.")
    guide.shell("service supervisor start")
    machine.run("service rabbitmq-server start >/dev/null 2>&1")
    guide.shell("service rabbitmq-server start", shown="")
    machine.eventually(lambda: "can see supervisord again" in machine.log(), "supervisord is seen")


def configure(machine: Machine, guide: Guide) -> None:
    """Two fleets of the example app."""
    (machine.root / "etc/autoscaler/autoscaler.yaml").write_text(CONFIG)
    machine.eventually(lambda: len(machine.workers()) == 2, "one worker a fleet runs")
    machine.eventually(lambda: _settled(machine), "all run")
    machine.eventually(lambda: "!" not in machine.run("autoscaler status"), "all is seen")
    if not _page(machine).startswith("<!doctype html>"):
        raise SystemExit(f"the dashboard is not in the package: {_page(machine)}")
    guide.text("## Configure\n\nTwo fleets of the app in `examples/`, in `/etc/autoscaler/autoscaler.yaml`:")
    guide.block("yaml", CONFIG)
    guide.shell("autoscaler check")
    guide.text("The file is read by itself when it changes.")
    guide.shell("autoscaler status")
    guide.shell("supervisorctl status")


def _page(machine: Machine) -> str:
    """What the daemon answers a browser."""
    ask = (
        "from autoscaler.net.unix_http import UnixHTTPConnection; "
        "page = UnixHTTPConnection('/run/autoscaler/autoscaler.sock', 5); "
        "page.request('GET', '/'); print(page.getresponse().read().decode())"
    )
    return machine.run(f'/usr/lib/autoscaler/bin/python3 -c "{ask}"')


def scale(machine: Machine, guide: Guide) -> None:
    """Up under load, down after it."""
    first = machine.workers()
    guide.text("## Watch it scale\n\n200 tasks of half a second:")
    guide.shell(machine.publish("emails", 200, 0.5))
    machine.eventually(lambda: len(machine.workers()) == 4, "the fleet has grown", 30)
    machine.eventually(lambda: _settled(machine), "all run")
    guide.shell("supervisorctl status")
    guide.text("When the work is done, the workers that are not needed leave, idle ones first.")
    machine.eventually(lambda: len(machine.done()) == machine.published, "all tasks are done")
    machine.eventually(
        lambda: machine.workers() == first and _settled(machine), "it has shrunk, its first workers live on"
    )
    guide.shell("supervisorctl status")
    _all_once(machine)


def upgrade(machine: Machine, guide: Guide) -> None:
    """Upgrade while all workers are busy: not one of them is restarted."""
    for queue in ("emails", "orders"):
        machine.run(machine.publish(queue, 120, 2))
    machine.eventually(lambda: len(machine.workers()) == 6, "both fleets have grown", 30)
    before = machine.workers()
    guide.text("## Upgrade\n\nAll workers are busy.")
    guide.shell("supervisorctl status")
    guide.shell(f"dpkg --install {machine.new}")
    guide.shell("service autoscaler status")
    after = machine.workers()
    if before != after:
        raise SystemExit(f"the upgrade restarted workers: {before} became {after}")
    guide.text(
        "No worker was restarted: every process id is what it was. The daemon goes on where it stopped."
    )
    guide.shell("autoscaler --version")


def downgrade(machine: Machine, guide: Guide) -> None:
    """A state that a later release wrote is refused before anything changes."""
    database = "/var/lib/autoscaler/autoscaler.db"
    python = "/usr/lib/autoscaler/bin/python3"
    script = (
        "import sqlite3, sys; database = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "print(database.execute('PRAGMA user_version' + ''.join(sys.argv[2:])).fetchone())"
    )
    pragma = f'{python} -c "{script}" {database}'
    before = machine.run("service autoscaler status")
    version = machine.run(pragma).strip("(,)\n")
    machine.run(f"{pragma} =99")
    guide.text(
        "A release that could not read what a later one has remembered is refused, and nothing changes:"
    )
    guide.shell(f"dpkg --install {machine.old}", codes=(1,))
    machine.run(f"{pragma} ={version}")
    if "install ok installed" not in machine.run("dpkg --status autoscaler"):
        raise SystemExit("the refused downgrade left the package half installed")
    if machine.run("service autoscaler status") != before:
        raise SystemExit("the refused downgrade restarted the daemon")


def shut_down(machine: Machine, guide: Guide) -> None:
    """Stop the services in the order of runlevel 0: the workers are drained before supervisord goes."""
    order = machine.run("ls /etc/rc0.d").split()
    ours = [name for name in order if name[3:] in ("autoscaler", *SERVICES)]
    if ours[0][3:] != "autoscaler" or ours[0][:3] == ours[1][:3]:
        raise SystemExit(f"autoscaler does not stop first: {ours}")
    for queue in ("emails", "orders"):
        machine.run(machine.publish(queue, 150, 2))
    machine.eventually(lambda: len(machine.workers()) == 6, "both fleets are grown", 30)
    busy = machine.workers()
    guide.text(
        """
        ## Stop

        Stopping the service leaves the workers running:
        """
    )
    guide.shell("service autoscaler stop")
    if machine.workers() != busy:
        raise SystemExit("stopping the service changed the workers")
    guide.shell("supervisorctl status")
    guide.shell("service autoscaler start")
    machine.eventually(lambda: "RUNNING" in machine.run("supervisorctl status", codes=(0, 3)), "it runs")
    guide.text(
        """
        When the machine goes down, all workers of all fleets are drained at once, before supervisord stops:
        they take no more tasks and finish those that they have. This is what runlevel 0 does, with all six
        workers busy:
        """
    )
    printed = guide.shell(f"RUNLEVEL=0 /etc/rc0.d/{ours[0]} stop")
    if left := machine.celery():
        raise SystemExit(f"workers outlived the drain: {left}\n{printed}\n{machine.log()}")
    waiting = 0
    for name in ours[1:]:
        if name[3:] == "rabbitmq-server":
            waiting = machine.waiting()
        guide.shell(f"RUNLEVEL=0 /etc/rc0.d/{name} stop", shown="" if "rabbit" in name else None)
    done = sum(machine.done().values())
    if not waiting or done + waiting != machine.published:
        raise SystemExit(f"{done} done and {waiting} waiting of {machine.published}")
    guide.text("Every task is either done or still in its queue.")


def boot(machine: Machine, guide: Guide) -> None:
    """Start the services as runlevel 2 does: the fleets come back and finish what is there."""
    fake = machine.root / "run/boot_id"
    fake.write_text("11111111-2222-3333-4444-555555555555\n")
    subprocess.run(
        ["mount", "--bind", str(fake), str(machine.root / "proc/sys/kernel/random/boot_id")], check=True
    )
    guide.text("At the next boot the fleets come back by themselves and go on.")
    order = [name for name in machine.run("ls /etc/rc2.d").split() if name[3:] in ("autoscaler", *SERVICES)]
    for name in order:
        guide.shell(f"/etc/rc2.d/{name} start >/dev/null", shown=f"/etc/rc2.d/{name} start")
    machine.eventually(lambda: len(machine.workers()) >= 2, "the fleets are back")
    machine.eventually(lambda: len(machine.done()) == machine.published, "all is done", 120)
    _all_once(machine)
    guide.text("All tasks that were ever sent have run exactly once.")


def remove(machine: Machine, guide: Guide) -> None:
    """Remove and purge: not a file and not a process stays."""
    guide.text(
        """
        ## Remove

        Removal drains the workers first, since nobody looks after them any more, and keeps the config and
        what was remembered. `purge` deletes those as well.
        """
    )
    printed = guide.shell("dpkg --remove autoscaler")
    if left := machine.celery():
        raise SystemExit(f"workers outlived the removal: {left}\n{printed}\n{machine.log()}")
    guide.shell("ls /etc/autoscaler /var/lib/autoscaler")
    guide.text(
        """
        Take back what you have granted before the purge: supervisord does not start where its configuration
        names a group that is gone. (Where it still names it, the purge keeps user and group, and says so.)
        """
    )
    guide.shell(
        "sed -i 's/^chmod=0770/chmod=0700/; /^chown=root:autoscaler$/d' /etc/supervisor/supervisord.conf"
    )
    guide.shell("dpkg --purge autoscaler")
    guide.shell("supervisorctl reread")
    if left := [line for line in machine.processes() if "autoscaler" in line]:
        raise SystemExit(f"processes are left: {left}")
    left = {
        path for path in machine.files() - machine.before if not path.startswith(("var/lib/dpkg", "etc/rc"))
    }
    left = {path for path in left if "supervisor" not in path and "rabbitmq" not in path}
    if left:
        raise SystemExit(f"files are left: {sorted(left)}")
    if "autoscaler" in (machine.root / "etc/passwd").read_text() + (machine.root / "etc/group").read_text():
        raise SystemExit("the user or group is left")
    guide.text("Not a file and not a process is left.")


def _settled(machine: Machine) -> bool:
    """Whether supervisord calls every program running."""
    lines = machine.run("supervisorctl status", codes=(0, 3)).splitlines()
    return bool(lines) and all(" RUNNING " in line for line in lines)


def _all_once(machine: Machine) -> None:
    done = machine.done()
    twice = [task for task, times in done.items() if times > 1]
    if twice or len(done) != machine.published:
        raise SystemExit(f"{machine.published} tasks published, {len(done)} done, {len(twice)} of them twice")


if __name__ == "__main__":
    main()
