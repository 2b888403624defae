"""Urls with passwords: taken from the config, the environment or a file, and never shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from autoscaler.config import urls
from autoscaler.config.files import read_file
from autoscaler.config.rules import Blame, Given, WrongKind, show


def secret(value: object, check: Callable[[str], str], given: Given | None) -> SecretStr:
    """Expand a url of the config and check it."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if not isinstance(value, str):
        raise WrongKind("text")
    return SecretStr(check(urls.expand(value, given.environ) if given else value))


def secret_file(file: Path, check: Callable[[str], str], given: Given | None) -> SecretStr:
    """Read a url from a file, as it stands there but for white space around it, and check it."""
    path = given.folder / file if given else file
    try:
        content = read_file(path, 65536).decode().strip()
        return SecretStr(check(content))
    except UnicodeDecodeError:
        reason = "is not UTF-8"
    except (OSError, ValueError) as error:
        reason = str(error)
    raise Blame("url_file", f"{show(str(path))}: {reason}")
