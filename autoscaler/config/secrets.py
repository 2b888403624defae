"""URLs with passwords, from the config, the environment or a file; never shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from autoscaler.config import urls
from autoscaler.config.files import Unreachable, read_file
from autoscaler.config.rules import Blame, Given, WrongKind, show

#: Stands for a url that only another process can know.
UNKNOWN = SecretStr("memory://")


def secret(value: object, check: Callable[[str], str], given: Given | None) -> SecretStr:
    """Expand a url of the config and check it."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if not isinstance(value, str):
        raise WrongKind("text")
    if given is None:
        return SecretStr(check(value))
    try:
        expanded = urls.expand(value, given.environ)
    except urls.NotSet:
        if given.elsewhere:
            return UNKNOWN
        raise
    return SecretStr(check(expanded))


def secret_file(
    file: Path, check: Callable[[str], str], given: Given | None, key: str = "url_file"
) -> SecretStr:
    """Read a url or token from the file that `key` names, without the white space around it."""
    path = given.folder / file if given else file
    try:
        content = read_file(path, 65536).decode().strip()
        return SecretStr(check(content))
    except Unreachable as error:
        if given and given.elsewhere:
            return UNKNOWN
        reason = str(error)
    except UnicodeDecodeError:
        reason = "is not UTF-8"
    except (OSError, ValueError) as error:
        reason = str(error)
    raise Blame(key, f"{show(str(path))}: {reason}")
