"""What goes into a program comes out of the process that a real supervisord starts, or is refused."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from autoscaler import config
from autoscaler.errors import ConfigError, Undefinable
from autoscaler.loop.programs import undefinable
from autoscaler.model import ProgramSpec
from autoscaler.model.names import worker_name
from autoscaler.supervisord.client import Supervisord
from autoscaler.supervisord.program_file import ProgramFile, render
from autoscaler.tools.demo.services import SupervisordInstance
from autoscaler.workers.program import worker_program

#: Tells what it was started as, on its standard output: its log file.
PROBE = """
import json, os, sys, time
own = {key: value for key, value in os.environ.items() if key.startswith("TEST_")}
print(json.dumps([sys.argv[1:], own, os.getcwd()]), flush=True)
time.sleep(1000)
"""
PIECES = [
    *("'", '"', "\\", "%", "%%", "%s", "%(here)s", "%%(here)s", "%(ENV_HOME)s", "%(program_name)s"),
    *(";", "#", " ", " ; ", " #", "$HOME", "`id`", "$(id)", "=", ",", ":", "[x]", "~", "-", "--x", "&|<>"),
    *("a", "B", "\u017elu\u0165", "\U0001f40c", "\u00a0;", "\n", "\0", "\u0085", "\u2028"),
]
texts = st.one_of(st.lists(st.sampled_from(PIECES), max_size=5).map("".join), st.text(max_size=10))
names = st.lists(st.sampled_from(PIECES), max_size=4).map(lambda pieces: "".join(pieces).replace("/", ""))
examples = st.tuples(
    st.lists(texts, max_size=4), st.dictionaries(st.sampled_from("ABC"), texts, max_size=2), names, names
)
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def shared() -> Iterator[SupervisordInstance]:
    with (
        TemporaryDirectory(prefix="as-", ignore_cleanup_errors=True) as folder,
        SupervisordInstance(Path(folder)) as instance,
    ):
        yield instance


@settings(max_examples=4, suppress_health_check=list(HealthCheck), derandomize=True)
@given(batch=st.lists(examples, min_size=6, max_size=10))
def test_a_process_is_started_exactly_as_the_program_says(
    shared: SupervisordInstance, eventually: Any, batch: list[Any]
) -> None:
    meant = [program for example in batch if _accepted(program := _program(shared.folder, *example))]
    _start(shared, meant)
    for program in meant:
        log = Path(program.log_file)
        started = json.loads(eventually(lambda log=log: log.exists() and log.read_text(), what=str(program)))
        assert started == [list(program.command[2:]), program.environment, program.directory]


def test_every_nasty_argument_reaches_the_process(shared: SupervisordInstance, eventually: Any) -> None:
    arguments = [
        form for piece in PIECES if piece.isprintable() for form in (piece, f"x{piece}", f" {piece} ")
    ]
    program = _program(shared.folder, arguments, {}, "", "")
    _start(shared, [program])
    log = Path(program.log_file)
    assert json.loads(eventually(lambda: log.exists() and log.read_text()))[0] == arguments


def _program(
    folder: Path, arguments: list[str], variables: dict[str, str], place: str, log: str
) -> ProgramSpec:
    number = next(_numbers)
    return ProgramSpec(
        name=f"p-{number:02d}",
        command=(sys.executable, str(folder / "probe.py"), *arguments),
        directory=f"{folder}/log/d{place}",
        user=None,
        environment={f"TEST_{key}": value for key, value in variables.items()},
        stop_wait=1.0,
        log_file=f"{folder}/log/{number}{log}.log",
    )


def _accepted(program: ProgramSpec) -> bool:
    try:
        render(program)
    except Undefinable:
        return False
    return True


def _start(shared: SupervisordInstance, programs: list[ProgramSpec]) -> None:
    """Run these programs, and those of the example before no more."""
    (shared.folder / "probe.py").write_text(PROBE)
    for program in programs:
        Path(str(program.directory)).mkdir(exist_ok=True)
    client = Supervisord(shared.url)
    ProgramFile(shared.programs_file).write({program.name: render(program) for program in programs})
    meant = frozenset(program.name for program in programs)
    assert client.reload().added == meant
    assert client.add_all(meant) == {}


# --- from the config file to the process ------------------------------------------------------------------

fleets = st.fixed_dictionaries(
    {
        "name": st.one_of(names, st.from_regex(r"[a-z][a-z0-9_.-]{0,8}", fullmatch=True)),
        "app": st.one_of(st.just("shop"), texts),
        "queues": st.lists(texts, min_size=1, max_size=3, unique=True),
        "options": st.lists(texts, max_size=3),
        "environment": st.dictionaries(st.one_of(st.just("TEST_A"), names), texts, max_size=2),
    }
)


@settings(
    max_examples=3,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.generate],
)
@given(batch=st.lists(fleets, min_size=20, max_size=30))
def test_what_the_config_says_is_what_the_kernel_shows_or_is_refused_by_check(
    shared: SupervisordInstance, eventually: Any, batch: list[dict[str, Any]]
) -> None:
    command = shared.folder / "celery"
    command.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(1000)\n")
    command.chmod(0o755)
    usable = [_checked(shared.folder, fleet, str(command)) for fleet in [*batch, PLAIN]]
    meant = {program.name: program for program in usable if program is not None}
    assert meant
    _start(shared, list(meant.values()))
    for name, program in meant.items():
        pid = eventually(lambda name=name: shared.call("supervisor.getProcessInfo", name)["pid"], what=name)
        wanted = [sys.executable, *program.command]
        eventually(lambda pid=pid, wanted=wanted: _words(pid, "cmdline") == wanted, what=f"{wanted}")
        variables = dict(word.split("=", 1) for word in _words(pid, "environ"))
        assert {key: variables.get(key) for key in program.environment} == program.environment


#: One that is always fit.
PLAIN = {"name": "plain", "app": "shop", "queues": ["a b;c #d %s"], "options": ["--x=;"], "environment": {}}


def _checked(folder: Path, fleet: dict[str, Any], command: str) -> ProgramSpec | None:
    """The program of a fleet's first worker; None if `check` refuses its config."""
    keys = {**fleet, "celery": command, "concurrency": 1, "min_workers": 1, "max_workers": 1}
    name = f"{keys.pop('name')}{next(_numbers)}"  # the one supervisord has them all
    path = folder / "autoscaler.yaml"
    data = {"broker": {"url": "amqp://h//"}, "state_dir": str(folder), "fleets": {name: keys}}
    path.write_bytes(yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "surrogatepass"))
    try:
        used = config.load(path, {})
    except ConfigError:
        return None
    if [*undefinable(used, "host")]:
        return None
    return replace(
        worker_program(used, used.fleets[name], worker_name(name, 1), "host"), directory=str(folder)
    )


def _words(pid: int, what: str) -> list[str]:
    """The arguments or the environment of a process, as the kernel has them."""
    return [os.fsdecode(word) for word in Path(f"/proc/{pid}/{what}").read_bytes().split(b"\0")[:-1]]
