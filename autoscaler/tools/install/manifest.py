"""The list of installed items with checksums, so that exactly these are removed.

It lies outside the state folder: that is the daemon's own, and what root deletes must be root's word.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from autoscaler.errors import InstallError
from autoscaler.tools.install.items import Init

PATH: Final = Path("/var/lib/autoscaler-install.json")


class Manifest(BaseModel):
    """What was made, in the order in which it was."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Of this file's form.
    version: int = 1
    init: Init
    #: The command in the templates.
    command: Path
    #: SHA-256 of each file as it was written, hexadecimal.
    files: dict[Path, str] = {}
    #: Links by what they lead to.
    links: dict[Path, Path] = {}
    #: Folders that were not there before.
    folders: tuple[Path, ...] = ()
    #: The user, where it was not there before.
    user: str | None = None


def checksum(content: bytes) -> str:
    """What tells a file from another."""
    return hashlib.sha256(content).hexdigest()


def read(path: Path) -> Manifest | None:
    """Read it; None where there is none.

    Raises
    ------
    InstallError : it cannot be read, or is not ours.
    """
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InstallError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise InstallError(
            f"{path}: is not what `autoscaler install` writes: {error.errors()[0]['msg']}"
        ) from error
