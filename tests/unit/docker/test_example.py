"""The files of deploy/docker fit each other, and the reader of the Dockerfile reads it as Docker does."""

from __future__ import annotations

import configparser
import fnmatch
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from autoscaler import config
from autoscaler.config.units import duration
from docker.dockerfile import Instruction, carry_out, read

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy/docker"
INSTRUCTIONS = list(read((FOLDER / "Dockerfile").read_text()))


@pytest.fixture
def compose() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "compose.yaml").read_text())


@pytest.fixture
def supervisord() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(" ;",))
    parser.read(FOLDER / "supervisord.conf")
    return parser


@pytest.fixture
def settings(compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> config.Config:
    """The config with the variables that compose.yaml sets."""
    for name, value in compose["services"]["workers"]["environment"].items():
        monkeypatch.setenv(
            name, re.sub(r"\$\{\w+(:-(\w+)|:\?[^}]*)\}", r"\2", str(value)) or "0123456789abcdef"
        )
    return config.load(FOLDER / "autoscaler.yaml")


# --- the reader ---


def test_an_instruction_goes_over_lines_and_comments_are_none() -> None:
    text = "# syntax\nFROM debian\n\nRUN one \\\n    && two\n# last\nCOPY --chmod=755 a b /c/\n"
    first, run, copy = read(text)
    assert first == Instruction(2, "FROM", "debian")
    assert (run.line, run.argument.split()) == (4, ["one", "&&", "two"])
    assert (copy.flags, copy.paths) == ({"chmod": "755"}, ["a", "b", "/c/"])


def test_an_instruction_that_the_reader_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2: SHELL"):
        list(read("FROM debian\nSHELL bash\n"))


def test_copy_takes_files_and_the_content_of_folders(tmp_path: Path) -> None:
    context, root = tmp_path / "context", tmp_path / "root"
    (context / "folder").mkdir(parents=True)
    (context / "folder/inside").write_text("1")
    (context / "file").write_text("2")
    carry_out(list(read("COPY file /a/\nCOPY --chmod=755 file /b\nCOPY folder /c")), context, root, {})
    assert (root / "a/file").read_text() == "2"
    assert (root / "b").stat().st_mode & 0o777 == 0o755
    assert (root / "c/inside").read_text() == "1"


# --- the files fit each other ---


def test_all_that_is_copied_is_in_the_tree() -> None:
    for each in INSTRUCTIONS:
        for source in each.paths[:-1] if each.word == "COPY" else ():
            assert (ROOT / source).exists(), f"line {each.line}: {source}"


def test_compose_builds_this_dockerfile(compose: dict[str, Any]) -> None:
    build = compose["services"]["workers"]["build"]
    context = (FOLDER / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]) == FOLDER / "Dockerfile"


def test_volumes_and_services_that_compose_names_exist(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("depends_on", {})) <= set(compose["services"])
        for volume in service.get("volumes", ()):
            assert volume.split(":")[0] in compose["volumes"]


def test_the_state_is_in_a_volume(compose: dict[str, Any], settings: config.Config) -> None:
    mounted = [volume.split(":")[1] for volume in compose["services"]["workers"]["volumes"]]
    assert str(settings.state_dir) in mounted
    described = next(each.argument for each in INSTRUCTIONS if each.word == "VOLUME")
    assert described in mounted


def test_the_broker_is_a_service(compose: dict[str, Any], settings: config.Config) -> None:
    broker = urlsplit(settings.broker.url.get_secret_value())
    service = compose["services"][broker.hostname or ""]
    assert service["environment"]["RABBITMQ_DEFAULT_USER"] == broker.username
    assert service["hostname"] == broker.hostname


def test_the_dashboard_is_published_on_this_machine_alone(
    compose: dict[str, Any], settings: config.Config
) -> None:
    address, outside, inside = compose["services"]["workers"]["ports"][0].split(":")
    assert address == "127.0.0.1"
    assert settings.console.listen == f"0.0.0.0:{inside}"
    assert inside == outside == next(each.argument for each in INSTRUCTIONS if each.word == "EXPOSE")


def test_the_container_gets_the_time_that_a_drain_may_take(compose: dict[str, Any]) -> None:
    workers = compose["services"]["workers"]
    within = duration(workers["environment"]["DRAIN_WITHIN"])
    assert duration(workers["stop_grace_period"]) > within
    assert "DRAIN_WITHIN:-5m" in (FOLDER / "start.sh").read_text()


def test_supervisord_reads_the_programs_file(
    supervisord: configparser.RawConfigParser, settings: config.Config
) -> None:
    assert fnmatch.fnmatch(str(settings.supervisord.programs_file), supervisord["include"]["files"])
    socket = supervisord["unix_http_server"]["file"]
    assert settings.supervisord.url.get_secret_value() == f"unix://{socket}"
    assert supervisord["supervisorctl"]["serverurl"] == f"unix://{socket}"


def test_the_daemon_runs_with_the_config_that_is_copied(supervisord: configparser.RawConfigParser) -> None:
    targets = {each.paths[-1] for each in INSTRUCTIONS if each.word == "COPY"}
    command = supervisord["program:autoscaler"]["command"]
    assert command.split("--config ")[1] in targets
    start = next(each.argument for each in INSTRUCTIONS if each.word == "CMD")
    assert start in {f'["{target}"]' for target in targets}
