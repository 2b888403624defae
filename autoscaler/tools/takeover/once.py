"""Old programs of beat or Flower -> `singletons:`, commented out.

Commented out, because the old one still runs: two beats would send every periodic task twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from autoscaler.config.singleton import Singleton
from autoscaler.tools.takeover.command import Start, celery_start
from autoscaler.tools.takeover.drafts import clean_name
from autoscaler.tools.takeover.programs import OldProgram, absolute
from autoscaler.tools.takeover.yaml_text import is_secret, line, listed, scalar

_HOW = "to have the autoscaler run these: stop the old program, take its section out, uncomment"


@dataclass(frozen=True, slots=True)
class Once:
    """A program that runs exactly once."""

    singleton: Singleton
    source: str


def singletons_of(programs: Iterable[tuple[OldProgram, str]]) -> tuple[tuple[Once, ...], tuple[str, ...]]:
    """Make singletons of programs.

    Parameters
    ----------
    programs : each with what part of Celery it runs.

    Returns
    -------
    The singletons, and what is to be known of every program, in words.
    """
    found, told = [], []
    for program, kind in programs:
        problem = _problem(program)
        once = None if problem else _once(program)
        after = (
            "it is written down under singletons:, commented out" if once else problem or "it stays as it is"
        )
        told.append(f"{program.where} runs celery {kind}, which is no worker: {after}")
        found += [once] if once else []
    return tuple(found), tuple(told)


def _problem(program: OldProgram) -> str:
    if len(program.processes) != 1:
        return f"it has {len(program.processes)} processes, and a singleton has one; it stays as it is"
    process = program.processes[0]
    texts = [*(("", word) for word in process.words), *process.environment.items()]
    if any(is_secret(name, word) or "auth=" in word for name, word in texts):
        return "it seems to hold a password, so it is not written down; it stays as it is"
    return ""


def _once(program: OldProgram) -> Once | None:
    process = program.processes[0]
    start = celery_start(process.words) or Start("", ())
    folder = absolute(start.directory, program.directory) if start.directory else program.directory
    try:
        singleton = Singleton(
            name=clean_name(program.name),
            command=process.words,
            directory=Path(folder) if folder else None,
            user=program.user,
            environment=dict(process.environment),
        )
    except ValidationError:
        return None  # such as a relative path
    return Once(singleton, f"{program.section.file}:{program.section.line} [{program.section.name}]")


def singletons_text(found: Iterable[Once]) -> str:
    """Write them, commented out; empty for none."""
    by_name = {once.singleton.name: once for once in found}
    if not by_name:
        return ""
    text = line(0, "singletons:", _HOW) + "".join(_one(once) for once in by_name.values())
    return "".join(f"# {each}\n" for each in text.splitlines()) + "\n"


def _one(once: Once) -> str:
    one = once.singleton
    lines = [line(2, f"{scalar(one.name)}:", f"today in {once.source}")]
    lines.append(line(4, f"command: {listed(one.command)}", "as it is today"))
    if one.directory is not None:
        lines.append(line(4, f"directory: {scalar(str(one.directory))}", "the folder that it starts in"))
    if one.user is not None:
        lines.append(line(4, f"user: {scalar(one.user)}", "the user that it runs as"))
    if one.environment:
        values = ", ".join(
            f"{scalar(name)}: {listed([value])[1:-1]}" for name, value in one.environment.items()
        )
        lines.append(line(4, f"environment: {{{values}}}", "as it is today"))
    return "".join(lines)
