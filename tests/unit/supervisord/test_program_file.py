"""Sections read back as they were meant, and the file is trusted only when it is whole and ours."""

from __future__ import annotations

import glob
import os
import resource
import shlex
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from supervisor.options import ServerOptions

from autoscaler.errors import ProgramFileError, Undefinable
from autoscaler.model import ProgramSpec
from autoscaler.supervisord.program_file import ProgramFile, render

PROGRAM = ProgramSpec(
    name="emails-01",
    command=("/usr/bin/celery", "-A", "shop.tasks", "worker"),
    directory=None,
    user=None,
    environment={},
    stop_wait=60.0,
    log_file="/tmp/emails-01.log",
)

NASTY = [
    "",
    " ",
    "a b",
    "'",
    '"',
    "\\",
    "\\'",
    "%",
    "%%",
    "%s",
    "%%s",
    "%(here)s",
    "%%(here)s",
    "%%%(here)s",
    "%(ENV_HOME)s",
    "%(program_name)s",
    "%(host_node_name)s",
    ";",
    "#",
    " ;",
    " #",
    "a ; b # c",
    "\u00a0;",
    "'; user=root",
    "-",
    "--x=y",
    "$HOME",
    "`id`",
    "$(id)",
    "=",
    "a=b",
    ":",
    "[x]",
    "~",
    "*",
    "žluť €",
    "\U0001f40c",
    ",",
    'a"b',
    "a'b",
    "end\\",
]
UNSAFE = ["\n", "\r", "\t", "\0", "\x1b", "\x7f", "\u0085", "\u2028", "\u2029", "\ud800", "\ufffe", "\uffff"]
safe_text = st.one_of(
    st.text(st.characters(exclude_categories=["Cc", "Zl", "Zp", "Cs"], exclude_characters="\ufffe\uffff")),
    st.lists(st.sampled_from(NASTY)).map("".join),
)
any_text = st.one_of(st.text(), safe_text, st.lists(st.sampled_from(NASTY + UNSAFE)).map("".join))
variables = st.dictionaries(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True), any_text, max_size=4
)


def read_by_supervisord(program: ProgramSpec, folder: Path) -> Any:
    """Let supervisord's own code read the section; returns its ProcessConfig."""
    (folder / "ours.conf").write_text(render(program), encoding="utf-8")
    main = folder / "supervisord.conf"
    main.write_text("[supervisord]\n[include]\nfiles=ours.conf\n")
    options = ServerOptions()
    options.configfile, options.here = str(main), str(folder)
    (group,) = options.read_config(str(main)).process_group_configs
    (config,) = group.process_configs
    return config


# --- render ----------------------------------------------------------------------------------------------


@given(arguments=st.lists(safe_text, max_size=5))
@example(arguments=NASTY)
def test_any_safe_argument_reaches_the_program_unchanged(arguments: list[str]) -> None:
    command = ("/bin/x", *arguments)
    with TemporaryDirectory() as folder:
        config = read_by_supervisord(replace(PROGRAM, command=command), Path(folder))
    assert tuple(shlex.split(config.command)) == command


@given(environment=variables, directory=any_text, log=any_text)
def test_a_value_is_read_back_unchanged_or_refused(
    environment: dict[str, str], directory: str, log: str
) -> None:
    with TemporaryDirectory() as folder:
        log_file = f"{folder}/{log.replace('/', '')}"
        program = replace(PROGRAM, environment=environment, directory="/" + directory, log_file=log_file)
        try:
            config = read_by_supervisord(program, Path(folder))
        except Undefinable:
            return
    assert config.environment == environment
    assert config.directory == "/" + directory
    assert config.stdout_logfile == log_file


@pytest.mark.parametrize(
    "value", ["p%40ss#wo;rd", "postgres://u:p%@h/d?a=1&b=2", "%(ENV_X)s", "a'b", 'a"b', "ž\\", ""]
)
def test_an_ordinary_secret_fits_into_the_environment(value: str, tmp_path: Path) -> None:
    program = replace(PROGRAM, environment={"SECRET": value, "Z": "1"})
    assert read_by_supervisord(program, tmp_path).environment == {"SECRET": value, "Z": "1"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "a b"}, "program name 'a b'"),
        ({"name": "a:b"}, "program name"),
        ({"name": "a]\n[x"}, "program name"),
        ({"name": ""}, "program name"),
        ({"name": "-a"}, "program name"),
        ({"command": ()}, "emails-01: command: is empty"),
        ({"command": ("",)}, "command: is empty"),
        ({"command": ("x", "a\nuser=root")}, r"emails-01: command\[1\]: holds the character U\+000A"),
        ({"command": ("x\0",)}, r"command\[0\]: holds the character U\+0000"),
        ({"directory": "/a\u2028b"}, r"directory: holds the character U\+2028"),
        ({"directory": "relative"}, "directory: 'relative' is not an absolute path"),
        ({"directory": "/a "}, "directory: '/a ' ends with white space"),
        ({"directory": "/a ;b"}, "directory: holds ';' or '#' after white space"),
        ({"directory": "/%(here)s"}, r"directory: holds %\(here\)s"),
        ({"log_file": "auto"}, "log_file: 'auto' is not an absolute path"),
        ({"user": "root\nautostart=false"}, "user: "),
        ({"user": "a b"}, "user: 'a b' is no user name"),
        ({"environment": {"A B": "1"}}, "environment: 'A B' is no name"),
        ({"environment": {"A": "'x'"}}, "environment A: starts or ends with a quote"),
        ({"environment": {"A": "x'y\"z"}}, "environment A: holds both kinds of quotes"),
        ({"environment": {"A": "x #y"}}, "environment A: holds ';' or '#' after white space"),
        ({"environment": {"A": "x%(here)s"}}, r"environment A: holds %\(here\)s"),
        ({"environment": {"A": "\x85"}}, r"environment A: holds the character U\+0085"),
        ({"stop_wait": float("inf")}, "stop_wait: inf must be a finite number"),
        ({"stop_wait": -1.0}, "stop_wait: -1.0 must be"),
    ],
)
def test_what_cannot_be_written_safely_is_refused_by_name(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Undefinable, match=words):
        render(replace(PROGRAM, **change))


@pytest.mark.parametrize("char", UNSAFE)
def test_no_field_takes_an_unsafe_character(char: str) -> None:
    for change in (
        {"command": ("x", char)},
        {"directory": f"/{char}x"},
        {"log_file": f"/{char}x"},
        {"environment": {"A": char}},
        {"user": char},
        {"name": char},
    ):
        with pytest.raises(Undefinable):
            render(replace(PROGRAM, **change))


def test_a_refusal_never_shows_the_value_of_a_variable() -> None:
    with pytest.raises(Undefinable) as caught:
        render(replace(PROGRAM, environment={"PASSWORD": "secret ;x"}))
    assert "secret" not in str(caught.value)
    assert "hunter2" not in repr(replace(PROGRAM, environment={"PASSWORD": "hunter2"}))


def test_a_worker_is_stopped_by_a_term_that_does_not_reach_its_children(tmp_path: Path) -> None:
    config = read_by_supervisord(replace(PROGRAM, stop_wait=90.2), tmp_path)
    assert (config.stopsignal, config.stopasgroup, config.killasgroup) == (signal.SIGTERM, False, True)
    assert config.stopwaitsecs == 91
    assert config.redirect_stderr


def test_the_order_of_the_variables_does_not_change_the_section() -> None:
    one, other = {"A": "1", "B": "2"}, {"B": "2", "A": "1"}
    assert render(replace(PROGRAM, environment=one)) == render(replace(PROGRAM, environment=other))


# --- the file ------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> ProgramFile:
    return ProgramFile(tmp_path / "autoscaler.conf")


def sections(*names: str) -> dict[str, str]:
    return {name: render(replace(PROGRAM, name=name)) for name in names}


def test_what_was_written_is_read_back(file: ProgramFile) -> None:
    for names in (["b-02", "a-01"], ["a-01"], []):
        file.write(sections(*names))
        assert file.read() == sections(*names)


@given(arguments=st.lists(safe_text, max_size=3))
def test_no_argument_can_break_the_file(arguments: list[str]) -> None:
    text = {"a-01": render(replace(PROGRAM, name="a-01", command=("x", *arguments))), **sections("b-01")}
    with TemporaryDirectory() as folder:
        file = ProgramFile(Path(folder) / "f.conf")
        file.write(text)
        assert file.read() == text


def test_our_own_marks_as_an_argument_do_not_end_the_file(file: ProgramFile) -> None:
    file.write({})
    marks = tuple(file.path.read_text().splitlines())
    text = {"a-01": render(replace(PROGRAM, name="a-01", command=("x", *marks, "[program:b]")))}
    file.write(text)
    assert file.read() == text


def test_sections_stand_sorted_under_a_header_that_warns(file: ProgramFile) -> None:
    file.write(sections("b-01", "a-02", "a-01"))
    text = file.path.read_text()
    assert "Do not edit" in text.splitlines()[0]
    assert text.index("[program:a-01]") < text.index("[program:a-02]") < text.index("[program:b-01]")


def test_a_section_edited_by_hand_is_kept_word_for_word(file: ProgramFile) -> None:
    file.write(sections("a-01", "b-01"))
    edited = file.path.read_text().replace("startsecs=5", "startsecs = 9 ; by hand", 1)
    file.path.write_text(edited)
    file.write(file.read())
    assert file.path.read_text() == edited


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_missing_or_empty_file_has_no_programs(file: ProgramFile, content: str | None) -> None:
    if content is not None:
        file.path.write_text(content)
    assert file.read() == {}


def test_a_file_cut_off_anywhere_is_noticed(file: ProgramFile) -> None:
    file.write(sections("a-01", "b-01"))
    whole = file.path.read_bytes()
    for length in range(1, len(whole)):
        file.path.write_bytes(whole[:length])
        with pytest.raises(ProgramFileError):
            file.read()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("; Written by autoscaler", "; Mine", "somebody else's file"),
        ("[program:b-01]", "[program:a-01]", r":\d+: \[program:a-01\] stands twice"),
        ("[program:b-01]", "[group:b]", r"'\[group:b\]' is no \[program:NAME\]"),
        ("[program:b-01]", "  [program:b-01]", r"is no \[program:NAME\]"),
        ("[program:b-01]", "[program:b-01] ; x", r"is no \[program:NAME\]"),
        ("[program:b-01]", "[program:b 01]", "is no program name"),
        ("[program:a-01]", "x=1\n[program:a-01]", "stands before the first section"),
        ("autostart=true", "autostart=true\rautorestart=no", r"holds the character U\+000D"),
        ("truncated.\n", "truncated.\n[program:c-01]\n", "holds text after its last line"),
        ("; End", "; Ende", "is truncated"),
    ],
)
def test_a_file_that_is_not_as_we_wrote_it_is_refused(
    file: ProgramFile, old: str, new: str, words: str
) -> None:
    file.write(sections("a-01", "b-01"))
    with file.path.open(newline="") as old_file:
        text = old_file.read()
    file.path.write_text(text.replace(old, new, 1), newline="")
    with pytest.raises(ProgramFileError, match=words) as caught:
        file.read()
    assert str(file.path) in str(caught.value)


def test_a_file_that_cannot_be_read_is_an_error_not_empty(file: ProgramFile) -> None:
    file.path.write_bytes(b"; Written\xff")
    with pytest.raises(ProgramFileError, match="is not UTF-8 at byte 9"):
        file.read()
    file.path.unlink()
    file.path.mkdir()
    with pytest.raises(ProgramFileError, match="cannot be read: Is a directory"):
        file.read()


@pytest.mark.parametrize(
    "text", ["[program:b-01]\nx=1\n", "x=1\n", "[program:a-01]\nx=1\n[program:c]\ny=1\n", ""]
)
def test_sections_that_would_not_read_back_are_not_written(file: ProgramFile, text: str) -> None:
    with pytest.raises(ProgramFileError):
        file.write({"a-01": text})
    assert not file.path.exists()


# --- replacing it -------------------------------------------------------------------------------------------


def test_a_new_file_is_not_readable_by_everybody(file: ProgramFile) -> None:
    file.write({})
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o640


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o660])
def test_the_mode_of_the_file_is_kept(file: ProgramFile, mode: int) -> None:
    file.path.touch()
    file.path.chmod(mode)
    file.write(sections("a-01"))
    assert stat.S_IMODE(file.path.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_the_owner_of_the_file_is_kept(file: ProgramFile) -> None:
    file.path.touch()
    os.chown(file.path, 65534, 65534)
    file.write(sections("a-01"))
    assert (file.path.stat().st_uid, file.path.stat().st_gid) == (65534, 65534)


def test_a_symbolic_link_stays_one(file: ProgramFile, tmp_path: Path) -> None:
    target = tmp_path / "real" / "programs.conf"
    target.parent.mkdir()
    file.path.symlink_to(target)
    file.write(sections("a-01"))
    assert file.path.is_symlink()
    assert ProgramFile(target).read() == sections("a-01")


def test_what_a_crash_left_behind_is_cleaned_up(file: ProgramFile, tmp_path: Path) -> None:
    (tmp_path / ".autoscaler.conf.tmp").write_text("half")
    file.write(sections("a-01"))
    assert list(tmp_path.iterdir()) == [file.path]


@pytest.mark.parametrize("pattern", ["*.conf", "*.ini", "*.cfg", "*conf*", "*"])
def test_no_include_pattern_matches_the_temporary_file(tmp_path: Path, pattern: str) -> None:
    # supervisord includes by glob.glob
    (tmp_path / ".autoscaler.conf.tmp").touch()
    assert glob.glob(f"{tmp_path}/{pattern}") == []  # noqa: PTH207


def test_a_full_disk_leaves_the_old_file(file: ProgramFile, tmp_path: Path) -> None:
    file.write(sections("a-01"))
    with files_of_at_most(100), pytest.raises(ProgramFileError, match="cannot be written: File too large"):
        file.write(sections("a-01", "b-01"))
    assert file.read() == sections("a-01")
    assert list(tmp_path.iterdir()) == [file.path]


def test_a_folder_that_takes_no_file_is_named(tmp_path: Path) -> None:
    file = ProgramFile(tmp_path / "missing" / "f.conf")
    with pytest.raises(ProgramFileError, match=r"missing/f.conf: cannot be written: No such file"):
        file.write({})


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let the kernel refuse longer files, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
