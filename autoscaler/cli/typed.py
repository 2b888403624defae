"""The arguments of `autoscaler set`, and the place of each error in them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from autoscaler import config
from autoscaler.config.edit import Reach, dotted
from autoscaler.config.edit_value import Value, value_of
from autoscaler.config.explain import OF_A_FLEET
from autoscaler.config.yaml_lines import KeyPath
from autoscaler.errors import ConfigError, Problem
from autoscaler.text import no_fleet

here_option = click.option(
    "--here", is_flag=True, help="Write a value that comes from elsewhere into the fleet itself."
)
everywhere_option = click.option(
    "--everywhere", is_flag=True, help="Change a shared value for all that have it."
)


def with_reach(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--here` and `--everywhere`; the command gets them as `reach`."""

    @functools.wraps(command)
    def run(*, here: bool, everywhere: bool, **rest: Any) -> None:
        if here and everywhere:
            raise click.UsageError("--here and --everywhere are two different places; give one of them")
        reach = Reach.HERE if here else Reach.EVERYWHERE if everywhere else Reach.ASK
        command(reach=reach, **rest)

    return here_option(everywhere_option(run))


def edits_of(words: Sequence[str], fleets: list[str]) -> Iterator[tuple[KeyPath, Value]]:
    """The keys and values that were typed.

    Parameters
    ----------
    words : ``[FLEET] KEY=VALUE...``
    fleets : the names that there are.

    Raises
    ------
    click.UsageError : one of them is none.
    """
    start: KeyPath = ()
    if "=" not in words[0]:
        start = ("fleets", _known_fleet(words[0], fleets))
        words = words[1:]
    if not words:
        raise click.UsageError(f"say what to set: autoscaler set {start[1]} KEY=VALUE")
    for word in words:
        key, equals, typed = word.partition("=")
        if not equals or not key:
            raise click.UsageError(f"{word!r} is not KEY=VALUE")
        keys = (*start, *_keys(key))
        if not start and keys[0] in fleets:
            rest = key.partition(".")[2] or "KEY"
            raise click.UsageError(
                f"{key} is not a key; did you mean `autoscaler set {keys[0]} {rest}={typed}`?"
            )
        if keys[0] == "fleets" and len(keys) > 1:
            _known_fleet(str(keys[1]), fleets)
        try:
            yield keys, value_of(typed)
        except ValueError as error:
            raise click.UsageError(f"{key} {error}") from error


def _known_fleet(name: str, fleets: list[str]) -> str:
    if name not in fleets:
        raise click.UsageError(no_fleet(name, fleets))
    return name


def _keys(dotted: str) -> KeyPath:
    """``scale.schedule[0].min_workers`` as a path."""
    parts = dotted.replace("[", ".").replace("]", "").split(".")
    if not all(parts):
        raise click.UsageError(f"{dotted!r} is not a key such as scale.threshold.up")
    return tuple(int(part) if part.isdecimal() else part for part in parts)


def placed(
    error: ConfigError, path: Path, edits: Sequence[tuple[KeyPath, Value]], words: Sequence[str]
) -> ConfigError:
    """The problems where the user can see them: of what was typed none is in a file, the rest in the old one.

    Parameters
    ----------
    edits, words : what `edits_of` made of which words.
    """
    typed = words[-len(edits) :]
    given = {dotted(keys): word for (keys, _), word in zip(edits, typed, strict=True)}
    return ConfigError([_place(problem, path, given) for problem in error.problems])


def _place(problem: Problem, path: Path, given: Mapping[str, str]) -> Problem:
    word = next(
        (word for key, word in given.items() if re.match(rf"{re.escape(key)}(\W|$)", problem.key)), None
    )
    if word is None:
        return replace(problem, line=config.line_of(path, problem.key))
    if problem.message.endswith(OF_A_FLEET):
        problem = replace(problem, message=f"{problem.message}: `autoscaler set FLEET {word}`")
    return replace(problem, line=0)
