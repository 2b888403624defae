"""docs/supported.md says what ran, and nothing else claims more."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from matrix.page import PAGE, page
from matrix.results import Result, from_report, load
from matrix.rows import BY_NAME, ROWS

ROOT = Path(__file__).parents[3]
RAN = Result("2026-11-28", {"Python": "3.13.5", "RabbitMQ": "4.0.5"}, passed=9, seconds=70)

REPORT = """<testsuites><testsuite time="12.6">
<testcase classname="tests.unit.test_a" name="test_good" />
<testcase classname="tests.unit.test_a" name="test_bad"><failure message="no">x</failure></testcase>
<testcase classname="tests.unit.test_a" name="test_broken"><error message="no">x</error></testcase>
<testcase classname="tests.unit.test_a" name="test_left_out"><skipped message="root may" /></testcase>
</testsuite></testsuites>"""


def test_the_page_is_what_the_kept_results_say() -> None:
    assert PAGE.read_text() == page(load())


def test_a_row_shows_what_it_ran_with_and_what_became_of_it() -> None:
    line = next(line for line in page({"py313": RAN}).splitlines() if "`py313`" in line)
    assert all(each in line for each in ("Python 3.13.5", "RabbitMQ 4.0.5", "9", "70 s", "2026-11-28"))


def test_failures_gaps_and_skips_are_named() -> None:
    shown = page(
        {
            "py311": replace(RAN, failed=["tests.unit.test_a.test_bad"]),
            "py312": Result("2026-11-28", not_run="no suite has Python 3.12"),
            "py313": replace(RAN, skipped={"root may": 2}),
        }
    )
    assert "Python 3.11: `tests.unit.test_a.test_bad`" in shown
    assert "Python 3.12: no suite has Python 3.12." in shown
    assert "root may: py313 2" in shown
    assert "Debian 13: no result is kept yet." in shown


def test_a_report_is_counted(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text(REPORT)
    result = from_report(tmp_path / "report.xml", "2026-11-28", {})
    assert (result.passed, result.skipped, result.seconds) == (1, {"root may": 1}, 13)
    assert result.failed == ["tests.unit.test_a.test_bad", "tests.unit.test_a.test_broken"]
    assert not result.good


def test_a_run_without_a_report_is_no_good_one(tmp_path: Path) -> None:
    result = from_report(tmp_path / "report.xml", "2026-11-28", {})
    assert result.not_run
    assert not result.good


def test_the_oldest_python_is_a_row() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert wanted == ">=3.11"
    assert "py311" in BY_NAME


def test_the_short_run_takes_tests_that_the_whole_row_has_too() -> None:
    for row in ROWS:
        for path in row.cut:
            assert any(path.startswith(whole) for whole in row.tests), row.name
            assert (ROOT / path).exists()


def named(product: str, text: str) -> list[str]:
    """The versions of `Debian 12 and 13`, `Python 3.11, 3.12 and 3.13`; not those that do not work."""
    # Possessive, so that no part of a version is left for a shorter match.
    lists = re.findall(rf"{product}\s(\d[\d.]*+(?:(?:,\s|\sand\s)\d[\d.]*+)*+)(?!\sdoes not)", text)
    return [version for each in lists for version in re.findall(r"\d+(?:\.\d+)*", each)]


def test_versions_are_found_in_lists() -> None:
    assert named("Debian", "on Debian 12 and 13, with RabbitMQ 4") == ["12", "13"]
    assert named("Python", "Python 3.11, 3.12\nand 3.13, on Debian 12") == ["3.11", "3.12", "3.13"]
    assert named("Python", "Python 3.10 does not work") == []


@pytest.mark.parametrize("product", ["Python", "RabbitMQ", "Debian", "Celery"])
def test_the_readme_names_only_versions_that_ran(product: str) -> None:
    good = [result for result in load().values() if result.good]
    ran = {result.versions.get(product) or result.versions.get(product.lower(), "") for result in good}
    for version in named(product, (ROOT / "README.md").read_text()):
        assert any(f"{each}.".startswith(f"{version}.") for each in ran), f"{product} {version} did not run"
