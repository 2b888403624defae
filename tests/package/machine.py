"""The bare Debian that a package lives in, as the tests see it."""

from __future__ import annotations

import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "TERM": "dumb",
    "COLUMNS": "110",
    "DEBIAN_FRONTEND": "noninteractive",
}
JOURNAL = "var/lib/shop/journal"
#: Folders whose content is no package's matter.
VOLATILE = (
    "proc",
    "sys",
    "dev",
    "run",
    "tmp",
    "var/log",
    "var/lib/rabbitmq",
    "var/cache",
    "root",
    "var/lib/shop",
)


class Machine:
    """The bare Debian."""

    def __init__(self, root: Path) -> None:
        self.root = root
        #: The command that runs the rest of its arguments in the tree.
        self.enter: list[str] = ["chroot", str(root)]
        #: Tasks sent so far.
        self.published = 0
        #: Every path before the package came.
        self.before: frozenset[str] = frozenset()
        #: The package of the release before, and the new one, in /root.
        self.old = self.new = ""

    def run(self, command: str, *, codes: tuple[int, ...] = (0,)) -> str:
        """Run a shell command, and return all that it prints; any other exit code is a failure."""
        done = subprocess.run(
            [*self.enter, "/bin/bash", "-c", f"cd /root; {command}"],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )
        if done.returncode not in codes:
            raise SystemExit(f"{command}: exit code {done.returncode}\n{done.stdout}\n{self.log()}")
        return done.stdout

    def log(self) -> str:
        """The end of the daemon's log."""
        path = self.root / "var/log/autoscaler/autoscaler.log"
        return "\n".join(path.read_text().splitlines()[-20:]) if path.exists() else ""

    def eventually(self, look: Callable[[], object], what: str, seconds: float = 60) -> None:
        """Look until it is so."""
        end = time.monotonic() + seconds
        while not look():
            if time.monotonic() > end:
                seen = self.run("supervisorctl status; autoscaler status --workers", codes=tuple(range(9)))
                tasks = f"{len(self.done())} of {self.published} tasks done" if self.published else ""
                raise SystemExit(f"not so within {seconds:g} s: {what}\n{tasks}\n{seen}\n{self.log()}")
            time.sleep(0.3)

    # --- what is seen ---

    def workers(self) -> dict[str, str]:
        """Pid by worker, from supervisord, for those that run."""
        lines = self.run("supervisorctl status", codes=(0, 3, 4)).splitlines()
        matches = (re.match(r"(\S+)\s+RUNNING\s+pid (\d+),", line) for line in lines)
        return {match[1]: match[2] for match in matches if match}

    def processes(self) -> set[str]:
        """The command lines of all processes that run in the tree."""
        found = set()
        for path in (self.root / "proc").glob("[0-9]*"):
            try:
                in_tree = (path / "root").resolve() == self.root
                line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:
                continue  # it has just ended
            if in_tree and line:
                found.add(line)
        return found

    def celery(self) -> list[str]:
        """Worker processes."""
        return [line for line in self.processes() if "celery" in line and " worker " in line]

    def files(self) -> frozenset[str]:
        """Every path but those that come and go by themselves."""
        found = set()
        for path in self.root.iterdir():
            if path.name not in VOLATILE and not path.is_symlink() and path.is_dir():
                found |= {str(each.relative_to(self.root)) for each in path.rglob("*")}
        return frozenset(path for path in found if not path.startswith(VOLATILE))

    def waiting(self) -> int:
        """Messages in all queues."""
        table = self.run("rabbitmqctl -q list_queues messages")
        return sum(int(line) for line in table.splitlines() if line.strip().isdigit())

    def done(self) -> Counter[str]:
        """How often each task was done."""
        return self._tasks("done")

    def begun(self) -> Counter[str]:
        """How often each task was begun."""
        return self._tasks("start")

    def _tasks(self, event: str) -> Counter[str]:
        path = self.root / JOURNAL
        lines = path.read_text().splitlines() if path.exists() else []
        return Counter(line.split()[0] for line in lines if line.split()[1] == event)

    def publish(self, queue: str, count: int, seconds: float) -> str:
        """Publish tasks; returns the command."""
        self.published += count
        return f"/usr/lib/autoscaler/bin/python3 publish.py {queue} {count} {seconds:g}"
