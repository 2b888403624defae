"""A fleet's worker as a program: its command line, folder, user and environment."""

from __future__ import annotations

from collections.abc import Sequence

from autoscaler.config import Config, Fleet
from autoscaler.errors import Undefinable
from autoscaler.model import ProgramSpec
from autoscaler.model.names import node_name

#: Seconds from TERM to KILL at least, however short the drain timeout: a warm shutdown takes a while.
MIN_STOP_WAIT = 60.0


def worker_program(config: Config, fleet: Fleet, worker: str, host_name: str) -> ProgramSpec:
    """Make the program that runs one worker of a fleet.

    Parameters
    ----------
    worker : program name, ``emails-01``.
    host_name : of this machine, as it stands in Celery's node names.

    Raises
    ------
    Undefinable : a name that Celery would read as something else.
    """
    return ProgramSpec(
        name=worker,
        command=_command(fleet, node_name(worker, host_name)),
        directory=None if fleet.directory is None else str(fleet.directory),
        user=fleet.user,
        environment=dict(fleet.environment),
        stop_wait=max(fleet.drain_timeout, MIN_STOP_WAIT),
        log_file=str(config.log_folder(fleet) / f"{worker}.log"),
    )


def _command(fleet: Fleet, node: str) -> tuple[str, ...]:
    return (
        *(str(fleet.celery), "-A", fleet.app, "worker"),
        *("-n", _node(fleet.name, node)),
        *("-Q", _queues(fleet.name, fleet.queues)),
        *("-c", str(fleet.concurrency), "-P", fleet.pool),
        # Both wait for or chat with all the other workers at each start; neither is needed to run tasks.
        *("--without-mingle", "--without-gossip"),
        *fleet.options,
    )


def _node(fleet: str, node: str) -> str:
    # Celery expands %h and the like here, and not every version knows an escape.
    if "%" in node:
        raise Undefinable(f"fleets.{fleet}: node name {node!r} holds '%', which Celery would expand")
    return node


def _queues(fleet: str, queues: Sequence[str]) -> str:
    for queue in queues:
        if not queue or "," in queue:
            raise Undefinable(
                f"fleets.{fleet}.queues: {queue!r} is empty or holds ',', so that celery -Q cannot name it"
            )
    return ",".join(queues)
