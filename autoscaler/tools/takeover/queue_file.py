"""CloudMesh-style queue files: ``NAME: {id, app, count, queue, concurrency}``, at any depth.

Source: etc/cloudmesh_celery.yaml and fabfile/queue.py of https://github.com/cloudmesh/cloudmesh1.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from autoscaler.errors import TakeoverError
from autoscaler.tools.takeover.command import split_names
from autoscaler.tools.takeover.drafts import OldWorkers

_KEYS = frozenset({"id", "app", "count", "queue", "queues", "concurrency"})
_LOADER = yaml.SafeLoader
_MARKS = frozenset({"app", "queue", "queues", "count"})

#: Key -> value node, of one mapping.
_Entry = dict[str, yaml.Node]


def queue_file(file: Path, text: str, cores: int) -> tuple[tuple[OldWorkers, ...], tuple[str, ...]]:
    """Read a queue file.

    Parameters
    ----------
    cores : of this machine, for entries that say no concurrency (Celery's own default).

    Returns
    -------
    The workers, and what was not carried over, line by line.

    Raises
    ------
    TakeoverError : it is no YAML, or holds no entry.
    """
    try:
        root = yaml.compose(text, _LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}" if mark else ""
        raise TakeoverError(f"{file}{where}: is no YAML: {getattr(error, 'problem', error)}") from None
    except RecursionError:
        raise TakeoverError(f"{file}: is nested too deeply") from None
    found, notes = [], []
    for name, entry, line in _entries(root):
        workers, told = _workers(file, name, entry, line, cores)
        notes += told
        if workers is not None:
            found.append(workers)
    if not found:
        raise TakeoverError(f"{file}: no NAME: {{id, app, count, queue, concurrency}} in it" + _list(notes))
    return tuple(found), tuple(notes)


def _list(notes: list[str]) -> str:
    return "".join(f"\n{note}" for note in notes)


def _entries(node: yaml.Node | None, depth: int = 0) -> Iterator[tuple[str, _Entry, int]]:
    """Every mapping that looks like an entry, with its name and line."""
    if not isinstance(node, yaml.MappingNode) or depth > 10:
        return
    for key, value in node.value:
        if not isinstance(value, yaml.MappingNode) or not isinstance(key, yaml.ScalarNode):
            continue
        inner = _entry(value)
        if inner.keys() & _MARKS and not any(isinstance(v, yaml.MappingNode) for v in inner.values()):
            yield key.value, inner, key.start_mark.line + 1
        else:
            yield from _entries(value, depth + 1)


def _entry(node: yaml.MappingNode) -> _Entry:
    return {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def _workers(
    file: Path, name: str, entry: _Entry, line: int, cores: int
) -> tuple[OldWorkers | None, list[str]]:
    told = [
        f"{_at(file, name, entry[key])}: {key}: a fleet has no such key" for key in entry if key not in _KEYS
    ]
    if "id" in entry:
        told.append(f"{_at(file, name, entry['id'])}: id: workers are named after the fleet, {name}-01, ...")
    app, queues = _text(entry, "app"), _names(entry)
    if not app:
        told.append(
            f"{file}:{line}: {name}: has no app, so that no worker of it can start; the entry is left out"
        )
        return None, told
    count, count_told = _number(file, name, entry, "count", 1)
    concurrency, concurrency_told = _number(file, name, entry, "concurrency", cores)
    why = (
        {}
        if "concurrency" in entry
        else {"concurrency": f"not said there; Celery's default, the {cores} cores here"}
    )
    if not queues:
        told.append(f"{file}:{line}: {name}: says no queue; taken for one of its own name")
    workers = OldWorkers(
        name, count, app, queues or (name,), max(concurrency, 1), source=f"{file}:{line}", why=why
    )
    return workers, [*told, *count_told, *concurrency_told]


def _at(file: Path, name: str, node: yaml.Node) -> str:
    return f"{file}:{node.start_mark.line + 1}: {name}"


def _text(entry: _Entry, key: str) -> str:
    node = entry.get(key)
    return str(node.value).strip() if isinstance(node, yaml.ScalarNode) else ""


def _names(entry: _Entry) -> tuple[str, ...]:
    node = entry.get("queue", entry.get("queues"))
    if isinstance(node, yaml.SequenceNode):
        return tuple(
            dict.fromkeys(str(item.value) for item in node.value if isinstance(item, yaml.ScalarNode))
        )
    return split_names(str(node.value)) if isinstance(node, yaml.ScalarNode) else ()


def _number(file: Path, name: str, entry: _Entry, key: str, default: int) -> tuple[int, list[str]]:
    if key not in entry:
        return default, []
    text = _text(entry, key)
    if text.isascii() and text.isdigit() and int(text) < 1000:
        return int(text), []
    return default, [f"{_at(file, name, entry[key])}: {key}: is no number below 1000; taken for {default}"]
