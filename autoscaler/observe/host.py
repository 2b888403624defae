"""The host's free memory, and the memory of a process.

Only cgroup version 2 is looked at: a limit of version 1 is not seen.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from autoscaler.model import HostStats, Known, Reading, Unknown

#: Where the kernel tells of memory and processes.
PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")


def boot_id(proc: Path = PROC) -> str:
    """The identity of this system's boot; empty where the kernel gives none.

    The identity has two parts: the kernel's boot id, and the start of process 1.

    - In a container the boot id may be the host's and outlive the container: a service with
      ProtectKernelTunables sees the host's.
    - Process 1 is the container's own. Its start counts in clock ticks from the host's boot, so that a clock
      that is set does not change it.
    """
    try:
        boot = (proc / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
    return f"{boot} {start}" if (start := _start_of_process_1(proc)) else boot


def _start_of_process_1(proc: Path) -> str:
    """Clock ticks from the host's boot to the start of process 1; empty where /proc hides them.

    Source: starttime in proc_pid_stat(5). The name of the process, in brackets, may hold spaces and brackets.
    """
    with suppress(OSError, IndexError):
        return (proc / "1/stat").read_text().rpartition(")")[2].split()[19]
    return ""


def host_stats(
    now: float, *, cgroup_of: int | None = None, proc: Path = PROC, cgroups: Path = CGROUPS
) -> Reading[HostStats]:
    """Read the memory that new processes can have.

    Parameters
    ----------
    now : the time of the reading.
    cgroup_of : pid of the process whose cgroup the workers will be in (supervisord's); None: our own.

    Returns
    -------
    The host's memory, or that of the tightest cgroup around it where a limit leaves less. Never raises.
    """
    try:
        memory = psutil.virtual_memory()
        limits = [limit for folder in cgroup_folders(cgroup_of, proc, cgroups) if (limit := limit_of(folder))]
    except (OSError, ValueError, psutil.Error) as exc:
        return Unknown(f"host memory: {exc}", now)
    readings = [HostStats(memory_available=memory.available, memory_total=memory.total), *limits]
    return Known(
        HostStats(
            memory_available=min(stats.memory_available for stats in readings),
            memory_total=min(stats.memory_total for stats in readings),
        ),
        now,
    )


def cgroup_folders(pid: int | None, proc: Path, cgroups: Path) -> Iterator[Path]:
    """The folders of the cgroup that a process is in and of all around it; none without version 2."""
    try:
        lines = (proc / ("self" if pid is None else str(pid)) / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        if line.startswith("0::/"):
            inner = cgroups / line.removeprefix("0::/")
            yield from (inner, *(folder for folder in inner.parents if folder.is_relative_to(cgroups)))


def limit_of(cgroup: Path) -> HostStats | None:
    """What the limit of one cgroup leaves; None where it has none.

    Source: memory.max, memory.current and memory.stat in
    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory.

    Raises
    ------
    ValueError : if the kernel's files hold no numbers.
    """
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        used = int((cgroup / "memory.current").read_text())
    except OSError:
        return None
    if limit == "max":
        return None
    left = int(limit) - used + reclaimable(cgroup)
    return HostStats(memory_available=max(left, 0), memory_total=int(limit))


def reclaimable(cgroup: Path) -> int:
    """Bytes of cached files that the kernel gives up before it refuses memory."""
    with suppress(OSError):
        for line in (cgroup / "memory.stat").read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == "inactive_file":
                return int(value)
    return 0


def process_memory(pid: int) -> int | None:
    """Bytes that a process and all its descendants take; None when it is gone.

    Shared pages are divided among those that share them (PSS), because a worker's children share most
    of it. Where that may not be read, the resident size (RSS) counts, which is too much rather than too
    little.
    """
    try:
        parent = psutil.Process(pid)
        tree = [parent, *parent.children(recursive=True)]
    except (psutil.Error, OSError, ValueError, OverflowError):
        return None
    sizes = [_size(process) for process in tree]
    return None if sizes[0] is None else sum(size or 0 for size in sizes)


def _size(process: psutil.Process) -> int | None:
    """Bytes of one process; None when it is gone."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        with suppress(psutil.AccessDenied):
            return int(process.memory_full_info().pss)
        return int(process.memory_info().rss)
    except (psutil.Error, OSError):
        return None


def local_host_name() -> str:
    """This machine's name, as it stands in the workers' node names."""
    return socket.gethostname()
