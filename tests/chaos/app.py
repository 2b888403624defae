"""The Celery app of the chaos suite: every kind of task, each noting when it begins and when it ends.

Environment
-----------
CELERY_BROKER_URL : of the real broker; only the daemon goes through the proxies.
CHAOS_FOLDER : of the system; `journal` is in it, and the flags `crash` and `never-ready`, which hold the
    worker names (prefixes) that they are meant for.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from celery import Celery, Task
from celery.exceptions import SoftTimeLimitExceeded

from chaos.queues import queue

FOLDER = Path(os.environ.get("CHAOS_FOLDER", "."))
#: The exit status of a worker that was told to crash.
CRASH = 3
LATE: dict[str, Any] = {"acks_late": True, "reject_on_worker_lost": True}
TRIES = 2


def _told_to(flag: str) -> bool:
    path = FOLDER / flag
    name = os.environ.get("SUPERVISOR_PROCESS_NAME", "-")
    try:
        return any(name.startswith(prefix) for prefix in path.read_text().split())
    except FileNotFoundError:
        return False


if _told_to("crash"):
    sys.exit(CRASH)
while _told_to("never-ready"):
    time.sleep(0.1)

app = Celery("chaos", broker=os.environ.get("CELERY_BROKER_URL", "amqp://"))
app.conf.update(
    broker_connection_retry_on_startup=True,
    # Workers of a broker that is away for seconds are to come back within seconds.
    broker_connection_max_retries=None,
    task_ignore_result=True,
    task_create_missing_queues=True,
    task_queues=[queue(name) for name in os.environ.get("CHAOS_QUEUES", "").split()],
)


@app.task(name="chaos.early", bind=True)
def early(task: Task, seconds: float) -> None:
    """Acknowledged before it runs."""
    _run(task, seconds)


@app.task(name="chaos.late", bind=True, **LATE)
def late(task: Task, seconds: float) -> None:
    """Acknowledged after it ran, also when it is published with a countdown."""
    _run(task, seconds)


@app.task(name="chaos.retried", bind=True, max_retries=TRIES, **LATE)
def retried(task: Task, seconds: float) -> None:
    """Fails at first, and asks for another try."""
    _run(task, seconds, end="done" if task.request.retries >= TRIES - 1 else "again")
    if task.request.retries < TRIES - 1:
        raise task.retry(countdown=0.5)


@app.task(name="chaos.soft_limit", bind=True, soft_time_limit=1, **LATE)
def soft_limit(task: Task, seconds: float) -> None:
    """Stopped by its soft time limit; a worker that loses the broker forgets its timers and lets it end."""
    _note(task, "begin")
    with contextlib.suppress(SoftTimeLimitExceeded):
        time.sleep(10 + seconds)
    _note(task, "done")


@app.task(name="chaos.hard_limit", bind=True, time_limit=1, **LATE)
def hard_limit(task: Task, seconds: float) -> None:
    """Killed by Celery itself at its hard time limit; it never notes an end."""
    _note(task, "begin")
    time.sleep(10 + seconds)


def _run(task: Task, seconds: float, end: str = "done") -> None:
    _note(task, "begin")
    time.sleep(seconds)
    _note(task, end)


def _note(task: Task, event: str) -> None:
    request = task.request
    entry = {
        "id": request.id,
        "attempt": request.retries,
        "event": event,
        "at": time.time(),
        "pid": os.getpid(),
        "parent": os.getppid(),
        "node": request.hostname,
        "deliveries": request.get("x-delivery-count") or 0,
    }
    # One write of less than a page to a file opened for appending: lines of several workers never mix.
    journal = os.open(FOLDER / "journal", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(journal, f"{json.dumps(entry)}\n".encode())
    finally:
        os.close(journal)
