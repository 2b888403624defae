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

from autoscaler.http.metrics import FAMILIES

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


SUMMED = {"demand", "running_tasks", "desired_workers", "expected_wait_seconds", "workers"}


@pytest.mark.parametrize("unknown", sorted(SUMMED))
def test_what_one_of_two_daemons_does_not_know_is_a_gap_and_no_smaller_sum(
    promtool: Callable[..., str], tmp_path: Path, unknown: str
) -> None:
    asked = [each for each in queries() if re.match(rf".*?_fleet_({'|'.join(SUMMED)})\{{", each)]
    assert len(asked) == len(SUMMED)
    everywhere = {*SUMMED, "max_workers"}
    series = [*_series("a", everywhere), *_series("b", everywhere - {unknown})]
    told = [
        {
            "expr": re.sub('"(instance|fleet)"', '".+"', each),
            "eval_time": "1m",
            "exp_samples": [] if f"_fleet_{unknown}{{" in each else [_told(each)],
        }
        for each in asked
    ]
    values = [{"series": each, "values": "3x5"} for each in series]
    (tmp_path / "sums.yaml").write_text(
        yaml.safe_dump({"tests": [{"input_series": values, "promql_expr_test": told}]})
    )
    promtool("test", "rules", tmp_path / "sums.yaml")


def _series(instance: str, names: set[str]) -> list[str]:
    labels = f'instance="{instance}", fleet="emails"'
    state = ', state="running"'
    return [
        f"autoscaler_fleet_{name}{{{labels}{state if name == 'workers' else ''}}}" for name in sorted(names)
    ]


def _told(query: str) -> dict[str, object]:
    """What a query makes of two daemons that have 3 each."""
    labels = '{state="running"}' if "by (state)" in query else "{}"
    return {"labels": labels, "value": 6 if query.startswith("sum") else 3}
