"""What became of a row: kept as JSON beside this file, so that the rows can be run one by one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from xml.etree import ElementTree

KEPT = Path(__file__).with_name("results.json")


@dataclass(frozen=True, slots=True)
class Result:
    """One run of a row."""

    #: Day of the run, as 2026-11-28.
    day: str
    #: Version by name of the part, as seen inside: {"Python": "3.13.5", ...}.
    versions: dict[str, str] = field(default_factory=dict)
    passed: int = 0
    #: Names of the tests that failed.
    failed: list[str] = field(default_factory=list)
    #: How many tests were skipped, by reason.
    skipped: dict[str, int] = field(default_factory=dict)
    #: Seconds that pytest took.
    seconds: float = 0.0
    #: Why nothing ran; empty if it ran.
    not_run: str = ""

    @property
    def good(self) -> bool:
        """Whether tests ran, and none failed."""
        return bool(self.passed) and not self.failed


def from_report(path: Path, day: str, versions: dict[str, str]) -> Result:
    """Read pytest's JUnit report."""
    if not path.exists():
        return Result(day, versions, not_run="pytest ended without a report")
    suite = ElementTree.parse(path).getroot().find("testsuite")
    assert suite is not None
    failed, skipped, passed = [], Counter[str](), 0
    for case in suite.iter("testcase"):
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(f"{case.get('classname')}.{case.get('name')}")
        elif skip is not None:
            skipped[skip.get("message", "")] += 1
        else:
            passed += 1
    seconds = round(float(suite.get("time", "0")))
    return Result(day, versions, passed, sorted(failed), dict(sorted(skipped.items())), seconds)


def load(path: Path = KEPT) -> dict[str, Result]:
    """The kept results by the row's name."""
    return {name: Result(**values) for name, values in json.loads(path.read_text()).items()}


def save(results: Mapping[str, Result], path: Path = KEPT) -> None:
    """Keep results, with one row's after the other's."""
    values = {name: asdict(result) for name, result in results.items()}
    path.write_text(json.dumps(values, indent=1) + "\n")
