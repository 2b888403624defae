"""supervisord's files as text: sections with line numbers, commented out and restored."""

from __future__ import annotations

import configparser
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autoscaler.errors import TakeoverError

_HEADER = re.compile(r"\[(?P<name>[^\]]+)\]")
_KEY = re.compile(r"(?P<key>[^=:\s][^=:]*?)\s*[=:]")
#: Stands before each line that was taken out; no one writes this by hand.
TAKEN = ";~ "
_BEGIN = ";~~ autoscaler took this over"
_END = ";~~ end of what autoscaler took over"


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a file, as it is written."""

    file: Path
    #: As in its header, ``program:emails``.
    name: str
    #: 1-based line of its header.
    line: int
    #: Setting -> its text, not expanded; not in `repr`, it may hold passwords.
    settings: Mapping[str, str] = field(repr=False)
    #: Setting -> its 1-based line.
    lines: Mapping[str, int] = field(repr=False)

    def line_of(self, key: str) -> int:
        """The line of a setting; of the header where it has none."""
        return self.lines.get(key, self.line)


def sections(file: Path, text: str) -> tuple[Section, ...]:
    """Read a file as supervisord does (`UnhosedConfigParser`).

    Raises
    ------
    TakeoverError : it is no such file; says the line, not its text.
    """
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    try:
        parser.read_string(text)
    except configparser.MissingSectionHeaderError as error:
        raise TakeoverError(f"{file}:{error.lineno}: stands before the first [section]") from None
    except configparser.ParsingError as error:
        raise TakeoverError(f"{file}:{error.errors[0][0]}: is no key=value") from None
    found: list[Section] = []
    for name, start, end in _spans(text):
        if name in {section.name for section in found}:
            continue  # the parser has merged the two
        lines = _key_lines(_lines(text)[start:end], start + 1)
        found.append(Section(file, name, start, dict(parser.items(name)), lines))
    return tuple(found)


def _lines(text: str) -> list[str]:
    """The lines as supervisord counts them: a form feed or U+2028 ends none. A carriage return stays."""
    return text.split("\n")


def _spans(text: str) -> list[tuple[str, int, int]]:
    """(name, 1-based line of the header, 1-based last line) of every section."""
    lines = _lines(text)
    heads = [(number, m["name"]) for number, line in enumerate(lines, 1) if (m := _HEADER.match(line))]
    ends = [*(number - 1 for number, _name in heads[1:]), len(lines)][: len(heads)]
    return [(name, number, end) for (number, name), end in zip(heads, ends, strict=True)]


def _key_lines(lines: Iterable[str], first: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, line in enumerate(lines, first):
        if match := _KEY.match(line):
            found[match["key"].strip().lower()] = number
    return found


# --- taking out and putting back ------------------------------------------------------------------------


def commented_out(text: str, names: Collection[str], when: str, back: str) -> str:
    """Comment sections out, each under a dated header; all other lines stay as they are.

    Parameters
    ----------
    names : as in their headers, ``program:emails``.
    when : the date, for the header.
    back : the command that brings them back, for the header.
    """
    lines = _lines(text)
    taken = [(start, _without_tail(lines, start, end)) for name, start, end in _spans(text) if name in names]
    for start, end in reversed(taken):
        body = [TAKEN + line for line in lines[start - 1 : end]]
        lines[start - 1 : end] = [f"{_BEGIN} on {when}; the way back: {back}", *body, _END]
    return "\n".join(lines)


def _without_tail(lines: list[str], start: int, end: int) -> int:
    """The last line that is the section's own: blank lines and comments before the next header are not."""
    while end > start and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith((";", "#"))):
        end -= 1
    return end


def commented_in(text: str) -> str:
    """Undo every `commented_out`; edits made elsewhere in the file since then stay."""
    kept = (line for line in _lines(text) if not line.startswith((_BEGIN, _END)))
    return "\n".join(line.removeprefix(TAKEN) for line in kept)


def taken_names(text: str) -> frozenset[str]:
    """Names of the sections that were commented out by us and are still."""
    heads = (line.removeprefix(TAKEN) for line in _lines(text) if line.startswith(TAKEN + "["))
    return frozenset(match["name"] for head in heads if (match := _HEADER.match(head)))
