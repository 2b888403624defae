"""docs/commands.md, from the commands' help."""

from __future__ import annotations

from collections.abc import Iterator

from autoscaler.cli.reference.commands import EXITS, Page, pages, program

_INTRO = """\
# Commands

Every command has `--help`, which says what is said here. `autoscaler completion` makes a shell complete them.

`--json` prints what the HTTP API gives, for scripts. From one version to the next, fields are added to it;
one that is there keeps its name, its unit and its meaning, unless the changelog says so. What is unknown is
`null`, never zero.
`GET /openapi.json` on the daemon's socket describes every field.

Colours appear on a terminal only, and never where `NO_COLOR` is set.
"""


def commands_page() -> str:
    """The page: every command's help, as Markdown."""
    everything = list(pages())
    links = [f"| [`{each.name}`](#{_anchor(each.name)}) | {each.summary} |" for each in everything]
    return (
        "\n".join(
            [
                _INTRO,
                *["| command | |", "| --- | --- |", *links, ""],
                *_options(program()),
                *["## Exit codes", "", "| code | |", "| --- | --- |"],
                *[f"| {code.value} | {meaning} |" for code, meaning in EXITS.items()],
                "",
                *(line for each in everything for line in _section(each)),
            ]
        ).rstrip()
        + "\n"
    )


def _section(page: Page) -> Iterator[str]:
    yield from (f"## {page.name}", "", "```text", page.usage, "```", "")
    for each in page.paragraphs:
        yield from ("```text", each.text, "```", "") if each.verbatim else (_escaped(each.text), "")
    yield from _options(page)


def _options(page: Page) -> Iterator[str]:
    if page.options:
        yield from ("| option | |", "| --- | --- |")
        yield from (f"| {_cell(f'`{spelled}`')} | {_cell(told)} |" for spelled, told in page.options)
        yield ""


def _cell(text: str) -> str:
    return _escaped(text).replace("|", "\\|")


def _escaped(text: str) -> str:
    """Keep Markdown from reading more than code in a text."""
    parts = text.split("`")
    parts[::2] = [part.replace("*", "\\*").replace("<", "&lt;") for part in parts[::2]]
    return "`".join(parts)


def _anchor(title: str) -> str:
    return title.replace(" ", "-")
