"""The command line of a Celery worker -> the settings of a fleet."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from autoscaler.tools.takeover.options import ADDED, DROPPED, KEPT, Given, given_options

_SHELLS = frozenset({"sh", "bash", "dash", "zsh"})
_POOLS = {"processes": "prefork", "prefork": "prefork", "threads": "threads", "solo": "solo"}
#: Celery 3's own commands, and what they are now.
_OLD_NAMES = {"celeryd": "worker", "celerybeat": "beat"}
_POOLS |= {"gevent": "gevent", "eventlet": "eventlet"}


@dataclass(frozen=True, slots=True)
class WorkerCommand:
    """What a worker was started with; None and empty: not said."""

    #: The celery command: a path or a name.
    celery: str
    app: str | None = None
    queues: tuple[str, ...] = ()
    #: Queues of the app that it leaves out.
    excluded: tuple[str, ...] = ()
    concurrency: int | None = None
    pool: str | None = None
    #: As `-n` says it, with Celery's ``%h``.
    node: str | None = None
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    directory: str | None = None
    user: str | None = None
    #: May hold a password.
    broker: str | None = field(default=None, repr=False)
    #: It runs beat too.
    beat: bool = False
    #: What a fleet cannot have of it, and why.
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Start:
    """How a program gets to its `celery`: the words around it taken off."""

    celery: str
    #: Behind `celery`.
    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    directory: str | None = None
    lost: tuple[str, ...] = ()


def worker_command(words: Sequence[str]) -> WorkerCommand | None:
    """Read a program's command; None for one that is no `celery worker`."""
    start = celery_start(words)
    if start is None or subcommand(start) != "worker":
        return None
    given = list(given_options(start.words))
    given.remove(Given("", "worker"))
    return _taken(given, start)


def subcommand(start: Start) -> str:
    """What `celery` is told to be: worker, beat, flower, multi, ...; empty where it is not said."""
    words = (each.value for each in given_options(start.words) if not each.name)
    return next((word for word in words if not word.startswith("-")), "")


# --- the way to celery ------------------------------------------------------------------------------------


def celery_start(words: Sequence[str]) -> Start | None:
    """Find `celery` in a command line, behind `env`, a shell, `nice` and the like."""
    if len(words) >= 3 and Path(words[0]).name in _SHELLS and words[1] in {"-c", "-lc", "-ec"}:
        return _from_shell(words[2])
    index = next((i for i in range(len(words)) if _is_celery(words, i)), None)
    if index is None:
        return None
    environment, lost = _before(words[:index])
    kind = _OLD_NAMES.get(Path(words[index]).name)
    rest = (kind, *words[index + 1 :]) if kind else tuple(words[index + 1 :])
    return Start(_celery_of(words, index), rest, environment, lost=tuple(lost))


def _is_celery(words: Sequence[str], index: int) -> bool:
    is_users = index > 0 and words[index - 1] in {"-u", "--user", "-g"}
    return not is_users and Path(words[index]).name in {"celery", *_OLD_NAMES}


def _celery_of(words: Sequence[str], index: int) -> str:
    """The celery command; the one beside the interpreter for ``python -m celery``."""
    word = words[index]
    if "/" in word:
        return str(Path(word).with_name("celery"))
    python = next((each for each in words[:index] if Path(each).name.startswith("python")), "")
    return str(Path(python).with_name("celery")) if "/" in python else "celery"


def _before(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """What stands before celery: variables of `env` are kept, anything else is told."""
    rest, environment = [], {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name.isidentifier():
            environment[name] = value
        elif Path(word).name not in {"env", "exec"}:
            rest.append(word)
    wrapper = [word for word in rest if not Path(word).name.startswith("python") and word != "-m"]
    if wrapper and wrapper[0].endswith("manage.py"):
        return environment, [f"{wrapper[0]}: a fleet starts `celery` itself; set app to the project's"]
    told = f"{Path(wrapper[0]).name}: a fleet's command starts with celery itself" if wrapper else ""
    return environment, [told] if told else []


def _from_shell(text: str) -> Start | None:
    """Read ``cd X && source Y/bin/activate && exec celery ...``; anything else in it is told."""
    try:
        lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        tokens = list(lexer)
    except ValueError:
        return None
    parts: list[list[str]] = [[]]
    for token in tokens:
        if token in {"&&", ";"}:
            parts.append([])
        else:
            parts[-1].append(token)
    start = celery_start(parts[-1]) if parts[-1] else None
    return None if start is None else _in_shell(start, parts[:-1])


def _in_shell(start: Start, steps: Sequence[Sequence[str]]) -> Start:
    environment, lost, directory, celery = dict(start.environment), list(start.lost), None, start.celery
    for step in steps:
        match list(step):
            case ["cd", folder]:
                directory = folder
            case ["." | "source", script] if script.endswith("/bin/activate") and "/" not in celery:
                celery = str(Path(script).with_name("celery"))
            case ["export", *pairs]:
                environment |= {name: value for name, _, value in (pair.partition("=") for pair in pairs)}
            case [first, *_more]:
                lost.append(f"shell: a fleet's command starts with celery itself, without `{first}`")
    if any("$" in word for word in start.words):
        lost.append("shell: a $VARIABLE in the command stays as it is written, no shell replaces it")
    return replace(start, celery=celery, directory=directory, environment=environment, lost=tuple(lost))


# --- what it is told --------------------------------------------------------------------------------------


def _taken(given: Sequence[Given], start: Start) -> WorkerCommand:
    said = {each.name: each.value for each in given if each.name}
    concurrency, text = _concurrency(said)
    pool, pool_text = _pool(said)
    environment = dict(start.environment)
    if "config" in said:
        environment["CELERY_CONFIG_MODULE"] = said["config"]
    lost = [
        *start.lost,
        *(f"{each.spelling}: {DROPPED[each.name]}" for each in given if each.name in DROPPED),
    ]
    if "beat" in said:
        lost.append("-B: every worker of the fleet would send the periodic tasks; run celery beat on its own")
    return WorkerCommand(
        celery=start.celery,
        app=said.get("app") or None,
        queues=split_names(said.get("queues", "")),
        excluded=split_names(said.get("exclude", "")),
        concurrency=concurrency,
        pool=pool,
        node=said.get("node") or None,
        options=_options(given),
        environment=environment,
        directory=said.get("workdir") or start.directory,
        user=said.get("uid") or None,
        broker=said.get("broker") or None,
        beat="beat" in said,
        lost=(*lost, *text, *pool_text),
    )


def split_names(text: str) -> tuple[str, ...]:
    """The names in a list with commas, each once."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _concurrency(said: Mapping[str, str]) -> tuple[int | None, list[str]]:
    if "autoscale" in said:
        most = said["autoscale"].split(",")[0]
        told = f"--autoscale={said['autoscale']}: the autoscaler adds whole workers instead"
        if most.isascii() and most.isdigit() and int(most):
            return int(most), [f"{told}; concurrency is its highest number"]
        return None, [told]
    text = said.get("concurrency", "")
    if text and not (text.isascii() and text.isdigit()):
        return None, [f"-c {text}: is no number"]
    return (int(text) or None) if text else None, []


def _pool(said: Mapping[str, str]) -> tuple[str | None, list[str]]:
    text = said.get("pool")
    if not text:
        return None, []
    if text in _POOLS:
        return _POOLS[text], []
    return None, [f"-P {text}: a fleet's pool is one of {', '.join(sorted(set(_POOLS.values())))}"]


def _options(given: Sequence[Given]) -> tuple[str, ...]:
    """The options that the fleet keeps, in their present spelling; those of the app as they are."""
    words: list[str] = []
    for each in given:
        if not each.name:
            words.append(each.value)
        elif each.name in KEPT:
            words += _spelled(KEPT[each.name], each.value)
    return tuple(words)


def _spelled(spelling: str, value: str) -> list[str]:
    if not value:
        return [spelling]
    return [f"{spelling}={value}"] if spelling.startswith("--") else [spelling, value]


#: Every option is kept, dropped with a word, or has a key of its own.
HANDLED = (
    frozenset(KEPT)
    | frozenset(DROPPED)
    | ADDED
    | {"app", "queues", "exclude", "concurrency", "pool", "workdir", "uid", "beat", "autoscale", "config"}
)
