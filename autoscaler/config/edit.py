"""A change of one key in the text of the config file; every other character stays.

    text, path, value --walk--> the place --splice--> new text --parse--> exactly this change, or refused

Whatever way a value is written in, the new text is read again: it is only returned when its data differ in
nothing but the key that was meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from autoscaler.config.data import NOTHING, differences, effective, get, is_defaulted, put, same
from autoscaler.config.edit_value import Value, in_block, in_flow
from autoscaler.config.explain import known_keys
from autoscaler.config.splice import Splice, into_mapping, over
from autoscaler.config.walk import Via, Walk, walk
from autoscaler.config.yaml_lines import KeyPath, Unreadable, line_at, parse
from autoscaler.config.yaml_tree import Alias, Mapping, Scalar, tree
from autoscaler.errors import EditRefused


class Reach(Enum):
    """Where to write a value that a key has from somewhere else."""

    #: Refuse, and name the place.
    ASK = "ask"
    #: Into the named mapping itself: nothing else changes.
    HERE = "here"
    #: Where it is written: everything else that has it from there changes as well.
    EVERYWHERE = "everywhere"


@dataclass(frozen=True, slots=True)
class Edit:
    """A changed text."""

    text: str
    #: 1-based line of the new text that was written, or that says so already.
    line: int
    #: Other keys whose values changed with it, as key paths.
    others: tuple[KeyPath, ...] = ()


def edit(text: str, path: KeyPath, value: Value, reach: Reach = Reach.ASK) -> Edit:
    """Give one key a value.

    Parameters
    ----------
    text : of the whole file.
    path : from the top of the file, such as ``("fleets", "emails", "max_workers")``.

    Raises
    ------
    Unreadable : the text is not one YAML document.
    EditRefused : the value comes from elsewhere and `reach` does not say what to do, or the key cannot be
        changed without changing more than it. Says where and what to do.
    """
    data = parse(text.encode()).data
    found = walk(tree(text), path)
    defaulted = is_defaulted(data, path)
    if same(get(effective(data, path), path), value.data) and reach is not Reach.HERE:
        return Edit(text, _line_of(text, found))
    if reach is Reach.EVERYWHERE:
        source = ("defaults", *path[2:]) if defaulted and not found.via else path
        splices = _at_source(text, walk(tree(text), source), value)
        return _changed(text, data, source, splices, value, exact=False)
    if reach is Reach.ASK and (found.via or defaulted):
        raise EditRefused(_elsewhere(text, found, path))
    splices = _here(text, found, value, effective(data, path))
    return _changed(text, data, path, splices, value, exact=True)


# --- where to write ---


def _at_source(text: str, found: Walk, value: Value) -> Iterator[Splice]:
    """Write a value where it stands, whoever else has it from there."""
    if found.rest:
        yield from _insert(text, found, found.rest, value, None)
    else:
        yield from over(text, found, value)


def _here(text: str, found: Walk, value: Value, data: object) -> Iterator[Splice]:
    """Write a value so that only the path's own mapping has it."""
    via = found.via or Via(found.depth, found.node, "")
    new = put(data, found.path, value.data)
    inherited = found.rest and get(data, found.path[: via.depth + 1]) is not NOTHING
    whole = get(new, found.path[: via.depth + 1])
    if not found.via and not inherited:
        yield from _at_source(text, found, value)
        return
    if not isinstance(via.node, Alias):
        own = replace(found, node=via.node, depth=via.depth, via=None)
        yield from _insert(text, own, found.path[via.depth :], value, whole)
    elif via.depth == len(found.path):
        yield from (Splice(via.node.start, via.node.end, each) for each in value.texts())
    else:
        key = in_flow(found.path[via.depth])
        yield Splice(via.node.start, via.node.end, f"{{<<: *{via.node.anchor}, {key}: {in_flow(whole)}}}")


def _insert(text: str, at: Walk, rest: KeyPath, value: Value, whole: object) -> Iterator[Splice]:
    """Write a key that is missing into the mapping where it is missing."""
    key, below = rest[0], rest[1:]
    if isinstance(key, int) or any(isinstance(part, int) for part in below):
        raise EditRefused(f"there is no entry [{key}] to change; add it in the file")
    nested = whole if whole is not None else _nested(below, value.data)
    if isinstance(at.node, Mapping):
        texts = value.texts() if whole is None and not below else ()
        yield from into_mapping(
            text,
            at.node,
            str(key),
            flow=(*texts, in_flow(nested)),
            block=in_block(nested),
            order=known_keys(at.path[: at.depth]),
        )
    elif isinstance(at.node, Scalar) and at.node.style == "" and at.node.value in ("", "null", "~"):
        space = " " if at.node.start == at.node.end else ""
        yield Splice(at.node.start, at.node.end, f"{space}{{{in_flow(key)}: {in_flow(nested)}}}")
    else:
        line = line_at(text, at.node.start)
        raise EditRefused(f"line {line}: {at.name} is no mapping that could have {key}")


def _nested(below: KeyPath, data: object) -> object:
    for key in reversed(below):
        data = {key: data}
    return data


# --- what came of it ---


def _changed(
    text: str, data: object, path: KeyPath, splices: Iterator[Splice], value: Value, *, exact: bool
) -> Edit:
    """The first of several ways to write a value that changes what was meant and nothing else."""
    wanted = put(effective(data, path), path, value.data)
    more: tuple[KeyPath, ...] = ()
    for splice in splices:
        new = splice.applied(text)
        got = _data(new)
        if not same(get(got, path), value.data):
            continue
        others = tuple(differences(wanted, got))
        if others and exact:
            more = others
            continue
        return Edit(new, line_at(new, splice.first), others)
    raise EditRefused(_refusal(text, path, more))


def _refusal(text: str, path: KeyPath, others: tuple[KeyPath, ...]) -> str:
    found = walk(tree(text), path)
    where = f"{dotted(path)}, line {_line_of(text, found)},"
    if not others:
        return f"{where} cannot be changed without changing more; edit the file by hand"
    names = ", ".join(map(dotted, others))
    if found.rest:
        there = f"there it would be for {names} as well"
        return f"{dotted(path)} is not written yet; {there}; --everywhere writes it"
    return f"{where} is written there for {names} as well; --everywhere changes them all"


def _elsewhere(text: str, found: Walk, path: KeyPath) -> str:
    """Say where a value comes from, and what can be done."""
    fleet = path[0] == "fleets" and len(path) > 2
    key, owner = (dotted(path[2:]), f"{path[1]}") if fleet else (dotted(path), "the key itself")
    here = f"--here writes it into {owner} alone"
    if not found.via:
        line = _line_of(text, walk(tree(text), ("defaults", *path[2:])))
        change = f"`autoscaler set defaults.{key}=...` changes it there, for all fleets without their own"
        return f"{key} of {owner} comes from defaults:, line {line}: {change}; {here}"
    source = f"*{found.via.anchor}" if found.via.anchor else "a merge (<<)"
    change = "--everywhere changes it there, for all that have it from there"
    return f"{dotted(path)} comes from {source}, line {_line_of(text, found)}: {change}; {here}"


def dotted(path: KeyPath) -> str:
    """Write a key path as users do: ``fleets.emails.queues[0]``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _line_of(text: str, found: Walk) -> int:
    return line_at(text, found.node.start)


# --- data ---


def _data(text: str) -> object:
    try:
        return parse(text.encode()).data
    except Unreadable:
        return NOTHING
