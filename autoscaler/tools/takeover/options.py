"""The options of `celery worker`, old and new: which take a value, and their fate in a fleet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: Spelling -> (name here, whether it takes a value). Celery 3.1 to 5.
_SPELLINGS: dict[str, tuple[str, bool]] = {}


def _option(name: str, *spellings: str, value: bool = True) -> None:
    _SPELLINGS.update(dict.fromkeys(spellings, (name, value)))


_option("app", "-A", "--app")
_option("broker", "-b", "--broker")
_option("result-backend", "--result-backend")
_option("loader", "--loader")
_option("config", "--config")
_option("workdir", "--workdir")
_option("no-color", "-C", "--no-color", value=False)
_option("quiet", "-q", "--quiet", value=False)
_option("skip-checks", "--skip-checks", value=False)
_option("node", "-n", "--hostname")
_option("detach", "-D", "--detach", value=False)
_option("statedb", "-S", "--statedb")
_option("loglevel", "-l", "--loglevel")
_option("optimization", "-O", "--optimization")
_option("prefetch", "--prefetch-multiplier")
_option("disable-prefetch", "--disable-prefetch", value=False)
_option("concurrency", "-c", "--concurrency")
_option("pool", "-P", "--pool")
_option("events", "-E", "--events", "--task-events", value=False)
_option("time-limit", "--time-limit")
_option("soft-time-limit", "--soft-time-limit")
_option("max-tasks-per-child", "--max-tasks-per-child", "--maxtasksperchild")
_option("max-memory-per-child", "--max-memory-per-child")
_option("pool-start-method", "--pool-start-method")
_option("purge", "--purge", "--discard", value=False)
_option("queues", "-Q", "--queues")
_option("exclude", "-X", "--exclude-queues")
_option("include", "-I", "--include")
_option("without-gossip", "--without-gossip", value=False)
_option("without-mingle", "--without-mingle", value=False)
_option("without-heartbeat", "--without-heartbeat", value=False)
_option("heartbeat-interval", "--heartbeat-interval")
_option("autoscale", "--autoscale")
_option("beat", "-B", "--beat", value=False)
_option("schedule", "-s", "--schedule", "--schedule-filename")
_option("scheduler", "--scheduler")
_option("logfile", "-f", "--logfile")
_option("pidfile", "--pidfile")
_option("uid", "--uid")
_option("gid", "--gid")
_option("umask", "--umask")
_option("executable", "--executable")
_option("no-execv", "--no-execv", value=False)
_option("autoreload", "--autoreload", value=False)

#: What it is, and why a fleet does not have it.
DROPPED = {
    "node": "the autoscaler names every worker itself",
    "detach": "supervisord cannot watch a process that detaches",
    "pidfile": "under supervisord a pid file only keeps a worker from starting again",
    "logfile": "each worker's output goes to a file of its own in log_dir",
    "purge": "every new worker would delete the tasks that wait",
    "gid": "supervisord gives a program its user's own group",
    "umask": "the program section of a fleet has none",
    "executable": "supervisord starts the command itself",
    "schedule": "it belongs to beat, which a fleet does not run",
    "scheduler": "it belongs to beat, which a fleet does not run",
    "no-execv": "Celery has no such option any more",
    "autoreload": "Celery has no such option any more",
    "loader": "it goes before `worker`, where a fleet's options do not stand; set it in the app",
    "result-backend": "it goes before `worker`, where a fleet's options do not stand; set it in the app",
    "no-color": "a log file has no colours anyway",
    "quiet": "it goes before `worker`, where a fleet's options do not stand",
    "skip-checks": "it goes before `worker`, where a fleet's options do not stand",
    "broker": "a password in it would be visible in the process list; set the broker in the app",
}
#: The autoscaler adds these by itself.
ADDED = frozenset({"without-gossip", "without-mingle"})
#: Kept as options of the fleet, by their present spelling.
KEPT = {
    "loglevel": "--loglevel",
    "statedb": "--statedb",
    "optimization": "-O",
    "prefetch": "--prefetch-multiplier",
    "disable-prefetch": "--disable-prefetch",
    "events": "-E",
    "time-limit": "--time-limit",
    "soft-time-limit": "--soft-time-limit",
    "max-tasks-per-child": "--max-tasks-per-child",
    "max-memory-per-child": "--max-memory-per-child",
    "pool-start-method": "--pool-start-method",
    "include": "--include",
    "without-heartbeat": "--without-heartbeat",
    "heartbeat-interval": "--heartbeat-interval",
}

_SHORT = re.compile(r"-[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Given:
    """One option as it was given, or a word that is none."""

    #: Name here; empty for a word, and for an option that Celery does not know.
    name: str
    #: Its value; empty for a flag; the word itself where `name` is empty.
    value: str
    #: As it was spelled, without the value.
    spelling: str = ""


def given_options(words: Sequence[str]) -> Iterator[Given]:
    """Read the words behind `celery`; options that only the app knows stay words."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        spelling, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if spelling in _SPELLINGS:
            name, takes = _SPELLINGS[spelling]
            if takes and not equals:
                value = rest.pop(0) if rest else ""
            yield Given(name, value, spelling)
        elif _SHORT.match(word) and word[:2] in _SPELLINGS:
            name, takes = _SPELLINGS[word[:2]]
            yield Given(name, word[2:].removeprefix("=") if takes else "", word[:2])
            if not takes and word[2:]:
                rest.insert(0, f"-{word[2:]}")
        else:
            yield Given("", word)
