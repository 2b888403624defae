"""docs/autoscaler.1, the manual page, from the commands' help."""

from __future__ import annotations

from collections.abc import Iterator

from autoscaler.cli.reference.commands import EXITS, Page, Paragraph, pages, program

#: Characters that roff reads or typesets as something else.
_SAFE = str.maketrans({"\\": "\\e", "-": "\\-", '"': "\\(dq", "'": "\\(aq", "^": "\\(ha", "~": "\\(ti"})
_FILES = (
    (
        "./autoscaler.yaml, /etc/autoscaler/autoscaler.yaml",
        "The config file, where neither --config nor AUTOSCALER_CONFIG says another.",
    ),
    ("/run/autoscaler/autoscaler.sock", "The daemon's socket, unless console.socket says another."),
    ("/var/lib/autoscaler", "The daemon's memory and the workers' logs, unless state_dir says another."),
)
_ENVIRONMENT = (
    ("AUTOSCALER_CONFIG", "The config file."),
    ("NO_COLOR", "Where it is set, nothing is coloured."),
)


def man_page() -> str:
    """The page, as roff."""
    top = program()
    lines = [
        '.TH AUTOSCALER 1 "" "autoscaler" "User Commands"',
        # Ragged on the right: a line of long choices has no spaces to spread.
        ".ad l",
        ".SH NAME",
        f"autoscaler \\- {_escaped(top.summary[0].lower() + top.summary[1:])}",
        ".SH SYNOPSIS",
        *_usage(top.usage),
        ".SH DESCRIPTION",
        *_text(top.paragraphs),
        *_pairs(top.options),
        ".SH COMMANDS",
        *(line for page in pages() for line in _command(page)),
        ".SH EXIT STATUS",
        *_pairs([(str(code.value), meaning) for code, meaning in EXITS.items()]),
        ".SH ENVIRONMENT",
        *_pairs(_ENVIRONMENT),
        ".SH FILES",
        *_pairs(_FILES),
        ".SH SEE ALSO",
        ".BR supervisorctl (1),",
        ".BR celery (1)",
    ]
    return "\n".join(lines) + "\n"


def _command(page: Page) -> Iterator[str]:
    yield f".SS {_escaped(page.name)}"
    yield from _usage(page.usage)
    yield from _text(page.paragraphs)
    yield from _pairs(page.options)


def _usage(usage: str) -> tuple[str, ...]:
    return (".nf", f"\\fB{_escaped(usage)}\\fR", ".fi")


def _text(paragraphs: tuple[Paragraph, ...]) -> Iterator[str]:
    for each in paragraphs:
        yield ".PP"
        if each.verbatim:
            yield from (".RS 4", ".nf", *map(_line, each.text.splitlines()), ".fi", ".RE")
        else:
            yield _line(each.text)


def _pairs(pairs: tuple[tuple[str, str], ...] | list[tuple[str, str]]) -> Iterator[str]:
    for name, told in pairs:
        yield from (".TP", f"\\fB{_escaped(name)}\\fR", _line(told))


def _line(text: str) -> str:
    """A line of text that roff does not read as a request."""
    safe = _escaped(text.replace("`", ""))
    return f"\\&{safe}" if safe.startswith((".", "'")) else safe


def _escaped(text: str) -> str:
    return text.translate(_SAFE)
