"""A page that is written by running what it shows."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Callable
from pathlib import Path

#: What differs from run to run, and what stands for it.
PLACEHOLDERS = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", "…"),
    (r"(?<=pid )\d+", "…"),
    (r"uptime \d+:\d\d:\d\d", "uptime …"),
    (r"\(Reading database \.\.\. [^)]*\)\n", ""),
    (r"(?m)^invoke-rc\.d: .*\n", ""),
    (r"\b\d+ (waiting|running), ", r"… \1, "),
    (r"\b\d+(\.\d+)? (seconds|s)\b", "… s"),
    (r"(?m)^(\d+ left: .*\n)+", "… left: …\n"),
    (r"(?m) +$", ""),
)


class Guide:
    """The page.

    Parameters
    ----------
    run : runs a shell command and returns what it prints; ``codes`` are the exit codes that are right.
    """

    def __init__(self, run: Callable[..., str]) -> None:
        self._run = run
        self._parts: list[str] = []

    def text(self, words: str) -> None:
        """Add a paragraph or more."""
        self._parts.append(textwrap.dedent(words).strip())

    def block(self, kind: str, content: str) -> None:
        """Add a block of code."""
        self._parts.append(f"```{kind}\n{content.rstrip()}\n```")

    def shell(self, command: str, *, codes: tuple[int, ...] = (0,), shown: str | None = None) -> str:
        """Run a command and show it with what it prints.

        Parameters
        ----------
        shown : another text for the command; empty: it is not shown at all.
        """
        printed = self._run(command, codes=codes)
        if shown != "":
            self._console(shown or command, self.normalised(printed))
        return printed

    def _console(self, command: str, printed: str) -> None:
        lines = f"# {command}\n{printed}".rstrip()
        # Commands that follow each other share a block.
        if self._parts and self._parts[-1].startswith("```console"):
            self._parts[-1] = f"{self._parts[-1].removesuffix('```')}{lines}\n```"
        else:
            self.block("console", lines)

    @staticmethod
    def normalised(text: str) -> str:
        """Put placeholders for what differs from run to run."""
        for pattern, placeholder in PLACEHOLDERS:
            text = re.sub(pattern, placeholder, text)
        return text

    def settle(self, path: Path, write: bool) -> None:
        """Write the page, or fail where it says anything else than what happened."""
        page = "\n\n".join(self._parts) + "\n"
        if write:
            path.write_text(page)
            return
        old = path.read_text() if path.exists() else ""
        if old != page:
            lines = difflib.unified_diff(
                old.splitlines(), page.splitlines(), str(path), "what happened", lineterm=""
            )
            raise SystemExit("\n".join(lines) + "\nIs that right? Then: scripts/test-package --write")
