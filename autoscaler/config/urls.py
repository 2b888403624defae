"""The three URLs of the config: expanded from the environment, checked, and never shown."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, quote, unquote, urlsplit

from kombu.transport import TRANSPORT_ALIASES
from kombu.utils.url import url_to_parts, urlparts

from autoscaler.config.rules import invisible
from autoscaler.config.text import SOCKET_BYTES

_RABBITMQ = frozenset({"amqp", "amqps", "pyamqp"})
_REFERENCE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)\})?")
_ENCODE = "a password with / ? # @ : or % must be percent-encoded"
#: RabbitMQ's user and password where a url has none, as in kombu.
_GUEST = "guest"
_MANAGEMENT_PORT = 15672


class NotSet(ValueError):
    """A url needs a variable that the environment does not have."""


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Replace every ``${NAME}`` by the variable's value, and ``$${`` by ``${``.

    Raises
    ------
    NotSet : a variable is not set.
    ValueError : a ``${`` has no name and closing brace.
    """
    names = [found.group(1) for found in _REFERENCE.finditer(text) if found.group() != "$${"]
    if None in names:
        raise ValueError("holds a ${ that is no ${NAME}; write $${ for a plain ${")
    if missing := [name for name in dict.fromkeys(names) if name not in environ]:
        raise NotSet(f"needs the environment variable {', '.join(missing)}, which is not set")
    return _REFERENCE.sub(lambda found: environ[found.group(1)] if found.group(1) else "${", text)


def broker_url(url: str) -> str:
    """Check a kombu url, or several with ``;`` between them.

    Raises
    ------
    ValueError : says the rule, nothing of the url.
    """
    _no_white_space(url)
    for one in url.split(";"):
        _check_broker(one)
    return url


def _check_broker(url: str) -> None:
    scheme, found, rest = url.partition("://")
    transport = scheme.partition("+")[0]
    known = {name.lower() for name in TRANSPORT_ALIASES}
    if not found:
        raise ValueError("is not a url; write it as amqp://user:password@host:5672//")
    if transport.lower() not in known:
        raise ValueError(f"has a scheme that kombu does not know; it knows {', '.join(sorted(known))}")
    if not _is_rabbitmq(url):  # such as MongoDB's, which names several hosts: kombu's transport reads it
        return
    parts = _split(f"http://{rest}")
    if parts.fragment or "@" in parts.path + parts.query or url.endswith("#"):
        raise ValueError(f"has an @ or # behind the host; {_ENCODE}")


def _is_rabbitmq(url: str) -> bool:
    return url.partition("://")[0].lower() in _RABBITMQ


def _parts(url: str) -> urlparts:
    """Take a checked broker url apart as kombu does; of several the first."""
    return url_to_parts(url.split(";", maxsplit=1)[0])


def virtual_host(url: str) -> str:
    """Give the virtual host of a checked broker url, as kombu reads it: ``/`` where it names none."""
    try:
        return _parts(url).path or "/"
    except ValueError:  # not of one host and port, so kombu finds none either
        return "/"


def default_management_url(broker: str) -> str | None:
    """Derive RabbitMQ's management url from a checked broker url; None where the broker is another."""
    if not _is_rabbitmq(broker):
        return None
    host = _parts(broker).hostname or "localhost"
    host = f"[{host}]" if ":" in host else host
    return f"http://{_userinfo(broker)}@{host}:{_MANAGEMENT_PORT}"


def management_url(url: str, broker: str) -> str:
    """Check a management url and give it the broker's user and password where it has none.

    Returns
    -------
    str : with percent-encoded user and password, without a closing slash.

    Raises
    ------
    ValueError : says the rule, nothing of the url.
    """
    _no_white_space(url)
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"is not a url such as http://localhost:15672 ({_ENCODE})")
    if parts.query or parts.fragment or "@" in parts.path:
        raise ValueError(f"has an @, ? or # behind the host; {_ENCODE}")
    if not parts.username and not _is_rabbitmq(broker):
        raise ValueError("has no user:password@ and the broker is not RabbitMQ, so there are none to use")
    userinfo = _encoded(parts.username, parts.password) if parts.username else _userinfo(broker)
    address = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{userinfo}@{address}{parts.path.rstrip('/')}"


def _userinfo(broker: str) -> str:
    parts = _parts(broker)
    return ":".join(quote(part or _GUEST, safe="") for part in (parts.username, parts.password))


def _encoded(user: str | None, password: str | None) -> str:
    return ":".join(quote(unquote(part or ""), safe="") for part in (user, password))


def supervisord_url(url: str) -> str:
    """Check where supervisord listens.

    Raises
    ------
    ValueError : says the rule, nothing of a user or password.
    """
    if url.startswith("unix://"):
        return _unix_url(url)
    _no_white_space(url)
    parts = _split(url)
    if parts.scheme != "http" or not parts.hostname or not parts.port:
        raise ValueError(
            f"must be unix:///run/supervisor.sock or http://user:password@127.0.0.1:9001 ({_ENCODE})"
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"has something behind the port; {_ENCODE}")
    if not _can_be_looked_up(parts.hostname):
        raise ValueError("has a host that cannot be one: each part between dots must have 1 to 63 characters")
    return url.rstrip("/")


def _can_be_looked_up(host: str) -> bool:
    """Whether a host is fit for `socket.getaddrinfo`, which encodes it so before anything else."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def _unix_url(url: str) -> str:
    path = url.removeprefix("unix://")
    if not path.startswith("/") or invisible(path) or len(os.fsencode(path)) > SOCKET_BYTES:
        raise ValueError(
            f"must have an absolute path behind unix://, of at most {SOCKET_BYTES} bytes, such as unix:///run/supervisor.sock"
        )
    return url


def _split(url: str) -> SplitResult:
    """Split a url whose port is a number."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 (a property that checks)
    except ValueError:
        raise ValueError(f"has no valid host and port (1..65535); {_ENCODE}") from None
    return parts


def _no_white_space(url: str) -> None:
    if not url:
        raise ValueError("is empty")
    if invisible(url) or re.search(r"\s", url):
        raise ValueError("holds white space or a control character; percent-encode it")


def place(url: str) -> tuple[str, int, str] | None:
    """Host, port and virtual host of a checked RabbitMQ url (the first); None for another broker."""
    if not _is_rabbitmq(url):
        return None
    parts = _parts(url)
    tls = url.partition("://")[0].lower() == "amqps"
    return parts.hostname or "localhost", parts.port or (5671 if tls else 5672), parts.path or "/"
