"""A damaged state database: the effect on the workers, and the daemon's reaction."""

from __future__ import annotations

import logging
from typing import Protocol

from autoscaler.errors import StoreError, TargetError
from autoscaler.loop.wiring import SectionFile
from autoscaler.model import Drain, DrainPhase
from autoscaler.model.names import parse_worker_name

log = logging.getLogger(__name__)


class DrainJournal(Protocol):
    """The part of the state database that matters here; see `store.Store`."""

    #: What is wrong with the database; empty when it is well.
    trouble: str
    #: Whether the drains that were under way are forgotten.
    journal_lost: bool

    def put_drain(self, drain: Drain) -> None: ...


def make_up_for_lost_state(store: DrainJournal, file: SectionFile, now: float) -> None:
    """Log the loss, and take back every worker that may have been draining.

    A worker that has stopped taking tasks would otherwise stay idle for ever, with no line about it.
    """
    if store.trouble:
        log.error("%s", store.trouble)
    if not store.journal_lost:
        return
    try:
        names = take_back(store, file, now)
    except (TargetError, StoreError) as error:
        log.error("drains under way are unknown, those workers stay as they are: %s", error)  # noqa: TRY400
        return
    if names:
        log.warning(
            "the state database has no drain journal: %s get the message to take tasks again; a worker that "
            "has stopped counts as stopped by hand: `supervisorctl start` starts it",
            ", ".join(names),
        )


def take_back(journal: DrainJournal, file: SectionFile, now: float) -> list[str]:
    """Note for every worker in the programs file that it is to take tasks again; returns their names.

    Raises
    ------
    TargetError : the programs file cannot be read.
    StoreError : the journal cannot be written.
    """
    names = sorted(name for name in file.read() if parse_worker_name(name) is not None)
    for name in names:
        journal.put_drain(Drain(name, DrainPhase.RESTORING, now, "the drain journal was lost"))
    return names
