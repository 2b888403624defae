"""The generated pages of docs/ are what the code says now."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from autoscaler.cli import main
from autoscaler.cli.group import COMMANDS
from autoscaler.cli.reference.house import BEGIN, END, with_house
from autoscaler.cli.reference.pages import PAGES

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", PAGES)
def test_a_committed_page_is_what_would_be_written_now(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), f"docs/{name} is not up to date: run scripts/docs"


def test_the_schema_command_prints_the_committed_schema() -> None:
    printed = CliRunner().invoke(main, ["schema"])
    assert printed.output == (DOCS / "autoscaler.schema.json").read_text()


def test_every_command_and_its_examples_are_in_both_pages() -> None:
    markdown, manual = PAGES["commands.md"](), PAGES["autoscaler.1"]()
    for name in COMMANDS:
        assert f"\n## autoscaler {name}\n" in markdown
        assert f"\n.SS autoscaler {name}\n" in manual
    assert "```text\nautoscaler set emails max_workers=20\n" in markdown
    assert ".nf\nautoscaler set emails max_workers=20\n" in manual


def test_every_link_of_a_page_leads_to_a_title_of_it() -> None:
    for name in ("configuration.md", "commands.md"):
        page = PAGES[name]()
        titles = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
        anchors = {re.sub(r"[^a-z0-9_ -]", "", title.lower()).replace(" ", "-") for title in titles}
        assert set(re.findall(r"\]\(#([^)]*)\)", page)) <= anchors


@pytest.mark.skipif(shutil.which("man") is None, reason="there is no man here")
def test_man_has_nothing_to_say_against_the_manual_page() -> None:
    command = ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(DOCS / "autoscaler.1")]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stderr == ""


# --- the list of modules in CONTRIBUTING.md ---


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A small house with two rooms, one of them with a room inside."""
    for name, text in {
        "__init__.py": '"""A shop."""',
        "errors.py": '"""The errors.\n\nAnd more about them."""',
        "tools/__init__.py": '"""Tools."""',
        "tools/saw.py": '"""Cuts."""',
        "tools/drill/__init__.py": '"""Drills holes."""',
        "tools/drill/bit.py": '"""A bit."""',
        "tools/drill/notes.txt": "no module",
    }.items():
        path = tmp_path / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "shop"


def test_every_module_is_listed_in_its_room_with_its_first_line(package: Path) -> None:
    page = with_house(f"before\n{BEGIN}\nold\n{END}\nafter\n", package)
    assert page.startswith(f"before\n{BEGIN}\n")
    assert page.endswith(f"{END}\nafter\n")
    assert "old" not in page
    shop, tools = page.split("### shop/tools/")
    assert "errors.py  The errors.\n" in shop
    assert "saw.py" not in shop
    assert "drill/    Drills holes.\n  bit.py  A bit.\nsaw.py    Cuts.\n" in tools


def test_a_page_without_a_place_for_the_list_is_refused(package: Path) -> None:
    with pytest.raises(ValueError, match="needs the lines"):
        with_house("a page", package)
