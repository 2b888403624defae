"""A small reader of Dockerfiles, and what carries out their instructions in a bare tree."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

#: Instructions that only describe the image.
_DESCRIBE = {"FROM", "CMD", "EXPOSE", "STOPSIGNAL", "VOLUME"}
_KNOWN = _DESCRIBE | {"RUN", "COPY"}


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: `RUN apt-get update`."""

    #: Line number of its first line.
    line: int
    word: str
    argument: str

    @property
    def flags(self) -> dict[str, str]:
        """The options before the paths: {"chmod": "755"}."""
        return dict(re.findall(r"--(\w+)=(\S+)", self.argument))

    @property
    def paths(self) -> list[str]:
        """The words that are no options."""
        return [word for word in shlex.split(self.argument) if not word.startswith("--")]


def read(text: str) -> Iterator[Instruction]:
    """Read a Dockerfile.

    Raises
    ------
    ValueError
        An instruction is unknown to this reader.
    """
    begun = ""
    first = 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#") or (not line.strip() and not begun):
            continue
        first = first if begun else number
        begun += line.removesuffix("\\")
        if line.endswith("\\"):
            continue
        word, _, argument = begun.partition(" ")
        if word not in _KNOWN:
            raise ValueError(f"line {first}: {word} is no instruction that the test can carry out")
        yield Instruction(first, word, argument.strip())
        begun = ""


def carry_out(
    instructions: list[Instruction], context: Path, root: Path, environment: Mapping[str, str]
) -> None:
    """Carry out RUN and COPY in a tree.

    Parameters
    ----------
    context : the folder that COPY takes from.
    root : the tree, with its /proc and /dev.
    environment : for the commands of RUN.

    Raises
    ------
    subprocess.CalledProcessError
        A command failed.
    """
    for each in instructions:
        if each.word == "RUN":
            command = ["chroot", str(root), "/bin/sh", "-c", each.argument]
            subprocess.run(command, env=dict(environment), stdin=subprocess.DEVNULL, check=True)
        elif each.word == "COPY":
            *sources, target = each.paths
            for source in sources:
                _copy(context / source, root, target, int(each.flags.get("chmod", "0"), 8))


def _copy(source: Path, root: Path, target: str, mode: int) -> None:
    """As COPY does: the content of a folder, or a file into a folder if the target ends with a slash."""
    path = root / target.lstrip("/")
    if source.is_dir():
        shutil.copytree(source, path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        return
    path = path / source.name if target.endswith("/") else path
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, path)
    if mode:
        path.chmod(mode)
