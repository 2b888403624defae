"""Celery's node names for the workers of a program."""

from __future__ import annotations

from celery.utils.nodenames import default_nodename, host_format

from autoscaler.tools.takeover.workers import WorkerProgram


def node_names(found: WorkerProgram, host: str | None = None) -> dict[str, str]:
    """By process: ``emails:emails_00`` -> ``w0@host``.

    Parameters
    ----------
    host : this machine's name; None: as Celery asks for it.

    Source
    ------
    `celery.bin.worker`: ``host_format(default_nodename(hostname))``.
    """
    return {
        process.name: _node(command.node or "", host)
        for process, command in zip(found.program.processes, found.commands, strict=True)
    }


def _node(given: str, host: str | None) -> str:
    if host is None:
        return str(host_format(default_nodename(given)))
    name, at, where = given.rpartition("@")
    whole = f"{name or 'celery'}@{where or host}" if at or not given else f"celery@{given}"
    return str(host_format(whole, host))
