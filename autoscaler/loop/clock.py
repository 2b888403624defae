"""The daemon's clock."""

from __future__ import annotations

import time


class SteadyClock:
    """Seconds since 1970 that never step: the system's clock is read once, then a monotonic one counts on."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def __call__(self) -> float:
        """The time now."""
        return self._offset + time.monotonic()
