"""The part of CONTRIBUTING.md that lists every module with the first line of its docstring."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

#: The list is between these lines; the rest of the page is written by hand.
BEGIN = "<!-- From here on: written by scripts/docs from the modules' docstrings. -->"
END = "<!-- Up to here. -->"
_SELF = "__init__.py"


def with_house(page: str, package: Path) -> str:
    """Bring the list in a page up to date.

    Parameters
    ----------
    page : the text of CONTRIBUTING.md, with the lines BEGIN and END.
    package : the folder of the package `autoscaler`.

    Raises
    ------
    ValueError : BEGIN or END is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page needs the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{house(package)}\n{END}{after}"


def house(package: Path) -> str:
    """Every module, grouped by room, as Markdown."""
    rooms = [package, *sorted(path.parent for path in package.glob(f"*/{_SELF}"))]
    return "\n".join(line for room in rooms for line in _room(room, package))


def _room(room: Path, package: Path) -> Iterator[str]:
    title = f"{room.relative_to(package.parent).as_posix()}/"
    lines = list(_tree(room, deep=room != package))
    width = max((len(name) for name, _ in lines), default=0) + 2
    yield from (f"### {title}", "", _summary(room / _SELF), "")
    if lines:
        yield from ("```text", *(f"{name:{width}}{summary}" for name, summary in lines), "```", "")


def _tree(folder: Path, *, deep: bool, indent: str = "") -> Iterator[tuple[str, str]]:
    """The modules of a folder and, if deep, of the folders in it."""
    for path in sorted(folder.iterdir()):
        if path.suffix == ".py" and path.name != _SELF:
            yield f"{indent}{path.name}", _summary(path)
        elif deep and (path / _SELF).exists():
            yield f"{indent}{path.name}/", _summary(path / _SELF)
            yield from _tree(path, deep=True, indent=f"{indent}  ")


def _summary(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]
