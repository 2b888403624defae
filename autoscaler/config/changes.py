"""A change of several keys in the text of a config file, and its difference."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Row
from dataclasses import dataclass
from pathlib import Path

from autoscaler.config.edit import Reach, dotted, edit
from autoscaler.config.edit_value import Value
from autoscaler.config.rules import SECRET_KEYS
from autoscaler.config.yaml_lines import KeyPath, Unreadable, parse
from autoscaler.config.yaml_tree import Mapping, Node, Scalar, Sequence, tree
from autoscaler.errors import ConfigError, EditRefused, Problem
from autoscaler.text import MASK

_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Change:
    """What one edit did."""

    #: Dotted.
    key: str
    #: 1-based, in the text right after this edit.
    line: int
    #: Whether the text differs at all.
    changed: bool
    #: Dotted keys that changed with it.
    others: tuple[str, ...]
    #: Fleets that do not have a default which changed, because they have their own.
    not_for: tuple[str, ...]


def change(
    path: Path, content: bytes, edits: Iterable[tuple[KeyPath, Value]], reach: Reach
) -> tuple[bytes, list[Change]]:
    """Give keys their values, one after the other.

    Parameters
    ----------
    path : of the file, for messages.

    Raises
    ------
    ConfigError : the file is not one YAML document.
    EditRefused : see `edit`; with the file's name.
    """
    made: list[Change] = []
    text = _text(path, content)
    for keys, value in edits:
        try:
            edited = edit(text, keys, value, reach)
        except EditRefused as error:
            raise EditRefused(f"{path}: {error}") from error
        others = tuple(map(dotted, edited.others))
        made.append(Change(dotted(keys), edited.line, edited.text != text, others, _not_for(text, keys)))
        text = edited.text
    bom = _BOM if content.startswith(_BOM.encode()) else ""
    return (bom + text).encode(), made


def fleet_names(path: Path, content: bytes) -> list[str]:
    """The fleets that a config has, whether they are right or not; raises ConfigError as `change`."""
    _text(path, content)
    return list(_fleets(parse(content).data))


def _text(path: Path, content: bytes) -> str:
    try:
        parse(content)
    except Unreadable as error:
        fault = error.fault
        raise ConfigError([Problem(str(path), fault.line, dotted(fault.path), fault.message)]) from error
    return content.decode("utf-8-sig")


def _fleets(data: object) -> dict[str, object]:
    fleets = data.get("fleets") if isinstance(data, dict) else None
    return fleets if isinstance(fleets, dict) else {}


def _not_for(text: str, keys: KeyPath) -> tuple[str, ...]:
    if keys[0] != "defaults" or len(keys) < 2:
        return ()
    fleets = _fleets(parse(text.encode()).data)
    return tuple(name for name, fleet in fleets.items() if isinstance(fleet, dict) and keys[1] in fleet)


# --- what it looks like ---


def diff(name: str, before: bytes, after: bytes) -> list[str]:
    """The changed lines with two lines around them, as ``diff -u`` has them; nothing secret is in it."""
    old, new = (content.decode("utf-8-sig").splitlines() for content in (before, after))
    shown_old, shown_new = (masked(content.decode("utf-8-sig")).splitlines() for content in (before, after))
    groups = difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(2)
    lines = [line for group in groups for line in _hunk(group, shown_old, shown_new)]
    return [f"--- {name}", f"+++ {name}", *lines] if lines else []


def _hunk(group: Row[tuple[str, int, int, int, int]], old: list[str], new: list[str]) -> Iterator[str]:
    first, last = group[0], group[-1]
    yield f"@@ -{first[1] + 1},{last[2] - first[1]} +{first[3] + 1},{last[4] - first[3]} @@"
    for kind, start, end, new_start, new_end in group:
        if kind == "equal":
            yield from (f" {line}" for line in old[start:end])
            continue
        yield from (f"-{line}" for line in old[start:end])
        yield from (f"+{line}" for line in new[new_start:new_end])


def masked(text: str) -> str:
    """The same lines with ``***`` for every value that may hold a password."""
    for start, end in sorted(_secrets(tree(text)), reverse=True):
        breaks = "\n" * (len(text[start:end].splitlines()) - 1)
        text = text[:start] + MASK + breaks + text[end:]
    return text


def _secrets(node: Node, inside: bool = False) -> Iterator[tuple[int, int]]:
    if isinstance(node, Scalar) and inside and node.end > node.start:
        yield node.start, node.end
    for pair in node.pairs if isinstance(node, Mapping) else ():
        yield from _secrets(pair.value, inside or pair.name in SECRET_KEYS)
    for item in node.items if isinstance(node, Sequence) else ():
        yield from _secrets(item, inside)
