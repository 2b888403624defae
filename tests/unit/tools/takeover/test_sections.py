"""supervisord's files: read as supervisord reads them, commented out and back without a trace."""

from __future__ import annotations

import configparser
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from supervisor.options import UnhosedConfigParser

from autoscaler.errors import TakeoverError
from autoscaler.tools.takeover.ini import commented_in, commented_out, sections, taken_names
from autoscaler.tools.takeover.programs import environment_of, old_programs

line = st.sampled_from(
    [
        "",
        "; a comment",
        "# another",
        "command=celery worker",
        "  more",
        "numprocs = 2 ; two",
        "user: shop",
        "[x",
        "; pages\x0cand\u2028lines\x85that end nowhere",
    ]
)
block = st.builds(
    lambda name, lines: "\n".join([f"[program:{name}]", *lines]),
    st.sampled_from(["a", "b", "c-1"]),
    st.lists(line, max_size=5),
)
files = st.builds(
    lambda blocks, end, last: "\n".join(blocks).replace("\n", end) + (end if last else ""),
    st.lists(block, max_size=4),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)


@given(files, st.sets(st.sampled_from(["program:a", "program:b", "program:c-1"])))
def test_what_is_commented_out_is_gone_and_comes_back_as_it_was(text, names):
    out = commented_out(text, names, "2024-05-01", "undo")

    assert commented_in(out) == text
    assert taken_names(out) == {name for name in names if f"[{name}]" in text}
    try:
        before = sections(Path("f"), text)
    except TakeoverError:
        return
    kept = {each.name: each.settings for each in before if each.name not in names}
    assert {each.name: each.settings for each in sections(Path("f"), out)} == kept


def test_edits_made_since_then_stay():
    out = commented_out(
        "[program:a]\ncommand=x\n\n; about b\n[program:b]\ncommand=y\n", {"program:a"}, "d", "u"
    )

    assert commented_in(out.replace("command=y", "command=z")) == (
        "[program:a]\ncommand=x\n\n; about b\n[program:b]\ncommand=z\n"
    )
    assert "\n; about b\n" in out


@given(files)
def test_a_file_is_read_as_supervisord_reads_it(text):
    theirs = UnhosedConfigParser()
    try:
        theirs.read_file(io.StringIO(text))
        ours = {each.name: dict(each.settings) for each in sections(Path("f"), text)}
    except (TakeoverError, configparser.Error):
        return
    assert ours == {name: dict(theirs.items(name)) for name in theirs.sections()}


def test_programs_are_expanded_as_supervisord_expands_them():
    text = (
        "[group:g]\nprograms=w\n[program:w]\nprocess_name=%(program_name)s-%(process_num)02d\nnumprocs=2\n"
        'numprocs_start=1\ndirectory=%(here)s/x\nenvironment=A="%(ENV_HOME)s,b",N=%(process_num)s\n'
        "command=celery -A %(ENV_A)s worker -n %(group_name)s%(process_num)s@%%h\nstopsignal=SIGQUIT\n"
    )

    (program,), problems = old_programs(sections(Path("/etc/f.conf"), text), {"HOME": "/h"})

    assert problems == ()
    assert [process.name for process in program.processes] == ["g:w-01", "g:w-02"]
    assert program.processes[0].words == ("celery", "-A", "/h,b", "worker", "-n", "g1@%h")
    assert program.processes[1].environment == {"A": "/h,b", "N": "2"}
    assert (program.directory, program.stop_signal) == ("/etc/x", "QUIT")
    assert len(program.dangers) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[program:a]\ncommand=%(ENV_SECRET)s hush\n", "command needs 'ENV_SECRET', which cannot be seen"),
        ("[program:a]\ncommand=100% hush\n", "command is badly formatted"),
        ("[program:a]\ncommand='hush\n", "a quote is not closed"),
        ("[program:a]\nuser=x\n", "has no command"),
        ("[program:a]\ncommand=x\nenvironment=hush\n", "environment is no KEY=value"),
        ("[program:a]\ncommand=x\nnumprocs=many\n", "invalid literal"),
    ],
)
def test_a_section_that_cannot_be_read_is_told_without_its_text(text, told):
    programs, problems = old_programs(sections(Path("f"), text), {})

    assert programs == ()
    assert told in problems[0]
    assert "hush" not in problems[0]


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z_]{1,5}", fullmatch=True), st.from_regex(r"[a-z ,%=/]{1,8}", fullmatch=True)
    )
)
def test_an_environment_is_read_as_it_was_written(environment):
    text = ",".join(f'{name}="{value}"' for name, value in environment.items())

    assert environment_of(text) == environment
