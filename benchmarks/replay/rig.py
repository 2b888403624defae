"""A real fleet under a given load: RabbitMQ, supervisord, the daemon and Celery workers in one folder."""

from __future__ import annotations

import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from celery import Celery

from autoscaler.errors import AutoscalerError
from autoscaler.http.client import Client
from autoscaler.store import stored_tracks
from autoscaler.tools.demo.load import read_journal
from autoscaler.tools.demo.process import MARK, Child, kill_all, marked_processes
from autoscaler.tools.demo.services import RabbitMQNode, SupervisordInstance
from autoscaler.tools.simulate.load import Load
from autoscaler.tools.simulate.setting import Setting

FLEET = "emails"
#: Seconds between two looks at the processes.
LOOK_EVERY = 0.2
#: Seconds that the fleet has to come up, and that the last tasks have to end.
PATIENCE = 90.0
#: supervisord's own number of its state STOPPING.
STOPPING = 40


@dataclass(frozen=True, slots=True)
class Replayed:
    """What really happened."""

    #: The load with the times at which the broker had the tasks.
    load: Load
    #: Seconds that each task waited, in the order of arrival.
    waits: tuple[float, ...]
    #: Seconds of all processes together, from the beginning of the load to its end.
    worker_seconds: float
    starts: int
    peak: int
    #: Seconds from an order to the first answer, each start; as the daemon measured them.
    start_seconds: tuple[float, ...]
    #: Seconds from TERM to the end of a process, on the mean.
    stop_seconds: float


@dataclass(frozen=True, slots=True)
class Look:
    """supervisord's processes at one time."""

    at: float
    alive: frozenset[str]
    stopping: frozenset[str]


def replay(folder: Path, broker: RabbitMQNode, load: Load, setting: Setting) -> Replayed:
    """Run a load on real parts.

    Parameters
    ----------
    folder : empty, with a short path (sockets).
    setting : its wait, bounds, concurrency and polling interval are used.
    """
    journal = folder / "journal"
    environment = {"CELERY_BROKER_URL": broker.amqp_url, "SHOP_JOURNAL": str(journal)}
    with SupervisordInstance(folder / "sv", environment) as supervisord:
        config = folder / "autoscaler.yaml"
        config.write_text(yaml.safe_dump(_config(folder, broker, supervisord, setting), sort_keys=False))
        with _daemon(folder, config):
            client = Client(folder / "a.sock", timeout=5)
            _until(lambda: _is_up(client, setting.min_workers), "the fleet is up")
            looks, published, began = _run(broker, supervisord, load)
            ended = len(load.arrivals)
            _until(lambda: sum(e.event == "done" for e in read_journal(journal)) >= ended, "all is done")
            time.sleep(11)  # until what was measured is stored
    samples = stored_tracks(folder / "state")[FLEET].start_samples
    return _summed_up(load, journal, looks, published, began=began, samples=samples)


# --- the services ---


def _config(
    folder: Path, broker: RabbitMQNode, supervisord: SupervisordInstance, setting: Setting
) -> dict[str, Any]:
    fleet = {
        "app": "autoscaler.examples.shop",
        "queues": [FLEET],
        "concurrency": setting.concurrency,
        "min_workers": setting.min_workers,
        "max_workers": setting.max_workers,
        "scale": {"max_wait": f"{setting.wait:g}s"},
        "options": ["--prefetch-multiplier=1"],
        "celery": str(Path(sys.executable).parent / "celery"),
        "directory": str(folder),
        **({"user": "root"} if os.geteuid() == 0 else {}),
    }
    return {
        "broker": {"url": broker.amqp_url, "management_url": broker.management_url},
        "supervisord": {"url": supervisord.url, "programs_file": str(supervisord.programs_file)},
        "console": {"socket": str(folder / "a.sock")},
        "state_dir": str(folder / "state"),
        "polling_interval": f"{setting.polling_interval:g}s",
        "host": {"reserve_memory": "64MiB"},
        "fleets": {FLEET: fleet},
    }


@contextmanager
def _daemon(folder: Path, config: Path) -> Iterator[Child]:
    daemon = Child(
        [sys.executable, "-m", "autoscaler.cli", "run", "--config", str(config)],
        environment={**os.environ, MARK: str(folder)},
        folder=folder,
        log=folder / "daemon.log",
    )
    try:
        yield daemon
    finally:
        daemon.stop(10)
        kill_all(marked_processes(folder))


def _is_up(client: Client, workers: int) -> bool:
    try:
        fleets = client.fleets().fleets
    except AutoscalerError:
        return False
    return any(dict(fleet.workers or {}) == {"running": workers} for fleet in fleets)


def _until(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > deadline:
            sys.exit(f"not within {PATIENCE:g} s: {what}")
        time.sleep(0.2)


# --- the load ---


def _run(
    broker: RabbitMQNode, supervisord: SupervisordInstance, load: Load
) -> tuple[list[Look], list[tuple[str, float]], float]:
    """Publish every task at its time and look at the processes meanwhile, until the load's end."""
    looks: list[Look] = []
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(supervisord, looks, over), daemon=True)
    watcher.start()
    began = time.time()
    published = _publish(broker, load, began)
    time.sleep(max(0.0, began + load.duration - time.time()))
    over.set()
    watcher.join(5)
    return looks, published, began


def _publish(broker: RabbitMQNode, load: Load, began: float) -> list[tuple[str, float]]:
    """(id, time) of each task, as the broker got it."""
    app = Celery("replay", broker=broker.amqp_url, set_as_current=False)
    published = []
    with app.connection_for_write() as connection:
        for number, (arrival, seconds) in enumerate(zip(load.arrivals, load.services, strict=True)):
            time.sleep(max(0.0, began + arrival - time.time()))
            identity, now = str(uuid.uuid4()), time.time()
            kwargs = {"n": number, "seconds": seconds, "published_at": now}
            app.send_task("shop.send", kwargs=kwargs, task_id=identity, queue=FLEET, connection=connection)
            published.append((identity, now))
    app.close()
    return published


def _watch(supervisord: SupervisordInstance, looks: list[Look], over: threading.Event) -> None:
    while not over.wait(LOOK_EVERY):
        processes = supervisord.call("supervisor.getAllProcessInfo")
        alive = frozenset(each["name"] for each in processes if each["pid"])
        stopping = frozenset(each["name"] for each in processes if each["state"] == STOPPING)
        looks.append(Look(time.time(), alive, stopping))


# --- what came of it ---


def _summed_up(
    load: Load,
    journal: Path,
    looks: list[Look],
    published: list[tuple[str, float]],
    *,
    began: float,
    samples: tuple[float, ...],
) -> Replayed:
    begun: dict[str, float] = {}
    for entry in read_journal(journal):
        if entry.event == "start":
            begun.setdefault(entry.id, entry.at)
    arrivals = tuple(at - began for _, at in published)
    ends = sum(len(before.stopping - after.stopping) for before, after in pairwise(looks))
    stopping = sum(len(look.stopping) * (after.at - look.at) for look, after in pairwise(looks))
    return Replayed(
        load=Load(load.name, arrivals, load.services, load.duration),
        waits=tuple(begun[identity] - at for identity, at in published),
        worker_seconds=sum(len(look.alive) * (after.at - look.at) for look, after in pairwise(looks)),
        starts=sum(len(after.alive - before.alive) for before, after in pairwise(looks)),
        peak=max(len(look.alive) for look in looks),
        start_seconds=samples,
        stop_seconds=stopping / ends if ends else 0.0,
    )
