"""Text for people: amounts, times, near names, and foreign text that is clipped and masked.

It imports nothing of ours and little else: supervisorctl loads it with its plugin.
"""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

MEBIBYTE = 2**20

# --- amounts --------------------------------------------------------------------------------------------


def number(value: float) -> str:
    """At most one decimal, and none where it would be zero: ``3``, ``2.5``."""
    return f"{value:.1f}".removesuffix(".0")


def count(amount: int, noun: str = "worker") -> str:
    """``1 worker``, ``2 workers``."""
    return f"{amount} {noun}" if amount == 1 else f"{amount} {noun}s"


def mebibytes(size: float) -> str:
    """Bytes as ``512 MiB``."""
    return f"{size / MEBIBYTE:.0f} MiB"


# --- times ----------------------------------------------------------------------------------------------


def seconds(value: float) -> str:
    """``3 s``, ``2.5 s``: for a number that is compared with others."""
    return f"{number(value)} s"


def duration(value: float) -> str:
    """Seconds with the two units that matter: ``45s``, ``12m05s``, ``3h05m``, ``2d04h``."""
    whole = int(value)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def moment(at: float, now: float) -> str:
    """The local time of day, with the date where that is not today's; both are seconds since 1970."""
    then = datetime.fromtimestamp(at).astimezone()
    today = then.date() == datetime.fromtimestamp(now).astimezone().date()
    return f"{then:%H:%M:%S}" if today else f"{then:%Y-%m-%d %H:%M:%S}"


# --- names and reasons ----------------------------------------------------------------------------------


def nearest(name: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """A hint for a name that is not known: the nearest known name.

    Parameters
    ----------
    otherwise : the hint where no known name is near; None lists all of them.
    """
    names = list(known)
    if found := difflib.get_close_matches(name, names, n=1):
        return f"did you mean {found[0]}?"
    if otherwise is not None:
        return otherwise
    return f"there are {', '.join(names)}" if names else "there is none"


def no_fleet(name: str, fleets: Collection[str]) -> str:
    """The message for a name that is no fleet's: the worker's fleet, if it is a worker's, else a hint."""
    fleet, _, ending = name.rpartition("-")
    if fleet in fleets and ending.isdigit():
        return f"{name!r} is a worker; its fleet is {fleet}"
    return f"there is no fleet {name!r}; {nearest(name, fleets)}"


def coded(code: str, text: str) -> str:
    """A reason with its code in front, unless the text begins with the code."""
    return text if text.startswith(f"{code} ") else f"{code}: {text}"


# --- text of others, clipped ----------------------------------------------------------------------------


def clipped(text: str, limit: int) -> str:
    """`text`, at most `limit` characters of it."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def plain(text: str, limit: int = 300) -> str:
    """`text` as one line of printable characters, clipped: text of others ends up on terminals."""
    return clipped("".join(c if c.isprintable() else " " for c in text).strip(), limit)


def shown(value: object) -> str:
    """Any value, however large or deep, as a short printable text."""
    return plain(reprlib.repr(value), 80)


# --- secrets, masked ------------------------------------------------------------------------------------

#: Stands for a secret.
MASK = "***"
#: User and password reach to the last ``@``: a password that is not percent-encoded may hold ``/`` and ``@``.
_USERINFO = re.compile(r"(?<=://)\S*@")
_USERINFO_OF_ALL = re.compile(r"(?<=://).*@", re.DOTALL)


class Url(NamedTuple):
    """A URL around its password. It keeps each part as written, so percent-encoded."""

    scheme: str
    user: str
    password: str
    #: All that follows the ``@``: host, port, path, query.
    rest: str


def split_url(url: str) -> Url:
    """Take ``scheme://user:password@rest`` apart; the parts that are not there are empty."""
    scheme, _, behind = url.partition("://")
    userinfo, _, rest = behind.rpartition("@")
    user, _, password = userinfo.partition(":")
    return Url(scheme, user, password, rest)


def without_password(urls: str) -> str:
    """Broker URLs (several have ``;`` between them) as they may be shown: no password and no query."""
    return ";".join(_without_password(split_url(url)) for url in urls.split(";"))


def _without_password(url: Url) -> str:
    at = "@" if url.user or url.password else ""
    return plain(f"{url.scheme}://{url.user}{at}{url.rest.partition('?')[0]}")


def without_userinfo(url: str) -> str:
    """A URL without user and password."""
    parts = split_url(url)
    return f"{parts.scheme}://{parts.rest}"


def passwords_in(urls: str) -> list[str]:
    """The passwords of broker URLs (several have ``;`` between them), as written."""
    return [password for url in urls.split(";") if (password := split_url(url).password)]


def secrets_of(urls: str, options: Mapping[str, Any]) -> frozenset[str]:
    """Every spelling of the passwords in broker URLs and in transport options, however deep."""
    written = [*passwords_in(urls), *_passwords_of(options)]
    return frozenset(
        spelling for each in written for spelling in (each, unquote(each), quote(unquote(each), safe=""))
    )


def _passwords_of(options: Mapping[str, Any]) -> Iterable[str]:
    for key, value in options.items():
        if isinstance(value, Mapping):
            yield from _passwords_of(value)
        elif isinstance(value, str) and value and "password" in str(key).lower():
            yield value


def masked(text: str, secrets: Iterable[str]) -> str:
    """`text` with `MASK` for each secret; the longest first, as one may be a part of another."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def userinfo_masked(text: str, *, whole: bool = False) -> str:
    """`text` with `MASK` for the user and password of every URL in it.

    Parameters
    ----------
    whole : all of `text` is meant as one URL, so that its password may hold white space.
    """
    return (_USERINFO_OF_ALL if whole else _USERINFO).sub(f"{MASK}@", text)
