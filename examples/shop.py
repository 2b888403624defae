"""A small shop that sends mail: the Celery app of the demo and the tests.

    CELERY_BROKER_URL=amqp:// celery -A autoscaler.examples.shop worker -Q emails

Environment
-----------
CELERY_BROKER_URL : any kombu URL.
CELERY_BROKER_TRANSPORT_OPTIONS : the transport's options, as JSON.
SHOP_JOURNAL : file to which every task writes a line when it starts and one when it is done::

    id event at published_at pid node n

    event is `start` or `done`; the times are seconds since the epoch, published_at is `-` if unknown.
"""

from __future__ import annotations

import json
import os
import time

from celery import Celery, Task

app = Celery("shop", broker=os.environ.get("CELERY_BROKER_URL", "amqp://"))
app.conf.update(
    broker_transport_options=json.loads(os.environ.get("CELERY_BROKER_TRANSPORT_OPTIONS", "{}")),
    broker_connection_retry_on_startup=True,
    task_default_queue="emails",
    task_ignore_result=True,
)


@app.task(name="shop.send", bind=True, acks_late=True, reject_on_worker_lost=True)
def send(task: Task, n: int, seconds: float = 0.2, published_at: float | None = None) -> None:
    """Send mail number `n`, which takes so many seconds; a worker that dies does not lose it."""
    _work(task, n, seconds, published_at)


@app.task(name="shop.send_early", bind=True, acks_late=False)
def send_early(task: Task, n: int, seconds: float = 0.2, published_at: float | None = None) -> None:
    """As `send`, but acknowledged before it starts: a worker that dies loses it."""
    _work(task, n, seconds, published_at)


def _work(task: Task, n: int, seconds: float, published_at: float | None) -> None:
    _note(task, "start", n, published_at)
    time.sleep(seconds)
    _note(task, "done", n, published_at)


def _note(task: Task, event: str, n: int, published_at: float | None) -> None:
    path = os.environ.get("SHOP_JOURNAL")
    if not path:
        return
    published = "-" if published_at is None else f"{published_at:.6f}"
    request = task.request
    line = f"{request.id} {event} {time.time():.6f} {published} {os.getpid()} {request.hostname} {n}\n"
    # One write of less than a page to a file opened for appending: lines of several workers never mix.
    journal = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(journal, line.encode())
    finally:
        os.close(journal)
