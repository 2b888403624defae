"""The way from the top of a YAML file to a key, through aliases and merges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from autoscaler.config.yaml_lines import KeyPath
from autoscaler.config.yaml_tree import MERGE, Alias, Mapping, Node, Pair, Scalar, Sequence


@dataclass(frozen=True, slots=True)
class Via:
    """Where a way first leaves what is written for the path alone."""

    #: Keys of the path in front of it.
    depth: int
    #: The alias that stands for the value there, or the mapping that merges the next key in.
    node: Node
    #: That the value comes from; empty for a mapping that is merged in without one.
    anchor: str


@dataclass(frozen=True, slots=True)
class Walk:
    """How far a path leads."""

    path: KeyPath
    #: Keys of the path that are there.
    depth: int
    #: What they lead to.
    node: Node
    #: The last key on the way; None at the top, and in a list.
    pair: Pair | None = None
    via: Via | None = None

    @property
    def rest(self) -> KeyPath:
        """The keys that are not there."""
        return self.path[self.depth :]

    @property
    def name(self) -> str:
        """The last key that is there."""
        return str(self.path[self.depth - 1]) if self.depth else "the file"


def walk(root: Node, path: KeyPath) -> Walk:
    """Go as far as a path leads; aliases and merges are followed."""
    anchors: dict[str, Node] = {
        node.anchor: node for node in _nodes(root) if not isinstance(node, Alias) and node.anchor
    }
    here = Walk(path, 0, root)
    while True:
        here = _followed(here, anchors)
        if here.depth == len(path):
            return here
        step = _step(here, anchors)
        if step is None:
            return here
        here = step


def _followed(here: Walk, anchors: dict[str, Node]) -> Walk:
    node = here.node
    if not isinstance(node, Alias):
        return here
    via = here.via or Via(here.depth, node, node.anchor)
    return replace(here, node=anchors[node.anchor], via=via)


def _step(here: Walk, anchors: dict[str, Node]) -> Walk | None:
    node, key, path, depth = here.node, here.path[here.depth], here.path, here.depth + 1
    if isinstance(node, Sequence) and isinstance(key, int):
        return Walk(path, depth, node.items[key], None, here.via) if key < len(node.items) else None
    if not isinstance(node, Mapping):
        return None
    if pair := node.pair(str(key)):
        return Walk(path, depth, pair.value, pair, here.via)
    for anchor, merged in _merged(node, anchors):
        if pair := merged.pair(str(key)):
            return Walk(path, depth, pair.value, pair, here.via or Via(here.depth, node, anchor))
    return None


def _merged(node: Mapping, anchors: dict[str, Node]) -> Iterator[tuple[str, Mapping]]:
    """What a mapping merges in, the first to win first, with the anchor it is known by."""
    for pair in node.pairs:
        if isinstance(pair.key, Scalar) and pair.key.value == MERGE and not pair.key.style:
            sources = pair.value.items if isinstance(pair.value, Sequence) else (pair.value,)
            for source in sources:
                found = anchors[source.anchor] if isinstance(source, Alias) else source
                if isinstance(found, Mapping):
                    yield found.anchor, found
                    yield from _merged(found, anchors)


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Mapping):
        for pair in node.pairs:
            yield from _nodes(pair.key)
            yield from _nodes(pair.value)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _nodes(item)
