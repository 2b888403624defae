"""Faults of supervisord, the workers, the daemon, its files and its config; and the operator's hand."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from autoscaler.tools.demo.process import wait_until
from chaos.faults import Blow, descendants, fault

# --- supervisord ------------------------------------------------------------------------------------------


@fault("supervisord restarted, workers with it", returns=True)
def supervisord_restarted(blow: Blow) -> None:
    blow.system.supervisord.restart(grace=60)


@fault("supervisord frozen", weight=2)
def supervisord_paused(blow: Blow) -> None:
    blow.system.supervisord.pause()
    blow.last(2, 10)
    blow.system.supervisord.resume()


@fault("supervisord killed: its workers are orphans", orphans=True, returns=True)
def supervisord_killed(blow: Blow) -> None:
    blow.system.supervisord.kill()
    blow.last(0, 3)
    blow.system.supervisord.start()


# --- workers ----------------------------------------------------------------------------------------------


@fault("worker killed, its children left", weight=2)
def worker_killed(blow: Blow) -> None:
    _, pid = blow.some_worker()
    # They finish what they run, but nobody acknowledges it any more: note them as killed.
    blow.killed |= set(descendants(pid))
    blow.kill(pid)


@fault("a worker's child killed", weight=2)
def child_killed(blow: Blow) -> None:
    _, pid = blow.some_worker()
    children = descendants(pid)
    blow.kill(blow.random.choice(children) if children else pid)


@fault("worker frozen", weight=2)
def worker_hung(blow: Blow) -> None:
    _, pid = blow.some_worker()
    with contextlib.suppress(ProcessLookupError):  # it may be on its way out
        os.kill(pid, signal.SIGSTOP)
        blow.last(2, 8)
        os.kill(pid, signal.SIGCONT)


def _flagged(blow: Blow, flag: str) -> None:
    """Kill a worker while a flag keeps its fleet's new processes from coming up."""
    name, pid = blow.some_worker()
    path = blow.system.folder / flag
    path.write_text(name.rpartition("-")[0])
    blow.killed |= set(descendants(pid))
    blow.kill(pid)
    blow.last(4, 9)
    path.unlink()


@fault("a fleet's workers crash at start")
def worker_crash_loop(blow: Blow) -> None:
    _flagged(blow, "crash")


@fault("a fleet's workers never get ready")
def worker_never_ready(blow: Blow) -> None:
    _flagged(blow, "never-ready")


# --- the daemon -------------------------------------------------------------------------------------------


@fault("daemon killed", restarts_daemon=True, weight=4)
def daemon_killed(blow: Blow) -> None:
    blow.last(0, 1)
    blow.system.daemon.kill()
    blow.last(0, 2)
    blow.system.start_daemon()


@fault("daemon stopped and started", restarts_daemon=True)
def daemon_restarted(blow: Blow) -> None:
    blow.system.daemon.stop(20)
    blow.last(0, 2)
    blow.system.start_daemon()


@fault("daemon frozen", weight=2)
def daemon_paused(blow: Blow) -> None:
    blow.system.daemon.send(signal.SIGSTOP)
    blow.last(2, 8)
    blow.system.daemon.send(signal.SIGCONT)


@fault("a second daemon started")
def daemon_twice(blow: Blow) -> None:
    second = blow.system.start_daemon(log="second.log")
    try:
        wait_until(lambda: second.exit_code is not None, seconds=60, what="the second daemon ends")
    finally:
        second.stop(1)
    if second.exit_code == 0:
        raise AssertionError("the second daemon was let in")


# --- files ------------------------------------------------------------------------------------------------


def _full(blow: Blow, folder: str) -> None:
    filler = blow.system.folder / folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 65536):
                pass
        except OSError:
            pass
    blow.last(2, 6)
    filler.unlink()


def _read_only(blow: Blow, folder: str) -> None:
    blow.system.remount(folder, "ro")
    blow.last(2, 6)
    blow.system.remount(folder, "rw")


@fault("disk full under the state", mounts=True)
def state_full(blow: Blow) -> None:
    _full(blow, "state")


@fault("disk full under the programs file", mounts=True)
def programs_full(blow: Blow) -> None:
    _full(blow, "sv/conf.d")


@fault("programs file on a read-only disk", mounts=True)
def programs_read_only(blow: Blow) -> None:
    _read_only(blow, "sv/conf.d")


@fault("disk full under the workers' logs", mounts=True)
def logs_full(blow: Blow) -> None:
    _full(blow, "log")


@fault("database overwritten under the daemon")
def database_corrupt(blow: Blow) -> None:
    _overwrite(blow)


@fault("daemon killed, database overwritten", restarts_daemon=True)
def database_corrupt_at_start(blow: Blow) -> None:
    blow.system.daemon.kill()
    _overwrite(blow)
    blow.system.start_daemon()


def _overwrite(blow: Blow) -> None:
    for path in (blow.system.folder / "state").glob("autoscaler.db*"):
        with path.open("r+b") as file:
            file.seek(blow.random.choice((0, 100, 4096)))
            file.write(blow.random.randbytes(4096))


# --- the config -------------------------------------------------------------------------------------------


@fault("config made wrong, and right again", weight=2)
def config_wrong(blow: Blow) -> None:
    text = blow.system.config_text()
    wrong = blow.random.choice(
        (
            text.replace("min_workers: 1", "min_workers: 9"),
            text.replace("fleets:", "fleet:"),
            text[: len(text) // 2],
            "{" + text,
            "",
            "\0",
        )
    )
    blow.system.write_config(wrong)
    blow.last(1, 4)
    blow.system.write_config()


@fault("config edited by two at once", weight=2)
def config_edited_by_two(blow: Blow) -> None:
    text = blow.system.config_text()

    def edit(name: str) -> None:
        for number in range(20):
            blow.system.write_config(f"{text}# {name} {number}\n", name)

    editors = [threading.Thread(target=edit, args=(name,)) for name in ("one", "two")]
    for editor in editors:
        editor.start()
    for editor in editors:
        editor.join()


@fault("a worker setting changed: every worker is replaced")
def config_rolls(blow: Blow) -> None:
    levels = ["--loglevel=INFO", "--loglevel=WARNING", "--loglevel=ERROR"]
    levels = [level for level in levels if [level] != blow.system.fleet_changes.get("options")]
    blow.system.fleet_changes["options"] = [blow.random.choice(levels)]
    blow.system.write_config()


@fault("memory short on the host", weight=2)
def memory_short(blow: Blow) -> None:
    blow.system.changes["host"] = {"reserve_memory": "999GiB"}
    blow.system.write_config()
    blow.last(2, 6)
    del blow.system.changes["host"]
    blow.system.write_config()


# --- the operator's hand ----------------------------------------------------------------------------------


def _supervisorctl(blow: Blow, *words: str) -> None:
    supervisorctl = Path(sys.executable).parent / "supervisorctl"
    command = [supervisorctl, "-s", blow.system.supervisord.url, *words]
    subprocess.run(command, check=False, capture_output=True, timeout=90)


@fault("supervisorctl stop, then start", returns=True)
def operator_stops(blow: Blow) -> None:
    name, _ = blow.some_worker()
    _supervisorctl(blow, "stop", name)
    blow.last(1, 4)
    _supervisorctl(blow, "start", name)


@fault("supervisorctl restart", returns=True)
def operator_restarts(blow: Blow) -> None:
    name, _ = blow.some_worker()
    _supervisorctl(blow, "restart", name)


@fault("supervisorctl reread and update")
def operator_updates(blow: Blow) -> None:
    _supervisorctl(blow, "reread")
    _supervisorctl(blow, "update")


@fault("celery control shutdown", returns=True)
def operator_shuts_down(blow: Blow) -> None:
    name, _ = blow.some_worker()
    blow.system.control("shutdown", name)
    blow.last(1, 3)


@fault("celery control pool_grow, then pool_shrink")
def operator_grows_pool(blow: Blow) -> None:
    name, _ = blow.some_worker()
    blow.system.control("pool_grow", name)
    blow.last(1, 4)
    blow.system.control("pool_shrink", name)
