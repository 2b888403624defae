"""Probes of the running workers: their answers, and settings that delay tasks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from autoscaler.config import Fleet
from autoscaler.errors import SourceError
from autoscaler.model import MaxWait
from autoscaler.model.names import node_name
from autoscaler.net.celery_control import Command, RemoteControl
from autoscaler.net.deadline import Deadline
from autoscaler.supervisord.program_file import written_node
from autoscaler.tools.doctor.finding import Finding, note, ok, unknown, warning
from autoscaler.tools.doctor.subject import TIMEOUT, Subject

#: Seconds that workers have for their answers.
PATIENCE = 2.0
#: Celery's own.
PREFETCH_MULTIPLIER = 4


def answer(subject: Subject) -> Iterator[Finding]:
    """Each worker that has a process answers over remote control."""
    nodes = {
        name: _node(subject, name)
        for fleet in subject.config.fleets.values()
        for name in subject.workers_of(fleet)
    }
    if not nodes:
        yield note("workers", "none of ours runs yet")
        return
    try:
        stats = _ask(subject, list(nodes.values()))
    except SourceError as problem:
        yield unknown("workers", str(problem))
        return
    subject.worker_stats.update({name: stats[node] for name, node in nodes.items() if node in stats})
    silent = sorted(name for name, node in nodes.items() if node not in stats)
    if silent:
        yield warning(
            "workers",
            f"{len(silent)} of {len(nodes)} do not answer: {', '.join(silent[:10])}: starting, "
            "busy in a pool that "
            "cannot answer (solo), or hanging; their fleets do not shrink",
            f"look at its log: supervisorctl tail {silent[0]}",
        )
    else:
        yield ok("workers", f"all {len(nodes)} answer")


def _node(subject: Subject, name: str) -> str:
    return written_node(subject.sections[name]) or node_name(name, subject.host_name)


def _ask(subject: Subject, nodes: list[str]) -> dict[str, Any]:
    broker = subject.config.broker
    remote = RemoteControl(broker.url.get_secret_value(), broker.transport_options)
    try:
        deadline = Deadline.within(TIMEOUT + PATIENCE)
        return remote.ask([Command("stats")], nodes, deadline, patience=PATIENCE)["stats"]
    finally:
        remote.close()


def prefetch(subject: Subject) -> Iterator[Finding]:
    """What a busy worker has fetched, and no other one can get, is done in time."""
    for fleet in subject.config.fleets.values():
        yield _prefetch(subject, fleet)


def _prefetch(subject: Subject, fleet: Fleet) -> Finding:
    held, how = _held(subject, fleet)
    service = subject.service_seconds(fleet)
    about, todo = (
        f"{fleet.name}: prefetch",
        f"fleets: {{{fleet.name}: {{options: [--prefetch-multiplier=1]}}}}",
    )
    seen = f"a worker fetches {held} messages ({how}) beyond what it runs"
    if held == 0:
        return warning(about, f"a worker fetches without a limit ({how}): the first one takes all", todo)
    if service is None:
        return note(about, f"{seen}; how long tasks run is not measured yet")
    wait = held * service / fleet.concurrency
    limit = _max_wait(fleet)
    if limit is not None and wait > limit:
        return warning(
            about,
            f"{seen}; tasks run {service:.2g} s, so the last one waits {wait:.3g} s, more than max_wait "
            f"({limit:g} s), and no new worker can get it",
            todo,
        )
    return ok(about, f"{seen}; tasks run {service:.2g} s, so the last one waits {wait:.3g} s")


def _max_wait(fleet: Fleet) -> float | None:
    return next((each.wait for each in fleet.scaling.policies if isinstance(each, MaxWait)), None)


def _held(subject: Subject, fleet: Fleet) -> tuple[int, str]:
    """Messages that one worker fetches, and how that is known."""
    for name in subject.workers_of(fleet):
        stats = subject.worker_stats.get(name)
        count = stats.get("prefetch_count") if isinstance(stats, dict) else None
        if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
            return count, f"as {name} says"
    multiplier = option_multiplier(fleet.options)
    if multiplier is not None:
        return multiplier * fleet.concurrency, "by its options"
    setting = subject.app_settings.get(fleet.name, {}).get("worker_prefetch_multiplier")
    if isinstance(setting, int) and not isinstance(setting, bool):
        return setting * fleet.concurrency, "by the app's worker_prefetch_multiplier"
    return PREFETCH_MULTIPLIER * fleet.concurrency, "by Celery's default"


def option_multiplier(options: tuple[str, ...]) -> int | None:
    """What ``--prefetch-multiplier`` in a fleet's options says; None if it is not there."""
    for word, following in pairwise([*options, ""]):
        text = following if word == "--prefetch-multiplier" else word.removeprefix("--prefetch-multiplier=")
        if word.startswith("--prefetch-multiplier") and text.isdigit():
            return int(text)
    return None
