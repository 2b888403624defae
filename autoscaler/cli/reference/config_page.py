"""docs/configuration.md, from the config's JSON schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml

from autoscaler.config import json_schema

_INTRO = """\
# Configuration

Everything is in one file of YAML: what `--config` names, else `$AUTOSCALER_CONFIG`, else `./autoscaler.yaml`,
else `/etc/autoscaler/autoscaler.yaml`. `autoscaler check` says all that is wrong with it, with line, key,
value and rule. The daemon reads it again when it changes, and goes on with the last good one where the new
one is wrong. `autoscaler set` changes a key in place and keeps the comments.

A key that is not known is an error. A key of a fleet may stand under `defaults:` as well, for all fleets that
do not have it themselves. It is taken whole: a fleet's own `scale` replaces the default one.

| kind | how it is written |
| --- | --- |
| duration | a number with a unit: `500ms`, `30s`, `2m`, `1h`, `1d`, or several: `1h30m` |
| size | bytes with a unit: `512MiB`, `1GiB`, `1GB`, `100KiB` |
| rate | so many within a time: `4/15s` |
| text | quoted where YAML would read something else: `"0123"`, `"yes"` |

## In an editor

[autoscaler.schema.json](autoscaler.schema.json) (`autoscaler schema` prints it) gives editors completion,
descriptions and checks. With yaml-language-server (VS Code's YAML extension, Neovim, Emacs, ...) it takes one
line at the top of the config, with the path or address of the schema:

```yaml
# yaml-language-server: $schema=./autoscaler.schema.json
```

An editor knows what each value looks like; rules between two keys, such as `min_workers` and `max_workers`,
only `autoscaler check` knows.
"""

#: A cell that has nothing to say.
_NOTHING = "-"
_TYPES = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "string": "text",
    "object": "mapping",
}

Schema = dict[str, Any]


def config_page() -> str:
    """The page: every key with its type, default, meaning and an example, as Markdown."""
    sections = (_section(path, model) for path, model in _sections(json_schema()))
    lines = [_INTRO.rstrip(), *(line for section in sections for line in section)]
    return "\n".join(lines).rstrip() + "\n"


def _sections(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Every mapping of known keys, with the path that leads to it."""
    yield "", schema
    yield from _below("", schema, schema["$defs"])


def _below(path: str, model: Schema, models: dict[str, Schema]) -> Iterator[tuple[str, Schema]]:
    for name, key in model["properties"].items():
        found = _reference(key)
        if found and found[0] != "Defaults":
            inner = f"{path}.{name}{found[1]}".removeprefix(".")
            yield inner, models[found[0]]
            yield from _below(inner, models[found[0]], models)


def _reference(key: Schema) -> tuple[str, str] | None:
    """The model that a key's value is of, and what leads to it: ``.NAME`` in a mapping, ``[]`` in a list."""
    if "$ref" in key:
        return key["$ref"].rpartition("/")[2], ""
    for inner, between in ((key.get("additionalProperties"), ".NAME"), (key.get("items"), "[]")):
        if isinstance(inner, dict) and (found := _reference(inner)):
            return found[0], between + found[1]
    return next((found for each in key.get("anyOf", []) if (found := _reference(each))), None)


def _section(path: str, model: Schema) -> Iterator[str]:
    yield from ("", f"## {path or 'Top level'}", "")
    if path:
        yield from (model["description"], "")
    yield from ("| key | type | default | meaning | example |", "| --- | --- | --- | --- | --- |")
    for name, key in model["properties"].items():
        cells = (
            f"`{name}`",
            _type(key, path, name),
            _default(key, name, model),
            _meaning(key),
            _example(key),
        )
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _type(key: Schema, path: str, name: str) -> str:
    found = _reference(key)
    if found and found[0] == "Defaults":
        return "[a fleet's keys](#fleetsname)"
    if found:
        where = f"{path}.{name}{found[1]}".removeprefix(".")
        return f"[{'list' if '[]' in found[1] else 'mapping'}](#{_anchor(where)})"
    if "enum" in key:
        return "one of " + ", ".join(f"`{each}`" for each in key["enum"])
    if "anyOf" in key:
        return next(_type(each, path, name) for each in key["anyOf"] if each.get("type") != "null")
    if key.get("type") == "array":
        return f"list of {_type(key['items'], path, name)}s"
    return str(key.get("title") or _TYPES.get(str(key.get("type")), _NOTHING)) + _range(key)


def _range(key: Schema) -> str:
    low, high = key.get("minimum"), key.get("maximum")
    if low is None:
        return ""
    return f", {low:g} to {high:g}" if high is not None else f", at least {low:g}"


def _default(key: Schema, name: str, model: Schema) -> str:
    if name in model.get("required", ()):
        return "needed"
    default = key.get("default")
    return f"`{_written(default)}`" if default is not None else _NOTHING


def _meaning(key: Schema) -> str:
    text = str(key.get("description", "")).replace("<", "&lt;")
    return text[:1].upper() + text[1:]


def _example(key: Schema) -> str:
    examples = key.get("examples")
    return f"`{_written(examples[0])}`" if examples else ""


def _written(value: object) -> str:
    """A value as the file has it, on one line."""
    if value is True or value is False:
        return json.dumps(value)
    if isinstance(value, str):
        dumped: str = yaml.safe_dump(value, width=10**6)
        return dumped.removesuffix("...\n").strip()
    dumped = yaml.safe_dump([value], default_flow_style=True, sort_keys=False, width=10**6)
    return dumped.strip()[1:-1]


def _anchor(title: str) -> str:
    return "".join(each for each in title.lower() if each.isalnum() or each in "_-")
