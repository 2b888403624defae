"""The systemd units and the upstart job that are shipped, checked by systemd and by upstart's grammar."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = ("autoscaler.service", "autoscaler-drain.service")


@pytest.fixture
def command(short_folder: Path) -> Path:
    """A stand-in for /usr/bin/autoscaler that notes what it is told; `check` fails if a file says so."""
    path = short_folder / "autoscaler"
    path.write_text(
        f'#!/bin/sh\necho "$*" >>{short_folder}/notes\n[ "$1" != check ] || [ ! -e {short_folder}/wrong ]\n'
    )
    path.chmod(0o755)
    return path


# --- systemd ---


def test_systemd_has_nothing_to_say_of_the_units(
    short_folder: Path, command: Path, need: Callable[[str], None]
) -> None:
    need("systemd-analyze")
    for name in UNITS:
        text = (DEPLOY / "systemd" / name).read_text()
        assert "/usr/bin/autoscaler " in text
        (short_folder / name).write_text(text.replace("/usr/bin/autoscaler", str(command)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(short_folder / name) for name in UNITS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # It ends with 0 on a key that it does not know, so any word counts.
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_at_shutdown_the_workers_are_drained_before_anything_that_they_need_stops() -> None:
    units = {name: _unit(name) for name in UNITS}
    drain = units["autoscaler-drain.service"]
    # What starts after others stops before them.
    after = drain["Unit"]["After"].split()
    assert {"autoscaler.service", "supervisor.service", "rabbitmq-server.service", "network.target"} <= {
        *after
    }
    assert "drain --all" in drain["Service"]["ExecStop"]
    assert drain["Service"]["RemainAfterExit"] == "yes"
    for unit in units.values():
        bound = {"Requires", "BindsTo", "PartOf", "Wants", "Conflicts", "PropagatesStopTo"} & {*unit["Unit"]}
        assert not bound, "stopping one stops nothing else"
        assert unit["Install"]["WantedBy"] == "multi-user.target"
    within = re.search(r"--within (\d+)m", drain["Service"]["ExecStop"])
    timeout = re.fullmatch(r"(\d+)min", drain["Service"]["TimeoutStopSec"])
    assert within is not None
    assert timeout is not None
    assert int(timeout[1]) > int(within[1])


def _unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((DEPLOY / "systemd" / name).read_text())
    return parser


# --- upstart ---

#: What each stanza that we use takes, after upstart's own manual, init(5).
STANZAS = {
    "description": r'"[^"]+"',
    "start on": r"runlevel \[2345\]",
    "stop on": r"starting rc RUNLEVEL=\[016\]",
    "env": r"[A-Z_]+=\S+",
    "respawn": "",
    "respawn limit": r"\d+ \d+",
    "normal exit": r"(\d+|[A-Z]+)( (\d+|[A-Z]+))*",
    "kill timeout": r"\d+",
    "umask": r"0[0-7]{3}|0[0-7]{2}",
    "console": r"log|none|output|owner",
}
SCRIPTS = ("pre-start script", "script", "pre-stop script", "post-start script", "post-stop script")


def _job() -> tuple[list[tuple[str, str]], dict[str, str]]:
    """The job's stanzas with their arguments, and its scripts by name; fails on what upstart has not."""
    stanzas: list[tuple[str, str]] = []
    scripts: dict[str, str] = {}
    lines = iter((DEPLOY / "upstart" / "autoscaler.conf").read_text().splitlines())
    for line in lines:
        if line in SCRIPTS:
            assert line not in scripts, f"{line} stands twice"
            scripts[line] = "\n".join(_body(line, lines)) + "\n"
        elif line.strip() and not line.startswith("#"):
            name = max((name for name in STANZAS if f"{line} ".startswith(f"{name} ")), key=len, default=None)
            assert name, f"no stanza of ours: {line!r}"
            argument = line.removeprefix(name).strip()
            assert re.fullmatch(STANZAS[name], argument), line
            stanzas.append((name, argument))
    return stanzas, scripts


def _body(name: str, lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line.strip() == "end script":
            return
        yield line
    pytest.fail(f"{name} has no end")


def test_the_upstart_job_says_what_it_must_and_nothing_twice() -> None:
    stanzas, scripts = _job()
    names = [name for name, _ in stanzas if name != "env"]
    assert len(names) == len(set(names))
    assert set(STANZAS) == {name for name, _ in stanzas}
    assert ("respawn limit", "5 60") in stanzas
    assert set(scripts) == {"pre-start script", "script", "pre-stop script"}
    assert scripts["script"].strip().splitlines()[-1].split()[0] == "exec", (
        "upstart follows the daemon itself"
    )


@pytest.mark.parametrize("name", ["pre-start script", "script", "pre-stop script"])
def test_the_upstart_scripts_are_shell(name: str) -> None:
    done = subprocess.run(["sh", "-n"], input=_job()[1][name], text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def _run(name: str, folder: Path, command: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script as upstart does: by `sh -e`, with the job's own variables."""
    stanzas, scripts = _job()
    script = scripts[name]
    for old, new in {
        "/etc/default/autoscaler": f"{folder}/default",
        "/run/autoscaler": f"{folder}/run",
    }.items():
        script = script.replace(old, new)
    variables = dict(argument.split("=", 1) for stanza, argument in stanzas if stanza == "env")
    here = {"DAEMON": str(command), "RUN_AS": "root", "CONFIG": "/c.yaml", "PATH": os.environ["PATH"]}
    # `stop` tells upstart to stop the job that runs the script.
    (folder / "stop").write_text(f"#!/bin/sh\necho stopped >>{folder}/notes\n")
    (folder / "stop").chmod(0o755)
    here["PATH"] = f"{folder}:{here['PATH']}"
    return subprocess.run(
        ["sh", "-e", "-c", script],
        env={**variables, **here, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def _notes(folder: Path) -> list[str]:
    path = folder / "notes"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.skipif(os.geteuid() != 0, reason="su asks others than root for a password")
def test_upstart_checks_the_config_before_it_starts(short_folder: Path, command: Path) -> None:
    assert _run("pre-start script", short_folder, command).returncode == 0
    assert _notes(short_folder) == ["check --config /c.yaml"]
    assert (short_folder / "run").is_dir()
    (short_folder / "wrong").touch()
    assert _run("pre-start script", short_folder, command).returncode != 0


def test_upstart_leaves_a_job_alone_whose_program_is_gone(short_folder: Path) -> None:
    assert _run("pre-start script", short_folder, Path("/no/such/autoscaler")).returncode == 0
    assert _notes(short_folder) == ["stopped"]


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("start-stop-daemon") is None,
    reason="start-stop-daemon changes the user",
)
def test_upstart_runs_the_daemon_with_what_the_defaults_say(short_folder: Path, command: Path) -> None:
    (short_folder / "default").write_text("CONFIG=/d.yaml\n")
    assert _run("script", short_folder, command).returncode == 0
    assert _notes(short_folder) == ["run --config /d.yaml"]


@pytest.mark.parametrize(("events", "drains"), [("starting", True), ("", False), ("other", False)])
def test_upstart_drains_only_when_the_machine_goes_down(
    short_folder: Path, command: Path, events: str, drains: bool
) -> None:
    done = _run("pre-stop script", short_folder, command, UPSTART_STOP_EVENTS=events)
    assert done.returncode == 0
    assert _notes(short_folder) == (["drain --all --within 5m --config /c.yaml"] if drains else [])


@pytest.mark.skipif(shutil.which("init-checkconf") is None, reason="upstart is not installed")
def test_upstart_itself_takes_the_job() -> None:
    done = subprocess.run(
        ["init-checkconf", str(DEPLOY / "upstart" / "autoscaler.conf")], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout
