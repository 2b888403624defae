"""Errors of broken rules during validation, and values as their messages show them.

These never leave `autoscaler.config`: pydantic collects them and `explain` turns them into Problems.
They are ValueErrors because that is what pydantic collects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autoscaler.text import clipped, userinfo_masked

_SHOWN = 120
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


#: Keys whose values may hold passwords: nothing of them, or of anything below them, is repeated.
SECRET_KEYS = frozenset(
    {"url", "management_url", "transport_options", "environment", "token", "options", "command"}
)


@dataclass(frozen=True, slots=True)
class Given:
    """What a file's values may refer to. Without it, values come from Python and are taken as they are."""

    environ: Mapping[str, str] = field(repr=False)
    #: A relative `url_file` is meant from here.
    folder: Path
    #: The file is for a process with another environment and other rights.
    elsewhere: bool = False


class WrongKind(ValueError):
    """A value of another YAML kind than the one wanted, e.g. a list where a text is meant."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        super().__init__(f"must be {wanted}")


class Conflict(ValueError):
    """A value that is fine by itself but not beside the values of `others`.

    Parameters
    ----------
    others : keys of the same fleet that it does not go with.
    at : the key below the validated one that is to blame.
    """

    def __init__(self, message: str, others: tuple[str, ...], at: tuple[str | int, ...] = ()) -> None:
        self.others, self.at = others, at
        super().__init__(message)


class Blame(ValueError):
    """A problem of another key in the same mapping than the one that was being validated."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)


class NotJudged(ValueError):
    """Nothing can be said because a value that it depends on is wrong; that one is reported."""


def show(value: object) -> str:
    """Write a value for a message: quoted, on one line, short, without what could be a password."""
    if not isinstance(value, str):
        return clip(str(value))
    return f"'{clip(value)}'"


def clip(value: str) -> str:
    """Make any text fit to be printed: one line, at most 120 characters, no user:password of a url."""
    masked = userinfo_masked(value, whole=True)
    escaped = _INVISIBLE.sub(lambda m: m.group().encode("unicode_escape").decode("ascii"), masked)
    return clipped(escaped, _SHOWN)


def invisible(value: str) -> str:
    """Give the first character of a text that may not stand in a command, path or variable ('' if none)."""
    found = _INVISIBLE.search(value)
    return f"U+{ord(found.group()):04X}" if found else ""
