"""Memory of the host, its cgroups and its processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from autoscaler.model import HostStats, Known, Unknown
from autoscaler.observe.host import boot_id, host_stats, limit_of, process_memory

MIB = 1024 * 1024


def cgroup(folder: Path, limit: str, used: int, cached: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\n")


def in_cgroup(tmp_path: Path, path: str) -> dict[str, Path]:
    """A made /proc and /sys/fs/cgroup in which this process is in `path`."""
    proc = tmp_path / "proc" / "self"
    proc.mkdir(parents=True)
    (proc / "cgroup").write_text(f"1:name=systemd:/x\n0::{path}\n")
    return {"proc": tmp_path / "proc", "cgroups": tmp_path / "cgroup"}


def test_without_cgroups_the_hosts_memory_counts(tmp_path: Path) -> None:
    reading = host_stats(9.0, proc=tmp_path, cgroups=tmp_path)
    assert isinstance(reading, Known)
    assert reading.at == 9.0
    assert reading.value.memory_total == psutil.virtual_memory().total
    assert 0 < reading.value.memory_available <= reading.value.memory_total


def test_this_machine_can_be_read() -> None:
    assert isinstance(host_stats(9.0), Known)


def test_the_tightest_cgroup_around_the_process_counts(tmp_path: Path) -> None:
    places = in_cgroup(tmp_path, "/system.slice/workers")
    cgroup(tmp_path / "cgroup" / "system.slice" / "workers", "max", 3 * MIB)
    cgroup(tmp_path / "cgroup" / "system.slice", str(10 * MIB), 8 * MIB, cached=MIB)
    assert host_stats(9.0, **places) == Known(HostStats(3 * MIB, 10 * MIB), 9.0)


def test_a_container_sees_its_limit_at_the_root(tmp_path: Path) -> None:
    places = in_cgroup(tmp_path, "/")
    cgroup(tmp_path / "cgroup", str(10 * MIB), 11 * MIB)
    assert host_stats(9.0, **places) == Known(HostStats(0, 10 * MIB), 9.0)


def test_a_cgroup_without_limit_has_none(tmp_path: Path) -> None:
    cgroup(tmp_path, "max", 1)
    assert limit_of(tmp_path) is None
    assert limit_of(tmp_path / "missing") is None


def test_nonsense_in_the_kernels_files_is_unknown(tmp_path: Path) -> None:
    places = in_cgroup(tmp_path, "/")
    cgroup(tmp_path / "cgroup", "plenty", 1)
    assert isinstance(host_stats(9.0, **places), Unknown)


def test_a_process_is_measured_with_its_children() -> None:
    child = "x = b'1' * 30_000_000; print(1, flush=True); input()"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        alone = process_memory(os.getpid())
        assert alone
        measured = process_memory(process.pid)
        assert measured
        assert measured > 30_000_000
        process.communicate(b"\n", timeout=10)
    assert process_memory(process.pid) is None


@pytest.mark.parametrize("pid", [-1, 2**22 - 1, 2**70])
def test_a_process_that_is_not_there_has_no_memory(pid: int) -> None:
    assert process_memory(pid) is None


def test_a_zombie_has_no_memory() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert process_memory(process.pid) is None
    process.wait()


def _proc(folder: Path, boot: str | None = "b-1", start: str | None = "7") -> Path:
    """A /proc with a boot id and the start of process 1."""
    if boot is not None:
        (folder / "sys/kernel/random").mkdir(parents=True, exist_ok=True)
        (folder / "sys/kernel/random/boot_id").write_text(f"{boot}\n")
    if start is not None:
        (folder / "1").mkdir(exist_ok=True)
        fields = "S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0"
        (folder / "1/stat").write_text(f"1 (init) (x y) {fields} {start} 1000 2000\n")
    return folder


def test_a_container_that_starts_again_is_another_boot_on_the_same_host(tmp_path: Path) -> None:
    before = boot_id(_proc(tmp_path, start="7"))
    assert boot_id(tmp_path) == before, "the same boot has the same identity"
    assert boot_id(_proc(tmp_path, start="1200")) != before


def test_a_host_that_starts_again_is_another_boot(tmp_path: Path) -> None:
    before = boot_id(_proc(tmp_path, boot="b-1"))
    assert boot_id(_proc(tmp_path, boot="b-2")) != before


def test_the_boot_is_known_where_process_1_is_hidden(tmp_path: Path) -> None:
    assert boot_id(_proc(tmp_path, start=None)) == "b-1"
    (tmp_path / "1").mkdir()
    (tmp_path / "1/stat").write_text("")
    assert boot_id(tmp_path) == "b-1"


def test_without_a_boot_id_the_boot_is_unknown(tmp_path: Path) -> None:
    assert boot_id(_proc(tmp_path, boot=None)) == "", "the tick of process 1 alone is not enough"


def test_this_boot_is_known() -> None:
    assert boot_id() == boot_id() != ""
