"""What the README shows is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from autoscaler import config
from autoscaler.cli import main
from autoscaler.config.schema import Config

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "examples" / "README.md"]
YAML = re.findall(r"^```yaml\n(.*?)^```", PAGES[0].read_text(), re.MULTILINE | re.DOTALL)
#: Each with the words up to its first option or argument.
COMMANDS = sorted(
    {
        found
        for page in PAGES
        for found in re.findall(r"\bautoscaler ([a-z]+)(?= |`|$)", page.read_text(), re.MULTILINE)
    }
    & set(main.commands)
)


@pytest.mark.parametrize("text", YAML)
def test_every_config_in_the_readme_is_valid(text, tmp_path):
    path = tmp_path / "autoscaler.yaml"
    path.write_text(text)
    config.load(path, {"RABBITMQ_PASSWORD": "secret"})


def test_the_example_config_is_valid():
    config.load(ROOT / "examples" / "autoscaler.yaml", {})


def test_the_first_config_is_under_twenty_lines():
    assert len(YAML[0].splitlines()) < 20


@pytest.mark.parametrize(
    "model", [Config, *(Config.model_fields[key].annotation for key in ("broker", "console"))]
)
def test_the_readme_has_every_key(model):
    missing = [
        key for key in model.known() if f"{key}:" not in YAML[1] and f"{key}:" not in PAGES[0].read_text()
    ]
    assert missing in ([], ["token"])


def test_the_readme_has_every_key_of_a_fleet():
    assert [key for key in config.Fleet.known() if f"    {key}:" not in YAML[1]] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_the_pages_name_exists(command):
    assert CliRunner().invoke(main, [command, "--help"]).exit_code == 0
