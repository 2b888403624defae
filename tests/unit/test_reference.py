"""The generated pages of docs/ are what the code says now."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from autoscaler.cli import main
from autoscaler.reference.pages import PAGES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", PAGES)
def test_a_committed_page_is_what_would_be_written_now(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), f"docs/{name} is not up to date: run scripts/docs"


def test_the_schema_command_prints_the_committed_schema() -> None:
    printed = CliRunner().invoke(main, ["schema"])
    assert printed.output == (DOCS / "autoscaler.schema.json").read_text()
