"""Keys that a running daemon cannot change: they need a restart."""

from __future__ import annotations

from autoscaler.config.schema import Config

#: Keys that are used once, when the daemon starts.
UNCHANGEABLE = (
    "supervisord.url",
    "supervisord.programs_file",
    "console.socket",
    "console.listen",
    "state_dir",
)
#: The message on such a key, and how it begins; commands find the message by that.
LOCKED = "cannot change while the daemon runs: restart the daemon, or change it back"
CANNOT_CHANGE = LOCKED.partition(":")[0]


def needing_restart(old: Config, new: Config) -> list[str]:
    """The keys that differ between two configs and need a restart of the daemon."""
    return [key for key in UNCHANGEABLE if _value(old, key) != _value(new, key)]


def _value(of: Config, key: str) -> object:
    value: object = of
    for part in key.split("."):
        value = getattr(value, part)
    return value
