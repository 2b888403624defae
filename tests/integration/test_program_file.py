"""What goes into a program comes out of the process that a real supervisord starts, or is refused."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoscaler.act.program_file import Program, ProgramFile, render
from autoscaler.act.supervisord import Supervisord
from autoscaler.demo.services import SupervisordInstance
from autoscaler.errors import ProgramFileError

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


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
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


def _program(folder: Path, arguments: list[str], variables: dict[str, str], place: str, log: str) -> Program:
    number = next(_numbers)
    return Program(
        name=f"p-{number:02d}",
        command=(sys.executable, str(folder / "probe.py"), *arguments),
        directory=f"{folder}/log/d{place}",
        user=None,
        environment={f"TEST_{key}": value for key, value in variables.items()},
        stop_wait=1.0,
        log_file=f"{folder}/log/{number}{log}.log",
    )


def _accepted(program: Program) -> bool:
    try:
        render(program)
    except ProgramFileError:
        return False
    return True


def _start(shared: SupervisordInstance, programs: list[Program]) -> None:
    """Run these programs, and those of the example before no more."""
    (shared.folder / "probe.py").write_text(PROBE)
    for program in programs:
        Path(str(program.directory)).mkdir(exist_ok=True)
    client = Supervisord(shared.url)
    ProgramFile(shared.programs_file).write({program.name: render(program) for program in programs})
    meant = frozenset(program.name for program in programs)
    assert client.reload().added == meant
    assert client.add_all(meant) == {}
