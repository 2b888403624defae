"""Unforeseen exceptions stay where they arise: a bug in one part of a tick never ends the daemon.

Every part of a tick that can fail for itself (a source, a fleet's decision, an operator's command) runs
inside `Containment.contained`. An error that this package raises on purpose becomes the part's trouble. Any
other exception is a bug: the log gets its traceback once, the metric
`autoscaler_unexpected_errors_total{where}` counts it, and the part's trouble names it.
"""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

from autoscaler.errors import AutoscalerError, StoreError
from autoscaler.text import plain

log = logging.getLogger(__name__)

#: Tracebacks that are remembered as logged; after that many kinds each kind is logged again.
MOST_KINDS = 1000


@dataclass(slots=True)
class Caught:
    """How one part went."""

    #: Why it failed, for an operator; empty while it has not failed.
    trouble: str = ""

    def __bool__(self) -> bool:
        return bool(self.trouble)


class Containment:
    """Keeps count of unforeseen exceptions over the daemon's life."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._logged: set[tuple[str, ...]] = set()

    @property
    def counts(self) -> Mapping[str, int]:
        """Unforeseen exceptions by `where`."""
        return MappingProxyType(dict(self._counts))

    @contextmanager
    def contained(
        self, where: str, of: str = "", *, through: type[AutoscalerError] = StoreError
    ) -> Iterator[Caught]:
        """Run a part of a tick; its exception ends the part and nothing else.

        Parameters
        ----------
        where : the phase, such as ``decide``; a metric label.
        of : the fleet, singleton or source that the part is about.
        through : errors of this kind pass. By default those of the store: a state that cannot be written
            concerns the tick as a whole.
        """
        caught = Caught()
        try:
            yield caught
        except through:
            raise
        except AutoscalerError as error:
            caught.trouble = str(error)
        except Exception as error:  # noqa: BLE001 - the one place where a bug is contained
            caught.trouble = self._note(where, of, error)

    def _note(self, where: str, of: str, error: Exception) -> str:
        self._counts[where] += 1
        part = f"{where} of {of}" if of else where
        kind = (where, of, type(error).__name__, _place(error))
        if kind not in self._logged:
            if len(self._logged) >= MOST_KINDS:
                self._logged.clear()
            self._logged.add(kind)
            log.error("unexpected error in %s: this is a bug in autoscaler", part, exc_info=error)
        text = plain(f"{type(error).__name__}: {error}", 200)
        return f"unexpected error in {part} ({text}): a bug, its traceback is in the daemon's log"


def _place(error: Exception) -> str:
    """The file and line that raised it; the same bug at the same place is one kind."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
