"""Plain YAML data: read, compare and change it by key path."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

from autoscaler.config.yaml_lines import KeyPath

#: Stands for a value that is not there.
NOTHING = object()


def get(data: object, path: KeyPath) -> object:
    """The value at a path, or NOTHING."""
    for part in path:
        if isinstance(data, dict) and isinstance(part, str):
            data = data.get(part, NOTHING)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return NOTHING
    return data


def put(data: object, path: KeyPath, value: object) -> object:
    """A copy of the data with another value at a path; mappings on the way are made."""
    if not path:
        return deepcopy(value)
    key = path[0]
    if isinstance(data, list) and isinstance(key, int):
        return [put(each, path[1:], value) if index == key else each for index, each in enumerate(data)]
    known = data if isinstance(data, dict) else {}
    return {**known, key: put(known.get(key), path[1:], value)}


def same(one: object, other: object) -> bool:
    """Whether two values are the same and of the same kinds: 1 is not true."""
    return next(differences(one, other), None) is None


def differences(one: object, other: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    """The paths at which two values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {**one, **other}:
            yield from differences(one.get(key, NOTHING), other.get(key, NOTHING), (*path, key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, (*path, index))
    elif type(one) is not type(other) or one != other:
        yield path


def is_defaulted(data: object, path: KeyPath) -> bool:
    """Whether a key of a fleet comes from ``defaults``, which the fleet takes whole."""
    if len(path) < 3 or path[0] != "fleets":
        return False
    return get(data, path[:3]) is NOTHING and get(data, ("defaults", path[2])) is not NOTHING


def effective(data: object, path: KeyPath) -> object:
    """The data with what the path's fleet has from ``defaults`` written into it."""
    if not is_defaulted(data, path):
        return data
    return put(data, path[:3], get(data, ("defaults", path[2])))
