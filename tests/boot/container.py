"""A bare Debian that boots: a container with its own init as process 1."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "package"
sys.path.insert(0, str(PACKAGE))
from machine import Machine  # noqa: E402 - it lies beside the package's life

#: Seconds.
_BOOT = 120.0
_SHUTDOWN = 180.0
#: The exit code of systemd-nspawn when the container has asked for a reboot.
_REBOOT = 133


class Container(Machine):
    """The container.

    Parameters
    ----------
    root : the unpacked tree.
    console : the file for what the init prints.
    """

    def __init__(self, root: Path, console: Path) -> None:
        super().__init__(root)
        self.console = console
        #: How often it has booted.
        self.boots = 0
        self._nspawn: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Start process 1, and wait until its services are started."""
        # The same cgroups for all inits: those of version 1 are no longer read by new ones.
        environment = os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        command = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--private-network"]
        command += ["--machine=shop1", "--console=read-only", "--resolv-conf=off", f"--directory={self.root}"]
        with self.console.open("ab") as console:
            self._nspawn = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )
        end = time.monotonic() + _BOOT
        while not (init := self._init()) or not self._enter(init):
            if self._nspawn.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"it does not boot:\n{self.console.read_text(errors='replace')[-3000:]}")
            time.sleep(0.2)
        self.boots += 1

    def _init(self) -> int:
        """The pid of process 1 as the host sees it; 0 while there is none."""
        assert self._nspawn is not None
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")
        try:
            return int(children.read_text().split()[0])
        except (OSError, IndexError):
            return 0

    def _enter(self, init: int) -> bool:
        """Enter by this process; False while it is not the init yet, or still starts the services."""
        self.enter = ["nsenter", f"--target={init}", "--all", "--root", "--wd"]
        # sysvinit's runlevel is unknown until the scripts of rcS.d have ended.
        script = "systemctl is-system-running --wait || runlevel | grep -q '[2-5]$' && ! pgrep -x rc"
        done = subprocess.run(
            [*self.enter, "/bin/sh", "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        return done.returncode == 0 or done.stdout.strip() in {b"running", b"degraded"}

    def reboot(self) -> None:
        """Ask for a reboot as an operator does, and wait until the system is up again."""
        assert self._nspawn is not None
        self.run("systemctl reboot || shutdown -r now", codes=tuple(range(256)))
        code = self._nspawn.wait(_SHUTDOWN)
        if code != _REBOOT:
            raise SystemExit(
                f"no reboot, but exit code {code}:\n{self.console.read_text(errors='replace')[-3000:]}"
            )
        self.boot()

    def power_off(self) -> None:
        """End everything."""
        if self._nspawn is not None and self._nspawn.poll() is None:
            self._nspawn.send_signal(signal.SIGTERM)
            try:
                self._nspawn.wait(_SHUTDOWN)
            except subprocess.TimeoutExpired:
                self._nspawn.kill()
                self._nspawn.wait()

    def log(self) -> str:
        """What the services wrote last, and the init on its console."""
        journal = "journalctl --no-pager -b -n 60 -u 'autoscaler*' -u supervisor 2>&1"
        command = [
            *self.enter,
            "/bin/sh",
            "-c",
            f"{journal} || tail -n 60 /var/log/autoscaler/autoscaler.log",
        ]
        shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout
        return f"{shown}\n{self.console.read_text(errors='replace')[-1500:]}"

    def celery(self) -> list[str]:
        """Worker processes."""
        lines = self.run("ps -eo args --no-headers").splitlines()
        return [line for line in lines if "celery" in line and " worker " in line]
