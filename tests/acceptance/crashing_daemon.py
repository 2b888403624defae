"""A daemon that dies at one step, by SIGKILL: `crashing_daemon.py CONFIG STEP[:COUNT]`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from autoscaler.loop.daemon import Daemon


def main() -> None:
    config = Path(sys.argv[1])
    die_at, _, count = sys.argv[2].partition(":")
    seen: list[str] = []

    def on_step(name: str) -> None:
        seen.append(name)
        if seen.count(die_at) == int(count or 1):
            os.kill(os.getpid(), signal.SIGKILL)

    daemon = Daemon(config, on_step=on_step)
    daemon.handle_signals()
    daemon.run()


if __name__ == "__main__":
    main()
