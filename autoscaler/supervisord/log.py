"""How processes ended, from supervisord's log; its RPC interface forgets this at the next start."""

from __future__ import annotations

import re

#: One program's process has ended, or its next one has come. From the line's start on: the output of programs
#: may be in the log as well.
_LINE = re.compile(
    r"^[-0-9]+ [0-9:,]+ [A-Z]+ "
    r"(?:(?P<how>stopped|exited): (?P<ended>\S+) \((?P<why>.*)\)"
    r"|spawned: '(?P<name>.+)' with pid (?P<pid>[0-9]{1,9}))$",
    re.MULTILINE,
)


def ended_well(log: str) -> frozenset[int]:
    """Find the processes whose predecessor was stopped or restarted by hand, or finished with exit status 0.

    One that ends within ``startsecs`` has not finished, whatever its exit status.

    Parameters
    ----------
    log : the end of it.

    Returns
    -------
    Their pids. One of which the log tells nothing, or no more, is not among them.

    Source
    ------
    ``Subprocess.spawn`` and ``Subprocess.finish`` of supervisor 4.2.5 and 4.3.0.
    """
    found = set()
    well: dict[str, bool] = {}
    for line in _LINE.finditer(log):
        if line["ended"]:
            well[line["ended"]] = line["how"] == "stopped" or line["why"].endswith("; expected")
        elif well.pop(line["name"], False):
            found.add(int(line["pid"]))
    return frozenset(found)
