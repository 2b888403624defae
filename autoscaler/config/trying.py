"""Values on trial: put into a document's data, and not into its text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from autoscaler.config.data import effective, put
from autoscaler.config.edit_value import Value, in_flow
from autoscaler.config.yaml_lines import Document, KeyPath, Place, parse

NO_VALUES: Mapping[KeyPath, Value] = MappingProxyType({})


def with_values(document: Document, values: Mapping[KeyPath, Value]) -> Document:
    """A document with other values at some key paths; their places have line 0, as they stand nowhere."""
    for path, value in values.items():
        document = _with_value(document, path, value)
    return document


def _with_value(document: Document, path: KeyPath, value: Value) -> Document:
    def replaced(at: KeyPath) -> bool:
        return at[: len(path)] == path

    return Document(
        put(effective(document.data, path), path, value.data),
        {at: place for at, place in document.places.items() if not replaced(at)} | dict(_places(path, value)),
        tuple(fault for fault in document.faults if not replaced(fault.path)),
    )


def _places(path: KeyPath, value: Value) -> Iterator[tuple[KeyPath, Place]]:
    for at, place in parse(f"value: {in_flow(value.data)}".encode()).places.items():
        if at:
            yield (*path, *at[1:]), replace(place, line=0)
