"""`/etc/default/celeryd`, the defaults of Celery's init scripts, and the arguments of `celery multi`.

Source: https://docs.celeryq.dev/en/stable/userguide/daemonizing.html
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from autoscaler.errors import TakeoverError
from autoscaler.tools.takeover.command import WorkerCommand, worker_command
from autoscaler.tools.takeover.drafts import OldWorkers

_ASSIGNMENT = re.compile(r"\s*(?P<export>export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)")
_REFERENCE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
#: ``-c:w1`` or ``--concurrency:w1,w2``.
_FOR_NODES = re.compile(r"(?P<option>--?[A-Za-z][A-Za-z-]*):(?P<nodes>[A-Za-z0-9_@.,%-]+)")
_SETTINGS = frozenset(
    (
        "CELERYD_NODES",
        "CELERY_BIN",
        "CELERY_APP",
        "CELERYD_CHDIR",
        "CELERYD_OPTS",
        "CELERYD_USER",
        "CELERYD_LOG_LEVEL",
    )
)
_LOST = {
    "CELERYD_GROUP": "supervisord gives a program its user's own group",
    "CELERYD_LOG_FILE": "each worker's output goes to a file of its own in log_dir",
    "CELERYD_PID_FILE": "under supervisord a pid file only keeps a worker from starting again",
    "CELERY_CREATE_DIRS": "the autoscaler makes its own folders",
    "CELERY_CREATE_RUNDIR": "the autoscaler makes its own folders",
    "CELERY_CREATE_LOGDIR": "the autoscaler makes its own folders",
    "CELERYD_MULTI": "supervisord starts each worker itself",
}


def is_celeryd(text: str) -> bool:
    """Whether a text looks like such a file."""
    return (
        re.search(r"^\s*(?:export\s+)?CELERY(?:D_NODES|D_OPTS|_BIN|_APP|D_CHDIR)=", text, re.MULTILINE)
        is not None
    )


def celeryd(file: Path, text: str, cores: int) -> tuple[tuple[OldWorkers, ...], tuple[str, ...]]:
    """Read a defaults file; see `queue_file` for what comes out.

    Raises
    ------
    TakeoverError : its options cannot be read.
    """
    values, lines, exported, told = _assignments(file, text)
    told += [f"{file}:{lines[name]}: {name}: {why}" for name, why in _LOST.items() if name in values]
    try:
        options = shlex.split(values.get("CELERYD_OPTS", ""))
    except ValueError:
        line = lines["CELERYD_OPTS"]
        raise TakeoverError(f"{file}:{line}: CELERYD_OPTS: a quote is not closed") from None
    source = f"{file}:{lines.get('CELERYD_NODES', 1)}"
    if any(name.startswith("CELERYBEAT_") for name in values):
        told.append(f"{file}: CELERYBEAT_*: beat is no worker; run it on its own")
    environment = {name: values[name] for name in exported if name not in _SETTINGS | _LOST.keys()}
    nodes = _nodes(values.get("CELERYD_NODES", "celery"))
    found = [
        _workers(nodes_alike, words, values, environment, source=source, cores=cores)
        for words, nodes_alike in _by_words(nodes, options).items()
    ]
    return tuple(found), tuple(told)


def _assignments(file: Path, text: str) -> tuple[dict[str, str], dict[str, int], list[str], list[str]]:
    """Values, their lines, the names that are exported, and the lines that only a shell could read."""
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    exported: list[str] = []
    told: list[str] = []
    for number, line in _joined(text):
        match = _ASSIGNMENT.fullmatch(line)
        if match is None:
            told.append(f"{file}:{number}: is no NAME=value; only a shell could tell what it does")
            continue
        try:
            value = " ".join(shlex.split(match["value"], comments=True))
        except ValueError:
            told.append(f"{file}:{number}: {match['name']}: a quote is not closed")
            continue
        name = match["name"]
        values[name] = _REFERENCE.sub(lambda m: values.get(m[1] or m[2], m[0]), value)
        lines[name] = number
        if match["export"]:
            exported.append(name)
    return values, lines, exported, told


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Lines with those that a backslash continues, without comments and empty ones."""
    number, line = 0, ""
    for here, part in enumerate(text.splitlines(), 1):
        number = number or here
        line += part.removesuffix("\\")
        if part.endswith("\\"):
            continue
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()
        number, line = 0, ""


def _nodes(text: str) -> tuple[str, ...]:
    if text.isascii() and text.isdigit():
        return tuple(f"celery{number}" for number in range(1, min(int(text), 999) + 1))
    return tuple(text.split()) or ("celery",)


def _by_words(nodes: Sequence[str], options: Sequence[str]) -> Mapping[tuple[str, ...], list[str]]:
    """The nodes by the options that hold for them."""
    found: dict[tuple[str, ...], list[str]] = {}
    for number, node in enumerate(nodes, 1):
        found.setdefault(tuple(_words_for({node, str(number), node.partition("@")[0]}, options)), []).append(
            node
        )
    return found


def _words_for(names: set[str], options: Sequence[str]) -> Iterator[str]:
    rest = list(options)
    while rest:
        word = rest.pop(0)
        spelling, equals, value = word.partition("=")
        match = _FOR_NODES.fullmatch(spelling)
        if match is None:
            yield word
            continue
        mine = names & _expanded(match["nodes"])
        more = [value] if equals else ([rest.pop(0)] if rest else [])
        if mine:
            yield from ([f"{match['option']}={more[0]}"] if equals else [match["option"], *more])


def _expanded(nodes: str) -> set[str]:
    """``1-3,5`` as numbers, names as they are."""
    found: set[str] = set()
    for part in nodes.split(","):
        first, dash, last = part.partition("-")
        if dash and first.isdigit() and last.isdigit() and int(last) < 1000:
            found |= {str(number) for number in range(int(first), int(last) + 1)}
        else:
            found.add(part)
    return found


def _workers(
    nodes: Sequence[str],
    words: Sequence[str],
    values: Mapping[str, str],
    environment: Mapping[str, str],
    *,
    source: str,
    cores: int,
) -> OldWorkers:
    level = values.get("CELERYD_LOG_LEVEL")
    said = ["-l", level] if level else []
    app = ["-A", values["CELERY_APP"]] if values.get("CELERY_APP") else []
    celery = values.get("CELERY_BIN", "celery")
    command = worker_command([celery, *app, "worker", *said, *words])
    if command is None:
        raise TakeoverError(f"{source}: CELERY_BIN is no celery command")
    return OldWorkers(
        name=nodes[0].partition("@")[0],
        count=len(nodes),
        app=command.app or "celery",
        queues=command.queues or ("celery",),
        concurrency=command.concurrency or cores,
        pool=command.pool or "prefork",
        celery=command.celery,
        directory=values.get("CELERYD_CHDIR") or command.directory,
        user=values.get("CELERYD_USER") or None,
        environment=environment,
        options=command.options,
        source=source,
        lost=command.lost,
        why=_why(command, cores),
    )


def _why(command: WorkerCommand, cores: int) -> dict[str, str]:
    """Why a key has its value, where the file does not say it."""
    why = {}
    if not command.concurrency:
        why["concurrency"] = f"no -c there; Celery's default, the {cores} cores here"
    if not command.queues:
        why["queues"] = "no -Q there; Celery's default, unless the app says otherwise"
    if not command.app:
        why["app"] = "CELERY_APP is not set: check this"
    return why
