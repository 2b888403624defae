"""Write the generated pages, and the list of modules in CONTRIBUTING.md."""

from __future__ import annotations

import sys
from pathlib import Path

from autoscaler.cli.reference.house import with_house
from autoscaler.cli.reference.pages import PAGES

#: The folder of the package `autoscaler`.
PACKAGE = Path(__file__).parents[2]


def write(folder: Path) -> None:
    """Write every page into a folder, and the list of modules into the page beside it, if there is one."""
    folder.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")
    contributing = folder.resolve().parent / "CONTRIBUTING.md"
    if contributing.exists():
        contributing.write_text(with_house(contributing.read_text("utf-8"), PACKAGE), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
