"""A value behind ``KEY=`` on the command line, and its text in YAML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from autoscaler.config.yaml_lines import Unreadable, parse
from autoscaler.config.yaml_tree import Alias, Mapping, Node, Sequence, tree

_WIDEST = 10**6


@dataclass(frozen=True, slots=True)
class Value:
    """A value for a key."""

    #: As typed.
    typed: str
    #: What YAML makes of it.
    data: object

    def texts(self, style: str = "") -> Iterator[str]:
        """Ways to write it, the best first.

        Parameters
        ----------
        style : of the quotes that text around it has; empty for none.
        """
        if not isinstance(self.data, str):
            yield self.typed
            return
        if style and not self.typed.startswith(("'", '"')):
            yield quoted(self.data, style)
        yield self.typed
        yield quoted(self.data, "'")
        yield quoted(self.data, '"')


def value_of(typed: str) -> Value:
    """Read what a user typed: YAML of one value, else text that needs quotes in YAML.

    Raises
    ------
    ValueError : nothing is typed, or it has several lines.
    """
    typed = typed.strip()
    if not typed:
        raise ValueError("has no value; write null for none")
    if len(typed.splitlines()) > 1:
        raise ValueError("must be one line")
    whole = f"v: {typed}"
    try:
        document = parse(whole.encode())
    except Unreadable:
        return Value(typed, typed)
    data, root = document.data, tree(whole)
    if document.faults or not isinstance(data, dict) or not isinstance(root, Mapping):
        return Value(typed, typed)
    value = root.pairs[0].value
    if value.end != len(whole) or not all(map(_is_plain, _nodes(value))):
        return Value(typed, typed)
    return Value(typed, data["v"])


def _is_plain(node: Node) -> bool:
    """Whether it neither refers to something nor can be referred to."""
    return not isinstance(node, Alias) and not node.anchor


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for pair in node.pairs if isinstance(node, Mapping) else ():
        yield from _nodes(pair.value)
    for item in node.items if isinstance(node, Sequence) else ():
        yield from _nodes(item)


def quoted(text: str, style: str) -> str:
    """Write text in quotes of one kind."""
    if style == '"':
        return json.dumps(text, ensure_ascii=False)
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def in_flow(data: object) -> str:
    """Write any value on one line."""
    dumped: str = yaml.safe_dump(
        [data], default_flow_style=True, sort_keys=False, allow_unicode=True, width=_WIDEST
    )
    return dumped.strip()[1:-1]


def in_block(data: object) -> list[str]:
    """Write a mapping one key a line, two spaces deeper at each level; lists stay on their line.

    A value that is no mapping, or an empty one, has no such lines.
    """
    lines: list[str] = []
    for key, value in data.items() if isinstance(data, dict) else ():
        below = in_block(value)
        lines += [f"{key}:", *(f"  {line}" for line in below)] if below else [f"{key}: {in_flow(value)}"]
    return lines
