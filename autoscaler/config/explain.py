"""pydantic's errors -> problems in our words, at the lines of the values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from autoscaler.config.fleet import FallbackKeys, Fleet
from autoscaler.config.kinds import Keys
from autoscaler.config.rules import SECRET_KEYS, Blame, Conflict, NotJudged, WrongKind, clip, show
from autoscaler.config.scale import Scale, ScheduleKeys, ThresholdScale
from autoscaler.config.schema import Broker, Config, Console, Host, Supervisord
from autoscaler.config.singleton import Singleton
from autoscaler.config.yaml_lines import Fault, KeyPath, Kind, Place
from autoscaler.text import nearest

#: What stands where; ``*`` is any fleet, or any entry of a list.
_MODELS: dict[KeyPath, type[Keys]] = {
    (): Config,
    ("broker",): Broker,
    ("supervisord",): Supervisord,
    ("console",): Console,
    ("host",): Host,
    ("fleets", "*"): Fleet,
    ("fleets", "*", "scale"): Scale,
    ("fleets", "*", "scale", "threshold"): ThresholdScale,
    ("fleets", "*", "scale", "schedule", "*"): ScheduleKeys,
    ("fleets", "*", "fallback"): FallbackKeys,
    ("singletons", "*"): Singleton,
}

#: Keys of the config that hold things by name.
NAMED = ("fleets", "singletons")

OF_A_FLEET = "it is a fleet's"

#: What was wanted where pydantic found another type.
_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "model_type": "a mapping of keys to values",
    "mapping_type": "a mapping of keys to values",
    "dict_type": "a mapping of keys to values",
}


@dataclass(frozen=True)
class Explainer:
    """Knows the file that the validated data came from."""

    places: Mapping[KeyPath, Place]
    #: By path of a fleet or singleton: the keys that it has from `defaults`.
    inherited: Mapping[KeyPath, frozenset[str]]

    def faults(self, error: ValidationError) -> Iterator[Fault]:
        """Tell every error of the whole config; those of `defaults` itself are left to `default_faults`."""
        for detail in error.errors(include_url=False, include_input=False):
            rule, path = _rule(detail), _path(detail)
            source = self._source(path)
            if isinstance(rule, NotJudged) or (source != path and not isinstance(rule, Conflict)):
                continue
            message = self._message(detail, rule, source)
            if isinstance(rule, Conflict) and source != path:
                if self._all_inherited(path, rule):
                    path = source
                else:
                    message += f"; {path[2]} comes from defaults"
            yield Fault(self.line(source), path, message)

    def default_faults(self, error: ValidationError) -> Iterator[Fault]:
        """Tell what is wrong with `defaults`, validated as a fleet of its own that need not be complete."""
        for detail in error.errors(include_url=False, include_input=False):
            rule, incomplete = _rule(detail), detail["type"] == "missing" and len(detail["loc"]) == 1
            if incomplete or isinstance(rule, NotJudged | Conflict):
                continue
            path = ("defaults", *_path(detail))
            yield Fault(self.line(path), path, self._message(detail, rule, path))

    def line(self, path: KeyPath) -> int:
        """Give the line of a key path, or of the nearest one above it that is written."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places[path].line if path in self.places else 1

    def _source(self, path: KeyPath) -> KeyPath:
        if len(path) > 2 and path[2] in self.inherited.get(path[:2], ()):
            return ("defaults", *path[2:])
        return path

    def _all_inherited(self, path: KeyPath, rule: Conflict) -> bool:
        return self.inherited[path[:2]].issuperset(rule.others)

    def _message(self, detail: ErrorDetails, rule: Exception | None, path: KeyPath) -> str:
        kind = detail["type"]
        if isinstance(rule, WrongKind) or kind in _WANTED:
            return self._wrong_kind(path, rule.wanted if isinstance(rule, WrongKind) else _WANTED[kind])
        if rule:
            return str(rule)
        if kind == "extra_forbidden":
            return _unknown_key(path)
        if kind == "missing":
            return _missing(path)
        if kind == "literal_error":
            choices = str(detail.get("ctx", {}).get("expected", "")).replace("'", "")
            return f"{self._shown(path)} is not one of {choices}"
        return f"{self._shown(path)} is not valid here"

    def _shown(self, path: KeyPath) -> str:
        place = self.places.get(path)
        if place is None or not place.raw or not SECRET_KEYS.isdisjoint(path):
            return "this value"
        return show(place.raw) if place.kind is Kind.TEXT else clip(place.raw)

    def _wrong_kind(self, path: KeyPath, wanted: str) -> str:
        place = self.places.get(path)
        if place is None:
            return f"must be {wanted}"
        shown = "" if place.kind is Kind.TEXT and wanted.startswith("a mapping") else self._shown(path)
        if wanted == "text" and place.kind in (Kind.NUMBER, Kind.TRUTH):
            return f"YAML reads {shown} as {place.kind}; quote it if it is meant as text"
        found = f"{shown} ({place.kind})" if shown and place.raw else place.kind
        return f"must be {wanted}, not {found}"


def _rule(detail: ErrorDetails) -> Exception | None:
    """Give the error that one of our rules raised; None where pydantic's own check failed."""
    found = detail.get("ctx", {}).get("error")
    return found if isinstance(found, Exception) else None


def _path(detail: ErrorDetails) -> KeyPath:
    """Give the key path that an error is about: of the fleet for its name, of the entry for its key."""
    path: KeyPath = tuple(part for part in detail["loc"] if part != "[key]")
    rule = _rule(detail)
    if isinstance(rule, Conflict):
        path = (*path, *rule.at)
    if isinstance(rule, Blame):
        path = (*path[:-1], rule.key)
    if len(path) == 3 and path[0] in NAMED and path[2] == "name" and detail["type"] != "extra_forbidden":
        path = path[:-1]
    return path


def _model(path: KeyPath) -> type[Keys]:
    if path[:1] == ("defaults",):
        path = ("fleets", "*", *path[1:])
    elif path and path[0] in NAMED:
        path = (path[0], "*", *path[2:])
    return _MODELS[tuple("*" if isinstance(part, int) else part for part in path)]


def known_keys(path: KeyPath) -> list[str]:
    """The keys that a mapping may have, in the order of the docs; none where they are the user's own."""
    try:
        return _model(path).known()
    except KeyError:
        return []


def _unknown_key(path: KeyPath) -> str:
    key = str(path[-1])
    if len(path) == 1 and key in Fleet.known():
        return f"is not a known key here: {OF_A_FLEET}"
    if _model(path[:-1]) is Fleet and key in Scale.known():
        return f"is not a known key; did you mean scale.{key}?"
    return unknown_key(str(path[-1]), _model(path[:-1]).known())


def unknown_key(key: str, known: list[str]) -> str:
    """Say that a key is not known and which one may have been meant."""
    hint = nearest(key, known, otherwise=f"known here are {', '.join(known)}")
    return f"is not a known key; {hint}"


def _missing(path: KeyPath) -> str:
    field = _model(path[:-1]).fields()[str(path[-1])]
    return f"is missing: {field.description}".partition(". ")[0] if field.description else "is missing"
