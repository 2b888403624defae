"""Write the generated pages."""

from __future__ import annotations

import sys
from pathlib import Path

from autoscaler.cli.reference.pages import PAGES


def write(folder: Path) -> None:
    """Write every page into a folder."""
    folder.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
