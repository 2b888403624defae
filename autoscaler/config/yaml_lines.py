"""YAML text -> plain data, and the line of each value.

Only texts, whole and decimal numbers, true/false, null, lists and mappings come out; every other tag
is a fault. Aliases and merge keys are followed, so a place is where the value is really written.
What YAML 1.1 would silently read as something else (``010``, ``1:30``, ``~``) is a fault.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import yaml

from autoscaler.config.rules import SECRET_KEYS, clip, show

#: libyaml's parser where PyYAML was built with it: the same nodes, ten times as fast.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_MAX_DEPTH = 20
_TOO_DEEP = f"is nested deeper than {_MAX_DEPTH} levels"
_MAX_VALUES = 100_000
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
#: What YAML does not take, and what it takes for a line break though editors do not.
_REFUSED = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\ufeff")

_TAG = "tag:yaml.org,2002:"
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,18}(?:\.[0-9]*)?(?:[eE][-+]?[0-9]{1,3})?|[-+]?\.[0-9]+")
_BOOLS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}

#: Keys and list indices from the top of the file.
KeyPath = tuple[str | int, ...]

#: Stands in the data for a value that has a fault already.
BAD = object()


class Kind(StrEnum):
    """What a value is in YAML, in words."""

    TEXT = "text"
    NUMBER = "a number"
    TRUTH = "true or false"
    NOTHING = "nothing"
    LIST = "a list"
    MAPPING = "a mapping"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value is written, and how."""

    #: 1-based; of its key for a list or mapping that starts below its key.
    line: int
    kind: Kind
    #: A scalar as written, else empty.
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, before it has a file's name."""

    line: int
    path: KeyPath
    message: str


@dataclass(frozen=True, slots=True)
class Document:
    """A file's data with the place of every key path in it."""

    data: object
    places: dict[KeyPath, Place]
    faults: tuple[Fault, ...]


class Unreadable(ValueError):
    """Not one YAML document; `fault` says where and why."""

    def __init__(self, line: int, message: str, path: KeyPath = ()) -> None:
        self.fault = Fault(line, path, message)
        super().__init__(message)


def parse(content: bytes) -> Document:
    """Read one YAML document.

    Raises
    ------
    Unreadable : not UTF-8, not YAML, empty, several documents, too deep, too many values, or endless.
    """
    text = _decode(content)
    try:
        _check_size(text)
        root = yaml.compose(text, Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        raise _unreadable(error, text) from error
    except yaml.YAMLError as error:
        raise Unreadable(1, "is not valid YAML") from error
    if root is None:
        raise Unreadable(1, "is empty; it needs at least broker: and fleets:")
    reader = _Reader(last_line=_line_at(text))
    data = reader.value(root, (), 1)
    return Document(data, reader.places, tuple(reader.faults))


def _decode(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = _line_at(content[: error.start].decode("utf-8-sig", "replace"))
        raise Unreadable(line, f"is not UTF-8: byte 0x{content[error.start]:02X}") from error
    if found := _REFUSED.search(text):
        line = _line_at(text[: found.start()])
        raise Unreadable(line, f"holds the character U+{ord(found.group()):04X}, which is not allowed")
    return text


def _line_at(before: str) -> int:
    return len(_LINE_BREAK.findall(before)) + 1


def line_at(text: str, at: int) -> int:
    """The 1-based line of a character."""
    return _line_at(text[:at])


def _check_size(text: str) -> None:
    """Refuse what is too deep or too much, before anything recursive sees it."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=LOADER)):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise Unreadable(line, _TOO_DEEP)
        if count > _MAX_VALUES * 2:
            raise Unreadable(line, f"has more than {_MAX_VALUES} values")


def _unreadable(error: yaml.MarkedYAMLError, text: str) -> Unreadable:
    mark = error.problem_mark
    lines = _LINE_BREAK.split(text)
    line, column = (mark.line, mark.column) if mark else (0, 0)
    index = min(line, len(lines) - 1)
    here = lines[index][column : column + 1]
    return Unreadable(index + 1, _in_words(error, here, index + 1))


def _in_words(error: yaml.MarkedYAMLError, character: str, line: int) -> str:
    problem = error.problem or "cannot be read"
    if character == "\t":
        return "a tab cannot indent; use spaces"
    if "nesting depth" in problem:  # libyaml 0.2.6 has a limit of its own, and reads ahead of `_check_size`
        return _TOO_DEEP
    if "cannot start any token" in problem and character:
        return f"a text cannot start with {character}; quote it"
    if "another document" in problem:
        return "holds a second YAML document; only one is allowed"
    if "mapping values are not allowed" in problem:
        return (
            "is not valid YAML: a second ': ' in one line; quote a text that holds one, and check the indent"
        )
    started = error.context_mark.line + 1 if error.context_mark else line
    since = f" ({error.context}, which starts in line {started})" if error.context and started < line else ""
    return f"is not valid YAML: {clip(problem)}{since}"


class _Reader:
    """Walks the nodes once, following aliases; guards against endless and exploding ones."""

    def __init__(self, last_line: int) -> None:
        self.places: dict[KeyPath, Place] = {}
        self.faults: list[Fault] = []
        self._inside: list[yaml.Node] = []
        self._count = 0
        self._last_line = last_line

    def value(self, node: yaml.Node, path: KeyPath, line: int) -> object:
        """Give the plain data of a node, noting its place; `line` is for a list or mapping below its key."""
        self._enter(node, path)
        try:
            if isinstance(node, yaml.ScalarNode):
                return self._scalar(node, path)
            self.places[path] = Place(
                line, Kind.LIST if isinstance(node, yaml.SequenceNode) else Kind.MAPPING
            )
            if node.tag not in (f"{_TAG}seq", f"{_TAG}map"):
                return self._fault(
                    line, path, f"the tag {clip(node.tag.replace(_TAG, '!!'))} is not supported"
                )
            return (
                self._list(node, path) if isinstance(node, yaml.SequenceNode) else self._mapping(node, path)
            )
        finally:
            self._inside.pop()

    def _enter(self, node: yaml.Node, path: KeyPath) -> None:
        line = _line(node)
        self._count += 1
        if self._count > _MAX_VALUES:
            raise Unreadable(line, f"its aliases make more than {_MAX_VALUES} values", path)
        if not isinstance(node, yaml.ScalarNode) and any(outer is node for outer in self._inside):
            raise Unreadable(line, "holds an alias to itself", path)
        if len(self._inside) > _MAX_DEPTH:
            raise Unreadable(line, _TOO_DEEP, path)
        self._inside.append(node)

    def _fault(self, line: int, path: KeyPath, message: str) -> object:
        self.faults.append(Fault(self._in_file(line), path, message))
        return BAD

    def _in_file(self, line: int) -> int:
        """Bound a line: the parser puts a value that is left out at the end behind the last one."""
        return min(line, self._last_line)

    def _list(self, node: yaml.SequenceNode, path: KeyPath) -> object:
        return [self.value(item, (*path, index), _line(item)) for index, item in enumerate(node.value)]

    def _mapping(self, node: yaml.Node, path: KeyPath) -> object:
        pairs = self._pairs(node, path)
        return {
            name: self.value(value, (*path, name), _line_of(key, value))
            for name, (key, value) in pairs.items()
        }

    def _pairs(self, node: yaml.Node, path: KeyPath) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Collect a mapping's pairs by key: its own, then what it merges in, as YAML's merge key has it."""
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        merged: list[yaml.Node] = []
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag == f"{_TAG}merge":
                merged.append(value)
            elif (name := self._key(key, path)) in own:
                self._fault(_line(key), (*path, name), f"is given twice, first in line {_line(own[name][0])}")
            elif name:
                own[name] = (key, value)
        for value in merged:
            for name, pair in self._merged(value, path):
                own.setdefault(name, pair)
        return own

    def _merged(self, node: yaml.Node, path: KeyPath) -> Iterator[tuple[str, tuple[yaml.Node, yaml.Node]]]:
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(source, yaml.MappingNode):
                self._fault(_line(source), path, "<< must merge a mapping, or a list of mappings")
                continue
            self._enter(source, path)
            yield from self._pairs(source, path).items()
            self._inside.pop()

    def _key(self, node: yaml.Node, path: KeyPath) -> str:
        """Give a key's text; empty, with a fault, for a key that is none."""
        if not isinstance(node, yaml.ScalarNode):
            self._fault(_line(node), path, "a key must be text")
            return ""
        if node.tag != f"{_TAG}str" or not node.value:
            self._fault(
                _line(node), path, f"the key {show(node.value)} must be text; quote it if it is meant so"
            )
            return ""
        return str(node.value)

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> object:
        raw, line = str(node.value), self._in_file(_line(node))
        kind = _KINDS.get(node.tag.removeprefix(_TAG))
        self.places[path] = Place(line, kind or Kind.TEXT, raw)
        if kind is None:
            return self._fault(line, path, f"the tag {clip(node.tag.replace(_TAG, '!!'))} is not supported")
        try:
            return _READ[kind](raw, clip(raw) if SECRET_KEYS.isdisjoint(path) else "this value")
        except ValueError as error:
            return self._fault(line, path, str(error))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _line_of(key: yaml.Node, value: yaml.Node) -> int:
    """Give the line of a list or mapping: its key's, or where an alias leads."""
    return _line(value) if value.start_mark.index < key.start_mark.index else _line(key)


#: YAML reads dates where nobody asked for one; here they are text, as is a lone =.
_KINDS = {
    "str": Kind.TEXT,
    "timestamp": Kind.TEXT,
    "value": Kind.TEXT,
    "int": Kind.NUMBER,
    "float": Kind.NUMBER,
    "bool": Kind.TRUTH,
    "null": Kind.NOTHING,
}


def _text(raw: str, _shown: str) -> str:
    return raw


def _number(raw: str, shown: str) -> int | float:
    if _WHOLE.fullmatch(raw):
        return int(raw)
    # YAML 1.1 would read 010 as 8 and 1:30 as 90.
    if not _DECIMAL.fullmatch(raw) or re.match(r"[-+]?0[0-9]", raw) or not math.isfinite(float(raw)):
        raise ValueError(f"{shown} is not a plain decimal number; quote it if it is meant as text")
    return float(raw)


def _truth(raw: str, shown: str) -> bool:
    if raw.lower() not in _BOOLS:
        raise ValueError(f"{shown} is not true or false")
    return _BOOLS[raw.lower()]


def _nothing(raw: str, shown: str) -> None:
    if not raw:
        raise ValueError("has no value")
    if raw.lower() != "null":
        raise ValueError(
            f"YAML reads {shown} as nothing; write null for that, or quote it if it is meant as text"
        )


_READ: dict[Kind, Callable[[str, str], object]] = {
    Kind.TEXT: _text,
    Kind.NUMBER: _number,
    Kind.TRUTH: _truth,
    Kind.NOTHING: _nothing,
}
