"""All probes, sorted so that a cause comes before its effects."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from autoscaler.config import Config
from autoscaler.model import Track
from autoscaler.observe.host import local_host_name
from autoscaler.tools.doctor import app, broker, files, host, singletons, supervisor, workers
from autoscaler.tools.doctor.deadline import within
from autoscaler.tools.doctor.finding import Finding
from autoscaler.tools.doctor.subject import Subject

#: Seconds that one probe has between two findings.
DEADLINE = 20.0

#: Each looks at one thing. What an earlier one saw makes the advice of a later one better; none relies on it.
PROBES: tuple[tuple[str, Callable[[Subject], Iterable[Finding]]], ...] = (
    ("supervisord", supervisor.answers),
    ("include", supervisor.covers_our_file),
    ("minfds", supervisor.has_descriptors),
    ("root", supervisor.runs_workers_as),
    ("programs_file", files.programs_file),
    ("stopwaitsecs", supervisor.waits_long_enough),
    ("TERM", supervisor.warm_at_term),
    ("state_dir", files.state_dir),
    ("log_dir", files.log_dirs),
    ("console.socket", files.socket_folder),
    ("secrets", files.secrets),
    ("broker", broker.answers),
    ("management_url", broker.management),
    ("queues", broker.queues),
    ("queue settings", broker.queue_settings),
    ("celery", app.commands),
    ("app", app.apps),
    ("singletons", singletons.can_start),
    ("workers", workers.answer),
    ("prefetch", workers.prefetch),
    ("memory", host.memory),
)


def examine(
    config: Config,
    *,
    config_file: Path | None = None,
    tracks: Mapping[str, Track] = MappingProxyType({}),
    environ: Mapping[str, str] = os.environ,
    host_name: str = "",
    deadline: float = DEADLINE,
) -> Iterator[Finding]:
    """Look at everything that the daemon will rely on; findings come as they are made.

    Parameters
    ----------
    config_file : where the config was read; its mode is looked at.
    tracks : what a daemon has measured of each fleet, as `autoscaler.store.stored_tracks` gives it.
    environ : what commands are run in where supervisord's own environment cannot be seen.
    host_name : part of every worker's node name; this machine's own if not given.
    deadline : seconds that a probe has from one finding to the next; then it is told as unknown.

    Never raises, and changes nothing but for files of its own that it makes and deletes to see whether
    it may.
    """
    subject = Subject(config, config_file, tracks, host_name or local_host_name(), environ)
    for name, probe in PROBES:
        yield from within(deadline, name, partial(probe, subject))
