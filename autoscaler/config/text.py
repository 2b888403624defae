"""Names, paths, command words and addresses: the check of their values."""

from __future__ import annotations

import ipaddress
import os
import re
import shlex
from pathlib import Path

from autoscaler.config.rules import WrongKind, invisible, show

#: Characters that a token has at the least.
TOKEN_LENGTH = 16
#: Longest path of a unix socket that Linux takes (sun_path is 108 with the closing zero).
SOCKET_BYTES = 107
_FLEET = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

#: What supervisord would read otherwise in a value of its file, though it stands in quotes.
_COMMENT = re.compile(r"\s[;#]")
_HERE = "%(here)s"

_BY_KEY = "the key {} says it"
#: Options of `celery worker` that are not for the user to give, with the reason.
_REFUSED = {
    ("-A", "--app"): _BY_KEY.format("app"),
    ("-n", "--hostname"): "the autoscaler names every worker itself",
    ("-Q", "--queues"): _BY_KEY.format("queues"),
    ("-X", "--exclude-queues"): _BY_KEY.format("queues"),
    ("-c", "--concurrency"): _BY_KEY.format("concurrency"),
    ("-P", "--pool"): _BY_KEY.format("pool"),
    (
        "--autoscale",
    ): "the autoscaler adds and removes whole workers; a worker that resizes itself defeats it",
    ("-D", "--detach"): "supervisord cannot watch a process that detaches",
    ("--pidfile",): "under supervisord a pid file only keeps a worker from starting again",
    ("-b", "--broker"): "a password in it would be visible in the process list; set it in the app",
    ("-B", "--beat"): "every worker of the fleet would send the periodic tasks; run celery beat on its own",
    ("--purge", "--discard"): "every new worker would delete the tasks that wait",
    ("--",): "it would hide the options that the autoscaler adds",
}
_REASONS = {option: reason for options, reason in _REFUSED.items() for option in options}
#: Short options that take a value: what follows in the same word is not an option.
_WITH_VALUE = frozenset("SlOIsf")


def plain(value: object) -> str:
    """Take any text that is not empty and has no control character, newline, U+0085 or U+2028/2029."""
    text = printable(value)
    if not text.strip():
        raise ValueError("is empty")
    return text


def printable(value: object) -> str:
    """Take any text, also an empty one, that can stand in a file of one line a value."""
    if not isinstance(value, str):
        raise WrongKind("text")
    if character := invisible(value):
        raise ValueError(
            f"holds the character {character}; control characters and line breaks are not allowed"
        )
    return value


def fleet_name(value: object) -> str:
    """Check a fleet's name; workers are named after it (``emails-01``)."""
    name = plain(value)
    if not _FLEET.fullmatch(name):
        raise ValueError(
            f"{show(name)} is not a fleet name: a letter, then letters, digits, - or _, at most 40 characters"
        )
    if re.search(r"-[0-9]+$", name):
        raise ValueError(f"{show(name)} ends in a number as worker names do (emails-01); choose another name")
    return name


def queue_name(value: object) -> str:
    """Check a queue's name: AMQP's limit, and `celery -Q` splits at commas."""
    name = plain(value)
    if "," in name:
        raise ValueError(
            f"{show(name)} holds a comma, at which celery -Q would split it; list the queues one by one"
        )
    if len(name.encode()) > 255:
        raise ValueError(f"{show(name)} is longer than 255 bytes")
    return name


def variable_name(value: object) -> str:
    """Check the name of an environment variable."""
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise ValueError(
            f"{show(value)} is not a variable name: letters, digits and _, not starting with a digit"
        )
    return value


def variable_value(value: object) -> str:
    """Check the value of an environment variable: supervisord must be able to read it. It is never shown."""
    text = _literal(printable(value))
    if text.startswith(("'", '"')) or text.endswith(("'", '"')):
        raise ValueError("starts or ends with a quote, which supervisord would strip")
    if "'" in text and '"' in text:
        raise ValueError("holds both kinds of quotes, which supervisord cannot read")
    return text


def _literal(text: str) -> str:
    """Refuse what supervisord's file can only hold in a command."""
    if _COMMENT.search(text):
        raise ValueError("holds ; or # after white space, where supervisord would cut it off")
    if _HERE in text:
        raise ValueError(f"holds {_HERE}, which supervisord would replace")
    return text


def app_name(value: object) -> str:
    """Check what goes after `celery -A`."""
    name = plain(value)
    if name.startswith("-") or re.search(r"\s", name):
        raise ValueError(f"{show(name)} is not an app such as shop.tasks: no white space, no - in front")
    return name


def user_name(value: object) -> str:
    """Check the name of the user that workers run as."""
    name = plain(value)
    if not _USER.fullmatch(name):
        raise ValueError(
            f"{show(name)} is not a user name: letters, digits, and ., _, @ or - behind the first"
        )
    return name


def command(value: object) -> str:
    """Check the path of the celery command: a bare name, found on PATH, or an absolute path."""
    word = plain(value)
    if word.startswith("/"):
        return word
    if "/" in word or word.startswith("-") or re.search(r"\s", word):
        raise ValueError(
            f"{show(word)} is neither a command's name nor its absolute path, such as /srv/venv/bin/celery"
        )
    return word


def program_words(values: tuple[str, ...]) -> tuple[str, ...]:
    """Check the words of any command: the first is a bare name, found on PATH, or an absolute path."""
    if not values:
        raise ValueError("is empty; it needs a command")
    command(values[0])
    if "--detach" in values:
        raise ValueError("--detach cannot be given: supervisord cannot watch a process that detaches")
    return values


def absolute_path(value: object) -> Path:
    """Check a path that supervisord or the daemon uses, whatever folder each was started in."""
    text = plain(str(value) if isinstance(value, Path) else value)
    if not text.startswith("/"):
        raise ValueError(f"{show(text)} is not an absolute path; it must start with /")
    return Path(text)


def program_path(value: object) -> Path:
    """Check a path that is written into supervisord's file."""
    path = absolute_path(value)
    if str(path) != str(path).rstrip():
        raise ValueError(f"{show(str(path))} ends with white space, which supervisord would strip")
    _literal(str(path))
    return path


def socket_path(value: object) -> Path:
    """Check the path of a unix socket."""
    path = absolute_path(value)
    length = len(os.fsencode(path))
    if length > SOCKET_BYTES:
        raise ValueError(
            f"{show(str(path))} has {length} bytes; the path of a socket has at most {SOCKET_BYTES}"
        )
    return path


def token(value: str) -> str:
    """Check what is to be sent as a bearer token; says nothing of it.

    Raises
    ------
    ValueError : it is short, or cannot stand in a header.
    """
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError("holds something else than visible ASCII characters")
    if len(value) < TOKEN_LENGTH:
        raise ValueError(
            f"has less than {TOKEN_LENGTH} characters, so it could be guessed; "
            "`openssl rand -hex 32` makes one"
        )
    return value


def address(value: object) -> str:
    """Check ``host:port`` of the console."""
    text = plain(value)
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise ValueError(f"{show(text)} is not host:port; write it as 127.0.0.1:8085")
    return text


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach ``host:port``."""
    host = address.rpartition(":")[0].removeprefix("[").removesuffix("]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a host name: nobody can say where it leads
        return False


def split_words(value: object) -> object:
    """Split a command line into its words; anything but a text is left to the next rule."""
    if not isinstance(value, str):
        return value
    try:
        return tuple(shlex.split(value))
    except ValueError as error:
        raise ValueError(f"cannot be split into words ({error}); write a list") from error


def option(value: object) -> str:
    """Check one word of the extra arguments of `celery worker`."""
    word = printable(value)
    for name in _options_in(word):
        if name in _REASONS:
            raise ValueError(f"{name} cannot be given: {_REASONS[name]}")
    return word


def _options_in(word: str) -> list[str]:
    """List the options that one word gives: ``--pool=solo`` one, ``-EB`` two, a value none."""
    if word.startswith("--"):
        return [word.partition("=")[0]]
    if not word.startswith("-"):
        return []
    names: list[str] = []
    for letter in word[1:]:
        names.append(f"-{letter}")
        if letter in _WITH_VALUE or names[-1] in _REASONS:
            break
    return names
