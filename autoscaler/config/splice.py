"""The place of a value in YAML text: over the old value, or next to its neighbours.

Everything here proposes; `edit` reads the outcome again and takes the first proposal that is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Sequence as Row
from dataclasses import dataclass

from autoscaler.config.edit_value import Value, in_flow, quoted
from autoscaler.config.walk import Walk
from autoscaler.config.yaml_lines import line_at
from autoscaler.config.yaml_tree import Mapping, Node, Pair, Scalar
from autoscaler.errors import EditRefused

_COMMENT = re.compile(r"(?:^|\s)#")
#: Looks like text, not like a number.
_WORD = re.compile(r"[\w./:@%+-]*[A-Za-z_/][\w./:@%+-]*")
_NO_TEXTS = ("true", "false", "null")
_LINE_END = re.compile(r"\r\n|\r|\n|\Z")


@dataclass(frozen=True, slots=True)
class Splice:
    """A piece of text and the characters that it replaces."""

    start: int
    end: int
    new: str

    def applied(self, text: str) -> str:
        """The text with the piece in its place."""
        return text[: self.start] + self.new + text[self.end :]

    @property
    def first(self) -> int:
        """Where the first key or value of the piece stands in the new text."""
        return self.start + len(self.new) - len(self.new.lstrip())


def over(text: str, found: Walk, value: Value) -> Iterator[Splice]:
    """Write a value over the one that is there; its quotes stay where it has some.

    Raises
    ------
    EditRefused : comments would be lost with a list or mapping.
    """
    node = found.node
    if isinstance(node, Scalar):
        style = node.style if node.style in ("'", '"') else ""
        space = " " if node.start == node.end and text[node.start - 1 : node.start] == ":" else ""
        yield from (Splice(node.start, node.end, space + each) for each in value.texts(style))
        return
    start = node.start
    if not getattr(node, "flow", True):
        start = found.pair.key.end if found.pair else start
    if _COMMENT.search(text, start, node.end):
        lines = f"lines {line_at(text, start)} to {line_at(text, node.end)}"
        raise EditRefused(f"{found.name} has comments in {lines}; set its keys one by one, or edit the file")
    lead = ": " if start != node.start else ""
    yield from (Splice(start, node.end, lead + each) for each in value.texts())


def into_mapping(
    text: str, mapping: Mapping, key: str, *, flow: Row[str], block: Row[str], order: Row[str]
) -> Iterator[Splice]:
    """Write a new key into a mapping, behind the known key that comes before it, else at the end.

    Parameters
    ----------
    flow : the value on one line, in several ways.
    block : the value as lines below its key; empty where it has none.
    order : the keys that are known there.
    """
    before = _predecessor(mapping, key, order)
    style = _key_style(mapping)
    name = quoted(key, style) if style else in_flow(key)
    if mapping.flow:
        at = _end(before) if before else mapping.start + 1
        comma = ", " if before else ""
        yield from (Splice(at, at, f"{comma}{name}: {each}") for each in _in_style(flow, style))
        return
    if before is None:
        return
    indent = _column(text, _start(text, mapping))
    at = _line_end(text, _end(before), indent)
    lead = _eol(text) + " " * indent + name + ":"
    step = _step(text, mapping)
    if block:
        deeper = _eol(text) + " " * indent
        yield Splice(at, at, lead + "".join(f"{deeper}{step}{_reindented(line, step)}" for line in block))
    yield from (Splice(at, at, f"{lead} {each}") for each in _in_style(flow, style))


def _in_style(texts: Row[str], style: str) -> Iterator[str]:
    """The ways to write a value, quoted first where the keys are: the file may be JSON."""
    if style == '"' and texts and _WORD.fullmatch(texts[0]) and texts[0] not in _NO_TEXTS:
        yield quoted(texts[0], style)
    yield from texts


def _predecessor(mapping: Mapping, key: str, order: Row[str]) -> Pair | None:
    if not mapping.pairs:
        return None
    earlier = order[: order.index(key)] if key in order else ()
    known = [pair for pair in mapping.pairs if pair.name in earlier]
    return max(known, key=lambda pair: order.index(pair.name)) if known else mapping.pairs[-1]


def _key_style(mapping: Mapping) -> str:
    first = mapping.pairs[0].key if mapping.pairs else None
    return first.style if isinstance(first, Scalar) and first.style in ("'", '"') else ""


def _end(pair: Pair) -> int:
    return max(pair.key.end, pair.value.end)


def _start(text: str, mapping: Mapping) -> int:
    """Where the keys of a block mapping begin; the ``?`` of an explicit one."""
    return mapping.start if text[mapping.start : mapping.start + 1] == "?" else mapping.pairs[0].key.start


def _column(text: str, at: int) -> int:
    return at - max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) - 1


def _line_end(text: str, at: int, indent: int) -> int:
    """The end of the line, and of comments below it that stand deeper than the keys: they go on from it."""
    found = _LINE_END.search(text, at)
    end = found.start() if found else len(text)
    goes_on = re.compile(rf"(?:\r\n|\r|\n) {{{indent + 1},}}#[^\r\n]*").match(text, end)
    while goes_on:
        end = goes_on.end()
        goes_on = goes_on.re.match(text, end)
    return end


def _eol(text: str) -> str:
    found = _LINE_END.search(text)
    return (found.group() if found else "") or "\n"


def _step(text: str, mapping: Mapping) -> str:
    """How much deeper this file writes what is below a key."""
    for pair in mapping.pairs:
        below: Node = pair.value
        if isinstance(below, Mapping) and not below.flow:
            return " " * max(1, _column(text, _start(text, below)) - _column(text, _start(text, mapping)))
    return "  "


def _reindented(line: str, step: str) -> str:
    depth = (len(line) - len(line.lstrip())) // 2
    return step * depth + line.lstrip()
