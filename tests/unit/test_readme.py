"""What the README shows is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from autoscaler import config
from autoscaler.cli import group, main
from autoscaler.config import Broker, Config, Console, Fleet, Supervisord

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "examples" / "README.md"]
YAML = re.findall(r"^```yaml\n(.*?)^```", PAGES[0].read_text(), re.MULTILINE | re.DOTALL)
CODE = "\n".join(
    found
    for page in PAGES
    for found in re.findall(r"```(?:sh|console)\n.*?```|`autoscaler [^`]*`", page.read_text(), re.DOTALL)
)
COMMANDS = sorted(set(re.findall(r"^[`$ ]*autoscaler ([a-z]+)", CODE, re.MULTILINE)))


@pytest.mark.parametrize("text", YAML)
def test_every_config_in_the_readme_is_valid(text, tmp_path):
    path = tmp_path / "autoscaler.yaml"
    path.write_text(text)
    config.load(path, {"RABBITMQ_PASSWORD": "secret"})


def test_the_example_config_is_valid():
    config.load(ROOT / "examples" / "autoscaler.yaml", {})


def test_the_first_config_is_under_twenty_lines():
    assert len(YAML[0].splitlines()) < 20


@pytest.mark.parametrize("model", [Config, Broker, Supervisord, Console, Fleet])
def test_the_readme_has_every_key(model):
    told = set(re.findall(r"^ *([a-z_]+):", YAML[1], re.MULTILINE)) | {"url_file"}
    assert set(model.known()) - told <= {"token"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_the_pages_name_exists(command):
    assert command in group.COMMANDS
    assert CliRunner().invoke(main, [command, "--help"]).exit_code == 0
