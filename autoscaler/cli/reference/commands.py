"""The commands' help, read from click once for the Markdown page and the manual page."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass

import click

from autoscaler.cli import main
from autoscaler.cli.exits import Exit

#: What an exit code means, for users.
EXITS = {
    Exit.FINE: "fine",
    Exit.FAILED: "failed",
    Exit.USAGE: "wrong usage",
    Exit.CONFIG: "the config is invalid",
    Exit.NOT_RUNNING: "the daemon does not run",
    Exit.UNREACHABLE: "a service that the command itself needs cannot be reached or started",
}


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A piece of a command's help."""

    text: str
    #: To be shown line by line, such as examples.
    verbatim: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """One command."""

    name: str
    usage: str
    paragraphs: tuple[Paragraph, ...]
    #: Its options, as written and in words.
    options: tuple[tuple[str, str], ...]

    @property
    def summary(self) -> str:
        """Its first sentence, without the full stop."""
        return re.split(r"(?<=[a-z)])[.:](?:\s|$)", self.paragraphs[0].text)[0]


def program() -> Page:
    """The command without a subcommand."""
    return _page(main, _top(), "autoscaler")


def pages() -> Iterator[Page]:
    """Every subcommand, in the order of the help."""
    parent = _top()
    for name in main.list_commands(parent):
        command = main.get_command(parent, name)
        if command is not None and not command.hidden:
            yield _page(command, click.Context(command, info_name=name, parent=parent), f"autoscaler {name}")


def _top() -> click.Context:
    return click.Context(main, info_name="autoscaler", help_option_names=["-h", "--help"])


def _page(command: click.Command, context: click.Context, name: str) -> Page:
    records = [each.get_help_record(context) for each in command.get_params(context)]
    options = [tuple(" ".join(text.split()) for text in each) for each in records if each]
    return Page(
        name=name,
        usage=" ".join([name, *command.collect_usage_pieces(context)]),
        paragraphs=tuple(_paragraphs(inspect.cleandoc(command.help or ""))),
        options=tuple((spelled, told) for spelled, told in options),
    )


def _paragraphs(text: str) -> Iterator[Paragraph]:
    """Split a help text; click marks with ``\\b`` what must not be wrapped."""
    for block in re.split(r"\n\s*\n", text.replace("\f", "")):
        if block.startswith("\b"):
            title, _, rest = block.lstrip("\b\n").partition("\n")
            yield Paragraph(title.strip())
            yield Paragraph("\n".join(line.removeprefix("  ") for line in rest.splitlines()), verbatim=True)
        elif block.strip():
            yield Paragraph(" ".join(block.split()))
