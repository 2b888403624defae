"""The `autoscaler simulate` command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from autoscaler.cli import main
from autoscaler.tools.simulate.against import PEERS

CONFIG = """\
broker: {url: "amqp://guest:guest@localhost:5672//"}
fleets:
  emails: {app: a.b, queues: [emails], concurrency: 2, max_workers: 9, scale: {backlog_per_worker: 8}}
  slow: {app: a.b, queues: [slow], concurrency: 1, max_workers: 9, scale: {backlog_per_worker: 8}}
"""


def simulate(folder: Path, *arguments: str) -> Result:
    path = folder / "autoscaler.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return CliRunner().invoke(main, ["simulate", "--config", str(path), *arguments])


def test_a_pattern_prints_one_row_a_scaler(tmp_path: Path) -> None:
    result = simulate(
        tmp_path, "--fleet", "emails", "--pattern", "idle-then-one", "--against", ",".join(PEERS)
    )
    assert result.exit_code == 0
    rows = [line.split()[0] for line in result.output.splitlines() if line]
    assert rows[: len(PEERS) + 2] == ["SCALER", "emails", *PEERS]


def test_the_same_seed_prints_the_same_json(tmp_path: Path) -> None:
    trace = tmp_path / "day.csv"
    trace.write_text("period_start,count\n0,30\n60,90\n120,10\n", encoding="utf-8")
    call = ("--fleet", "slow", "--trace", str(trace), "--service-time", "3s", "--seed", "4", "--json")
    first, again = simulate(tmp_path, *call), simulate(tmp_path, *call)
    assert first.output == again.output
    data = json.loads(first.output)
    assert data["load"]["tasks"] == 130
    assert data["outcomes"][0]["tasks"] == 130
    assert data["outcomes"][0]["worker_hours"] >= data["least_worker_hours"] > 0


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")
    picture = tmp_path / "picture.png"
    result = simulate(tmp_path, "--fleet", "slow", "--pattern", "idle-then-one", "--plot", str(picture))
    assert result.exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--pattern", "step"), 2, "--fleet is needed, the config has 2: emails, slow"),
        (("--pattern", "step", "--fleet", "x"), 2, "the config has only emails, slow"),
        (("--fleet", "slow"), 2, "give one of --trace FILE, --pattern NAME"),
        (("--fleet", "slow", "--pattern", "step", "--trace", "a"), 2, "give one of --trace"),
        (("--fleet", "slow", "--pattern", "step", "--against", "k8s"), 2, "'k8s' is not a known peer"),
        (("--fleet", "slow", "--pattern", "step", "--wait", "3"), 2, "'3' is not a duration"),
        (("--fleet", "slow", "--pattern", "step", "--service-time", "0s"), 2, "must be more than 0"),
        (("--fleet", "slow", "--pattern", "step", "--wait", "0s"), 2, "must be more than 0"),
        (("--fleet", "slow", "--trace", "/nowhere.csv"), 1, "/nowhere.csv:1: cannot be read"),
    ],
)
def test_wrong_usage_says_what_is_wrong(
    tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = simulate(tmp_path, *arguments)
    assert result.exit_code == code
    assert message in result.output
