"""Drafts of fleets -> the text of a config, with a comment on every line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from autoscaler.text import count, plain
from autoscaler.tools.takeover.drafts import FleetDraft

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./@+-]*(?::[A-Za-z0-9_./@+-]+)*")
_DURATION = re.compile(r"[0-9]+(?:ms|s|m|h|d)|[0-9]+(?:MiB|GiB)")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
_SECRET = re.compile(r"passw|secret|token|credential|private|(?:^|_)key(?:$|_)|dsn", re.IGNORECASE)
_SECRET_URL = re.compile(r"://[^/@\s]*:[^/@\s]+@")
#: Where comments start, if the value leaves room.
_COLUMN = 44
_WIDTH = 110
#: Letters of a comment at most.
_LONGEST = 600


def scalar(value: str | int | float) -> str:
    """Write one value so that the config reads it back the same."""
    if not isinstance(value, str):
        return str(value)
    plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
    return value if plain or _DURATION.fullmatch(value) else json.dumps(value, ensure_ascii=False)


def listed(values: Iterable[str]) -> str:
    """Write a list on one line."""
    return f"[{', '.join(_in_list(value) for value in values)}]"


def _in_list(value: str) -> str:
    return scalar(value) if ":" not in value else json.dumps(value, ensure_ascii=False)


def line(indent: int, text: str, comment: str = "") -> str:
    """One line with its comment, which goes above where there is no room behind."""
    pad = " " * indent
    comment = " ".join(plain(comment, _LONGEST).split())
    if not comment:
        return f"{pad}{text}\n"
    room = f"{pad}{text}".ljust(_COLUMN) + f"  # {comment}"
    if len(room) <= _WIDTH:
        return room + "\n"
    return "".join(f"{pad}# {part}\n" for part in wrapped(comment, _WIDTH - indent - 2)) + f"{pad}{text}\n"


def wrapped(text: str, width: int) -> list[str]:
    """Break a text into lines; a longer word stays whole."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def is_secret(name: str, value: str) -> bool:
    """Whether an environment variable seems to hold a password."""
    return bool(value) and bool(_SECRET.search(name) or _SECRET_URL.search(value))


def secrets_in(drafts: Iterable[FleetDraft]) -> list[str]:
    """The variables of all fleets that seem to hold passwords."""
    pairs = (pair for draft in drafts for pair in draft.workers.environment.items())
    return sorted({name for name, value in pairs if is_secret(name, value)})


def fleets_text(drafts: Sequence[FleetDraft], *, hide: bool = False) -> str:
    """Write `fleets:`.

    Parameters
    ----------
    hide : whether what seems to be a password is not to be shown.
    """
    if not drafts:
        return line(0, "fleets: {}", "no Celery worker was found; each fleet is a set of identical workers")
    head = line(0, "fleets:", "each a set of identical workers on the same queues")
    return head + "\n".join(_fleet_text(draft, hide) for draft in drafts)


def _fleet_text(draft: FleetDraft, hide: bool) -> str:
    workers, why = draft.workers, draft.workers.why
    about = (
        f"today {count(workers.count)} in {'; '.join(draft.sources)}" if draft.sources else "no worker today"
    )
    lines = [line(2, f"{scalar(draft.name)}:", about)]
    lines += [f"    # not carried over: {' '.join(plain(text, _LONGEST).split())}\n" for text in workers.lost]
    lines.append(line(4, f"app: {scalar(workers.app)}", why.get("app", "as celery -A takes it")))
    lines.append(
        line(4, f"queues: {listed(workers.queues)}", why.get("queues", "what its workers take tasks from"))
    )
    lines.append(
        line(
            4,
            f"concurrency: {workers.concurrency}",
            why.get("concurrency", "tasks that one worker runs at once"),
        )
    )
    if workers.pool != "prefork":
        lines.append(line(4, f"pool: {workers.pool}", "how one worker runs its tasks, as celery -P"))
    lines += _size_lines(draft)
    lines += _process_lines(draft, hide)
    return "".join(lines)


def _size_lines(draft: FleetDraft) -> list[str]:
    alone = "one task at a time, as today"
    least = alone if draft.fixed else "never fewer; 0: none when nothing waits"
    most = (
        "a fixed fleet; for more raise this and add scale: {max_wait: 30s}"
        if draft.fixed
        else _why_most(draft)
    )
    lines = [
        line(4, f"min_workers: {draft.min_workers}", least),
        line(4, f"max_workers: {draft.max_workers}", most),
    ]
    if not draft.fixed:
        told = "a task should start within this time"
        lines += [line(4, "scale:", "what decides between the two"), line(6, "max_wait: 30s", told)]
    return lines


def _why_most(draft: FleetDraft) -> str:
    workers = draft.workers
    if draft.max_workers == workers.count and draft.sources:
        return "as many as there are today; more if the machine bears them"
    slots = draft.max_workers * workers.concurrency
    today = f"; {count(workers.count)} today" if draft.sources else ""
    return f"{slots} tasks at once, what this machine seems to bear{today}"


def _process_lines(draft: FleetDraft, hide: bool) -> list[str]:
    workers, why = draft.workers, draft.workers.why
    lines = [
        line(4, f"celery: {scalar(workers.celery)}", why.get("celery", "the command that starts a worker"))
    ]
    if workers.directory:
        lines.append(line(4, f"directory: {scalar(workers.directory)}", "the folder that workers start in"))
    if workers.user:
        lines.append(
            line(4, f"user: {scalar(workers.user)}", why.get("user", "the user that workers run as"))
        )
    if workers.environment:
        lines.append(line(4, "environment:", "variables beside those of supervisord itself"))
        for name, value in workers.environment.items():
            secret = is_secret(name, value)
            told = "keep this file unreadable for others" if secret else "as it is today"
            lines.append(
                line(
                    6,
                    f"{scalar(name)}: {json.dumps('...' if hide and secret else value, ensure_ascii=False)}",
                    told,
                )
            )
    if workers.options:
        lines.append(line(4, f"options: {listed(workers.options)}", "more arguments of celery worker"))
    return lines
