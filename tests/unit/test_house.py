"""The house keeps its shape: rooms at the top, small files, short functions, a sentence about each module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

HOUSE = Path(__file__).parents[2] / "autoscaler"
TEXTS = {str(path.relative_to(HOUSE)): path.read_text() for path in sorted(HOUSE.rglob("*.py"))}
TREES = {name: ast.parse(text) for name, text in TEXTS.items()}

#: Modules at the top: every room may use them, or (ctlplugin) users' supervisord files name them.
LOOSE = frozenset({"__init__.py", "ctlplugin.py", "errors.py", "text.py"})
LONGEST_FILE = 400
#: Lines of code; the docstring does not count.
LONGEST_FUNCTION = 40
#: Words of a module's first line.
LONGEST_SUMMARY = 25

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> Iterator[tuple[str, Function]]:
    for name, tree in TREES.items():
        yield from ((name, each) for each in ast.walk(tree) if isinstance(each, Function))


def code_lines(function: Function) -> int:
    whole = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is None:
        return whole
    docstring = function.body[0]
    return whole - (docstring.end_lineno - docstring.lineno + 1)


def test_only_rooms_and_a_few_modules_are_at_the_top():
    rooms = {path.parent.name for path in HOUSE.glob("*/__init__.py")}
    others = {path.name for path in HOUSE.iterdir()} - rooms - {"__pycache__"}
    assert others <= LOOSE


def test_no_file_is_long():
    lengths = {name: len(text.splitlines()) for name, text in TEXTS.items()}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_function_is_long():
    lengths = {f"{name}: {each.name}": code_lines(each) for name, each in functions()}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


def test_every_module_begins_with_one_sentence_about_it():
    docstrings = {name: ast.get_docstring(tree) or "" for name, tree in TREES.items()}
    summaries = {name: text.partition("\n")[0] for name, text in docstrings.items()}
    assert {
        name: text
        for name, text in summaries.items()
        if not text.endswith((".", ":")) or len(text.split()) > LONGEST_SUMMARY
    } == {}
