"""`autoscaler purge` says what would go, asks, and tells what went."""

from __future__ import annotations

import json
from pathlib import Path

import kombu
import pytest
from click.testing import CliRunner

from autoscaler.cli import main


@pytest.fixture
def shop(tmp_path):
    """A config on an embedded broker in a folder, with three messages in `emails` and one in `both`."""
    folder = tmp_path / "broker"
    (folder / "control").mkdir(parents=True)
    options = {
        "data_folder_in": f"{folder}",
        "data_folder_out": f"{folder}",
        "control_folder": f"{folder}/control",
    }
    with kombu.Connection("filesystem://", transport_options=options) as connection:
        for queue in ("emails", "emails", "emails", "both"):
            connection.default_channel.queue_declare(queue)
            connection.Producer().publish({}, exchange="", routing_key=queue)
    path = tmp_path / "autoscaler.yaml"
    fleet = "{app: shop, concurrency: 1, min_workers: 1, max_workers: 1, queues: "
    path.write_text(
        f"broker: {{url: 'filesystem://', transport_options: {json.dumps(options)}}}\n"
        f"fleets:\n  emails: {fleet}[emails, both]}}\n  reports: {fleet}[both]}}\n"
    )
    return path


def run(path: Path, *words: str, **given):
    return CliRunner().invoke(main, ["purge", *words, "--config", str(path)], **given)


def test_it_tells_what_waits_and_who_else_reads_it_and_what_went(shop):
    result = run(shop, "emails", "--yes")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        "both: 1 waiting; reports also reads it",
        "emails: 3 waiting",
        "both: 1 deleted",
        "emails: 3 deleted",
    ]
    assert "emails: 0 deleted" in run(shop, "emails", "--yes").output


def test_without_a_terminal_and_without_yes_it_refuses(shop):
    result = run(shop, "--all", input="y\n")
    assert result.exit_code == 2
    assert "there is no terminal to ask on: give --yes" in result.stderr
    assert "emails: 3 waiting" in run(shop, "emails").stdout


@pytest.mark.parametrize(("answer", "exit_code", "left"), [("n\n", 1, "3 waiting"), ("y\n", 0, "0 waiting")])
def test_on_a_terminal_it_asks(shop, monkeypatch, answer, exit_code, left):
    monkeypatch.setattr("autoscaler.cli.purge.sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("autoscaler.cli.purge._confirmed", lambda queues: answer == "y\n")
    assert run(shop, "--all").exit_code == exit_code
    monkeypatch.undo()
    assert f"emails: {left}" in run(shop, "emails").stdout


def test_json_has_every_queue(shop):
    data = json.loads(run(shop, "emails", "--yes", "--json").output)
    assert data["queues"][0] == {"queue": "both", "deleted": 1, "error": "", "also_read_by": ["reports"]}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give one of FLEET and --all"),
        (("emails", "--all"), "give one of FLEET and --all"),
        (("emials",), "there is no fleet 'emials'; did you mean emails?"),
    ],
)
def test_wrong_usage_is_told(shop, words, said):
    result = run(shop, *words)
    assert result.exit_code == 2
    assert said in result.stderr
