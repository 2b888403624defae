"""Child processes that always end with the demo, by their pid only."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import psutil

from autoscaler.errors import ServiceUnavailable

#: Environment variable that marks every process of one service, however it was re-parented.
MARK = "AUTOSCALER_DEMO_FOLDER"

_LOG_TAIL = 2000


def free_port() -> int:
    """A TCP port that nobody listens on at 127.0.0.1.

    It lies below Linux's range for outgoing connections (32768 and up), so that it stays
    free while a service restarts on it.

    Raises
    ------
    ServiceUnavailable : no free port was found in a hundred tries.
    """
    for port in random.sample(range(20000, 32768), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServiceUnavailable("no free TCP port on 127.0.0.1 among 100 between 20000 and 32767")


def wait_until(predicate: Callable[[], bool], *, seconds: float, what: str, interval: float = 0.05) -> None:
    """Poll `predicate` until it is true.

    Parameters
    ----------
    seconds : deadline, counted from now.
    what : what is waited for, for the error.
    interval : seconds between two looks.

    Raises
    ------
    ServiceUnavailable : it was not true in time.
    """
    deadline = time.monotonic() + seconds
    while not predicate():
        if time.monotonic() > deadline:
            raise ServiceUnavailable(f"{what}: not so within {seconds:g} s")
        time.sleep(interval)


class Child:
    """One process of our own, in a session of its own: a terminal's Ctrl-C does not reach it.

    Parameters
    ----------
    command : program and arguments; no shell.
    environment : the whole environment.
    folder : its working directory.
    log : file that its output is appended to.
    """

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
    ) -> None:
        self.command = tuple(command)
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                self.command,
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Id of the process, also after it ended."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._process.poll()

    @property
    def output(self) -> str:
        """The end of what it wrote."""
        return self._log.read_text(errors="replace")[-_LOG_TAIL:] if self._log.exists() else ""

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it has ended."""
        self._process.send_signal(number)

    def freeze(self) -> None:
        """Stop it where it is, until it gets SIGCONT; returns when its last thread stands still.

        Raises
        ------
        ServiceUnavailable : a thread still runs after five seconds.
        """
        self.send(signal.SIGSTOP)
        wait_until(
            lambda: _stands_still(self.pid), seconds=5, what=f"process {self.pid} stops", interval=0.005
        )

    def wait(self, seconds: float) -> bool:
        """Whether it ended within so many seconds."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, grace: float, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, and after `grace` seconds end it."""
        self.send(signal.SIGCONT)
        self.send(number)
        if not self.wait(grace):
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()


def _stands_still(pid: int) -> bool:
    """Whether all threads of a process are stopped, or it has ended; proc(5), the state in `stat`."""
    try:
        threads = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:  # a thread ended meanwhile
        return False
    return all(each.rpartition(")")[2].split()[0] in "TtZX" for each in threads)


def marked_processes(folder: Path) -> list[psutil.Process]:
    """Every live process that was started with our mark for `folder` or one below it, and its descendants."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        for each in _with_descendants(process) if _is_marked(process, folder) else ():
            found[each.pid] = each
    found.pop(os.getpid(), None)
    return list(found.values())


def kill_all(processes: Iterable[psutil.Process], seconds: float = 5.0) -> None:
    """Kill processes by their id and wait until they are gone."""
    doomed = list(processes)
    for process in doomed:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    wait_until(lambda: not any(map(is_alive, doomed)), seconds=seconds, what=f"{len(doomed)} processes end")


def is_alive(process: psutil.Process) -> bool:
    """Whether a process still runs; one that waits for its parent to collect it does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_marked(process: psutil.Process, folder: Path) -> bool:
    try:
        mark = process.environ().get(MARK)
    except psutil.Error:  # ended meanwhile, or somebody else's
        return False
    return mark is not None and Path(mark).is_relative_to(folder)


def _with_descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
