"""The supervisord.conf that is shipped, with nothing changed but its paths."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from autoscaler.supervisord.client import ReloadDiff, Supervisord

DEPLOY = Path(__file__).parents[2] / "deploy" / "supervisord.conf"


def test_the_shipped_configuration_runs_the_autoscaler_and_the_programs(
    short_folder: Path, eventually
) -> None:
    config = _installed_example(short_folder)
    command = [sys.executable, "-m", "supervisor.supervisord", "-n", "-s", "-c", str(config)]
    daemon = subprocess.Popen(command, cwd=short_folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        client = Supervisord(f"unix://{short_folder}/supervisor.sock")
        eventually((short_folder / "supervisor.sock").exists)
        eventually(lambda: len(client.processes()) == 2)
        assert client.reload() == ReloadDiff()
        ctl = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(config), "status"]
        status = subprocess.run(ctl, capture_output=True, text=True, timeout=30, check=False).stdout
        assert [line.split()[0] for line in status.splitlines()] == ["autoscaler", "emails-01"]
        shown = subprocess.run(
            [*ctl[:-1], "help"], capture_output=True, text=True, timeout=30, check=False
        ).stdout
        assert "autoscale" in shown.split()
        log = short_folder / "log" / "autoscaler.log"
        eventually(lambda: log.exists() and "run --config" in log.read_text())
        assert (short_folder / "supervisor.sock").stat().st_mode & 0o777 == 0o770
    finally:
        daemon.terminate()
        daemon.wait(20)


def _installed_example(folder: Path) -> Path:
    """Write the shipped file with nothing changed but its paths."""
    for name in ("log", "conf.d"):
        (folder / name).mkdir()
    stub = folder / "autoscaler"
    stub.write_text('#!/bin/sh\necho "$@"\nexec sleep 1000\n')
    stub.chmod(0o755)
    text = DEPLOY.read_text()
    for old, new in {
        "/run/": f"{folder}/",
        "/var/log/supervisor": f"{folder}/log",
        "/etc/supervisor/conf.d": f"{folder}/conf.d",
        "/usr/bin/autoscaler": str(stub),
    }.items():
        assert old in text
        text = text.replace(old, new)
    # The plugin is there for whose supervisorctl finds the package.
    for line in (";[ctlplugin:autoscale]", ";supervisor.ctl_factory=", f";socket={folder}"):
        assert f"\n{line}" in text
        text = text.replace(f"\n{line}", f"\n{line[1:]}")
    (folder / "supervisord.conf").write_text(text)
    (folder / "conf.d" / "autoscaler.conf").write_text(
        f"[program:emails-01]\ncommand={shutil.which('sleep')} 1000\n"
    )
    return folder / "supervisord.conf"
