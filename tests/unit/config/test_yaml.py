"""What is not one small YAML mapping is refused in one line, whatever it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoscaler.config import load
from autoscaler.errors import ConfigError


def problems(folder: Path, text: str) -> list[str]:
    """List the problems of a text, without the name of the file."""
    path = folder / "autoscaler.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1: is empty; it needs at least broker: and fleets:"),
        ("# nothing\n", "1: is empty; it needs at least broker: and fleets:"),
        ("- a\n", "1: must be a mapping of keys such as broker and fleets, not a list"),
        ("7", "1: must be a mapping of keys such as broker and fleets, not a number"),
        ("a: 1\n\tb: 2\n", "2: a tab cannot indent; use spaces"),
        ("a: b: c", "1: is not valid YAML: a second ': ' in one line; quote a text that holds one, "
         "and check the indent"),
        ("a: [1\nb: 2\n", "2: is not valid YAML: did not find expected ',' or ']' "
         "(while parsing a flow sequence, which starts in line 1)"),
        ("a: @b", "1: a text cannot start with @; quote it"),
        ("a: 1\n---\nb: 2\n", "2: holds a second YAML document; only one is allowed"),
        ("a: 1\nb: \x07\n", "2: holds the character U+0007, which is not allowed"),
        ("a: 1\nb: \u2028\n", "2: holds the character U+2028, which is not allowed"),
        ("a: &a [*a]", "1: a[0]: holds an alias to itself"),
        ("a: &a\n  <<: *a\n", "1: a: holds an alias to itself"),
        ("[" * 100_000, "1: is nested deeper than 20 levels"),
        ("[" * 21 + "]" * 21, "1: is nested deeper than 20 levels"),
    ],
)  # fmt: skip
def test_what_is_no_yaml_mapping_is_one_problem(tmp_path: Path, text: str, expected: str) -> None:
    assert problems(tmp_path, text) == [expected]


def test_aliases_that_explode_are_refused(tmp_path: Path) -> None:
    levels = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    (problem,) = problems(tmp_path, "\n".join(["a0: &a0 [x]", *levels]))
    assert problem.endswith("its aliases make more than 100000 values")


def test_merge_keys_that_explode_are_refused(tmp_path: Path) -> None:
    levels = [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 12)]
    (problem,) = problems(tmp_path, "\n".join(["a0: &a0 {x: 1}", *levels]))
    assert problem.endswith("its aliases make more than 100000 values")
