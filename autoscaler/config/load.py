"""Finding `autoscaler.yaml`, and reading it into a `Config` or into all of its problems."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import ValidationError

from autoscaler.config.edit_value import Value
from autoscaler.config.explain import NAMED, Explainer, unknown_key
from autoscaler.config.files import read_file
from autoscaler.config.fleet import Fleet
from autoscaler.config.rules import Given, clip
from autoscaler.config.schema import Config
from autoscaler.config.singleton import Singleton
from autoscaler.config.trying import NO_VALUES, with_values
from autoscaler.config.yaml_lines import Document, Fault, KeyPath, Unreadable, parse
from autoscaler.errors import ConfigError, Problem

#: Where the file is when nobody says so, first come first served.
DEFAULT_PLACES = (Path("autoscaler.yaml"), Path("/etc/autoscaler/autoscaler.yaml"))
_VARIABLE = "AUTOSCALER_CONFIG"
#: A larger file is not read.
MAX_BYTES = 1024**2


def find(explicit: Path | None, environ: Mapping[str, str]) -> Path:
    """Find the config file: what `--config` says, else $AUTOSCALER_CONFIG, else the default places.

    Raises
    ------
    ConfigError : there is no file where one was said to be, or at none of the default places.
    """
    if explicit is not None:
        return _existing(explicit, "--config")
    if said := environ.get(_VARIABLE):
        return _existing(Path(said), f"${_VARIABLE}")
    for path in DEFAULT_PLACES:
        if _exists(path):
            return path
    here, system = DEFAULT_PLACES
    looked = f"neither --config nor ${_VARIABLE} is given, and neither ./{here} nor {system} exists"
    raise ConfigError([Problem(str(here), 1, "", f"there is no config file: {looked}")])


def _existing(path: Path, given_by: str) -> Path:
    if not _exists(path):
        raise ConfigError([Problem(str(path), 1, "", f"there is no such file (given by {given_by})")])
    return path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder on the way is closed to us: reading the file will say so
        return True


def load(
    path: Path,
    environ: Mapping[str, str] = os.environ,
    *,
    content: bytes | None = None,
    elsewhere: bool = False,
    trying: Mapping[KeyPath, Value] = NO_VALUES,
) -> Config:
    """Read and validate a config file.

    ``${NAME}`` is replaced from `environ` in broker.url, broker.management_url and supervisord.url only;
    ``$${`` stands for ``${``. The content of broker.url_file is taken as it is; a relative url_file is
    meant from the config file's folder.

    `defaults` gives every fleet the keys that the fleet does not have itself, and every singleton those of
    them that a singleton has. A key is taken or left
    whole: a fleet's own `scale` or `environment` replaces the default one, they are not merged.

    Parameters
    ----------
    content : what the file shall hold, where that is not written yet.
    elsewhere : it is for a daemon whose environment and files may be others: a url that needs a variable
        which is not set here, or a url_file which cannot be read here, is not judged.
    trying : values for keys as if they stood in the file, whatever its text looks like; what is wrong with
        them has line 0.

    Raises
    ------
    ConfigError : with every problem of the file, in the order of its lines.
    """
    given = Given(environ, path.parent, elsewhere)
    try:
        document = parse(read_file(path, MAX_BYTES) if content is None else content)
    except Unreadable as error:
        faults: Iterable[Fault] = [error.fault]
    except ValueError as error:
        faults = [Fault(1, (), str(error))]
    else:
        config, faults = _validate(with_values(document, trying), given)
        if config:
            return config
    raise ConfigError(_problems(path, faults))


def _problems(path: Path, faults: Iterable[Fault]) -> list[Problem]:
    ordered = sorted(dict.fromkeys(faults), key=lambda fault: fault.line)
    return [Problem(str(path), fault.line, dotted(fault.path), fault.message) for fault in ordered]


def dotted(path: KeyPath) -> str:
    """Write a key path: ``fleets.emails.queues[0]``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{clip(part)}" for part in path)
    return "".join(parts).removeprefix(".")


def _validate(document: Document, given: Given) -> tuple[Config | None, list[Fault]]:
    """Validate a file's data; the config is None exactly when there are faults."""
    if not isinstance(document.data, dict):
        what = document.places[()].kind
        return None, [Fault(1, (), f"must be a mapping of keys such as broker and fleets, not {what}")]
    merged, inherited = _with_defaults(document.data)
    explainer = Explainer(document.places, inherited)
    faults = [*_misplaced_names(document.data, explainer)]
    faults += _default_faults(document.data.get("defaults", {}), given, explainer)
    config = None
    try:
        config = Config.model_validate(merged, context=given)
    except ValidationError as error:
        faults += explainer.faults(error)
    told = _without_consequences(faults, document.faults)
    return (None, told) if told else (config, [])


def _without_consequences(faults: Iterable[Fault], first: tuple[Fault, ...]) -> list[Fault]:
    """Drop what only follows from a value that is at fault as YAML already."""
    bad = {fault.path for fault in first}
    kept = (f for f in faults if not any(f.path[:length] in bad for length in range(1, len(f.path) + 1)))
    return [*first, *kept]


def _with_defaults(data: dict[str, object]) -> tuple[dict[str, object], dict[KeyPath, frozenset[str]]]:
    """Give fleets and singletons their names and the defaults that they lack; return too which those are."""
    merged = {key: value for key, value in data.items() if key != "defaults"}
    given = data.get("defaults")
    given = given if isinstance(given, dict) else {}
    inherited: dict[KeyPath, frozenset[str]] = {}
    for section, known in (("fleets", given.keys()), ("singletons", Singleton.known())):
        things = data.get(section)
        if not isinstance(things, dict):
            continue
        defaults = {key: value for key, value in given.items() if key in known}
        whole = {name: keys for name, keys in things.items() if isinstance(keys, dict)}
        named = {name: {**defaults, **keys, "name": name} for name, keys in whole.items()}
        merged[section] = {**things, **named}
        inherited |= {(section, name): frozenset(defaults.keys() - keys) for name, keys in whole.items()}
    return merged, inherited


def _default_faults(defaults: object, given: Given, explainer: Explainer) -> list[Fault]:
    if not isinstance(defaults, dict):
        return [Fault(explainer.line(("defaults",)), ("defaults",), "must be a mapping of keys to values")]
    try:
        Fleet.model_validate({**defaults, "name": "defaults"}, context=given)
    except ValidationError as error:
        return list(explainer.default_faults(error))
    return []


def _misplaced_names(data: dict[str, object], explainer: Explainer) -> list[Fault]:
    """Find a `name` written inside a fleet: its key is its name, and pydantic could not tell them apart."""
    owners: dict[KeyPath, object] = {("defaults",): data.get("defaults")}
    for section in NAMED:
        things = data.get(section)
        if isinstance(things, dict):
            owners |= {(section, name): keys for name, keys in things.items()}
    paths = [(*path, "name") for path, keys in owners.items() if isinstance(keys, dict) and "name" in keys]
    return [Fault(explainer.line(path), path, unknown_key("name", _known_at(path))) for path in paths]


def _known_at(path: KeyPath) -> list[str]:
    return Singleton.known() if path[0] == "singletons" else Fleet.known()
