"""The alerts and the Grafana dashboard that are shipped, as Prometheus reads them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from autoscaler.console.metrics import FAMILIES

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "autoscaler.rules.yaml"
DASHBOARD = ROOT / "deploy" / "grafana" / "autoscaler.json"
NAMES = {each.full_name for each in FAMILIES}


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return list(group["rules"])


def queries() -> list[str]:
    """Those of the dashboard, with its variables filled in."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    found = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [each.replace("$__rate_interval", "1m").replace("$", "") for each in found]


@pytest.fixture
def promtool(need: Callable[[str], None]) -> Callable[..., str]:
    """Run promtool, which must have nothing against what it is given."""
    need("promtool")

    def _run(*words: str | Path, text: str | None = None) -> str:
        done = subprocess.run(["promtool", *words], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return _run


@pytest.mark.parametrize("expression", [*(each["expr"] for each in rules()), *queries()])
def test_only_metrics_that_there_are_are_asked_for(expression: str) -> None:
    assert set(re.findall(r"autoscaler_\w+", expression)) <= NAMES
    assert re.search(r"autoscaler_|\bup\b", expression)


def test_every_alert_says_what_to_do_and_leads_to_its_place() -> None:
    troubleshooting = (ROOT / "docs" / "troubleshooting.md").read_text()
    told = re.findall(r"^### (Autoscaler\w+)$", troubleshooting, re.MULTILINE)
    assert [each["alert"] for each in rules()] == told
    for each in rules():
        assert set(each["annotations"]) == {"summary", "description", "runbook"}
        assert each["annotations"]["runbook"] == f"docs/troubleshooting.md#{each['alert'].lower()}"


def test_the_alerts_fire_when_they_should(promtool: Callable[..., str]) -> None:
    promtool("check", "rules", RULES)
    promtool("test", "rules", ROOT / "tests" / "prometheus" / "rules.test.yaml")


def test_the_queries_of_the_dashboard_are_valid(promtool: Callable[..., str], tmp_path: Path) -> None:
    recorded = [{"record": f"query{number}", "expr": each} for number, each in enumerate(queries())]
    (tmp_path / "queries.yaml").write_text(
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]})
    )
    assert f"{len(recorded)} rules found" in promtool("check", "rules", tmp_path / "queries.yaml")
