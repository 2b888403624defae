"""YAML text -> a tree of nodes with their exact positions, for an edit in place.

An alias stays an alias here, and a merge key is a key like any other; `yaml_lines` follows both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from autoscaler.config.yaml_lines import LOADER

#: What may stand in front of a value: ``&anchor`` and ``!tag``.
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
MERGE = "<<"


@dataclass(frozen=True, slots=True)
class Scalar:
    """One piece of text, as written."""

    #: Of the value itself, behind an anchor or tag; `end` is behind its last character.
    start: int
    end: int
    value: str
    #: ``'``, ``"``, ``|``, ``>``, or empty where it is plain.
    style: str
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Alias:
    """``*anchor``."""

    start: int
    end: int
    anchor: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One key of a mapping with its value."""

    key: Node
    value: Node

    @property
    def name(self) -> str:
        """The key's text; empty where it is none."""
        return self.key.value if isinstance(self.key, Scalar) else ""


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values, in braces (`flow`) or one below the other."""

    start: int
    end: int
    flow: bool
    pairs: tuple[Pair, ...]
    anchor: str = ""

    def pair(self, name: str) -> Pair | None:
        """The pair of a key that is written here, not one that is merged in."""
        return next((pair for pair in self.pairs if pair.name == name), None)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list, in brackets (`flow`) or one item below the other."""

    start: int
    end: int
    flow: bool
    items: tuple[Node, ...]
    anchor: str = ""


Node = Scalar | Alias | Mapping | Sequence


@dataclass(slots=True)
class _Builder:
    """Makes the tree of a text from PyYAML's events, whose marks count characters."""

    text: str
    #: Their attributes depend on their kinds, which PyYAML's types do not know.
    events: Iterator[Any] = field(init=False)

    def __post_init__(self) -> None:
        self.events = iter(yaml.parse(self.text, Loader=LOADER))

    def root(self) -> Node:
        next(self.events)  # the stream starts
        next(self.events)  # the document starts
        return self.node(next(self.events))

    def node(self, event: Any) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, yaml.AliasEvent):
            return Alias(start, end, str(event.anchor))
        anchor = event.anchor or ""
        if isinstance(event, yaml.ScalarEvent):
            start = self._behind_properties(start, end)
            style = event.style or ""
            return Scalar(start, self._content_end(start, end, style), event.value, style, anchor)
        flow = bool(event.flow_style)
        start = self._behind_properties(start, len(self.text))
        if isinstance(event, yaml.MappingStartEvent):
            pairs, end = self._pairs()
            return Mapping(start, end if flow or not pairs else pairs[-1].value.end, flow, pairs, anchor)
        items, end = self._items(yaml.SequenceEndEvent)
        return Sequence(start, end if flow or not items else items[-1].end, flow, items, anchor)

    def _items(self, until: type[yaml.Event]) -> tuple[tuple[Node, ...], int]:
        items: list[Node] = []
        event: Any = next(self.events)
        while not issubclass(type(event), until):
            items.append(self.node(event))
            event = next(self.events)
        return tuple(items), event.end_mark.index

    def _pairs(self) -> tuple[tuple[Pair, ...], int]:
        items, end = self._items(yaml.MappingEndEvent)
        return tuple(Pair(key, value) for key, value in zip(items[::2], items[1::2], strict=True)), end

    def _behind_properties(self, start: int, end: int) -> int:
        found = _PROPERTIES.match(self.text, start, end)
        return found.end() if found else start

    def _content_end(self, start: int, end: int, style: str) -> int:
        """The end of a scalar without the line breaks and comments that PyYAML counts to a block one."""
        if style not in ("|", ">"):
            return end
        lines = self.text[start:end].splitlines(keepends=True)
        while len(lines) > 1 and (not lines[-1].strip() or _is_outer_comment(lines)):
            lines.pop()
        return start + len("".join(lines).rstrip("\r\n"))


def _is_outer_comment(lines: list[str]) -> bool:
    """Whether the last line is a comment that stands further left than a block scalar's first line."""
    return lines[-1].lstrip().startswith("#") and _indent(lines[-1]) < _indent(lines[1])


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def tree(text: str) -> Node:
    """Make the tree of a text that `yaml_lines.parse` has read, so it is one sound YAML document."""
    return _Builder(text).root()
