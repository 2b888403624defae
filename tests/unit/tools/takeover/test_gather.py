"""What a first config is made of, as far as it needs no service."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from autoscaler import config
from autoscaler.cli import adopt, main
from autoscaler.errors import TakeoverError
from autoscaler.tools.takeover.drafts import Machine, fleet_drafts
from autoscaler.tools.takeover.first_config import workers_for
from autoscaler.tools.takeover.gather import Asked, absolute, gather
from autoscaler.tools.takeover.workers import AppFacts

ROUTES = {"emails": ("shop.send",)}


def test_a_path_has_no_dots_where_that_leads_to_the_same_place(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "away")
    assert absolute(f"{tmp_path}/mine/../shop/celery") == f"{tmp_path}/shop/celery"
    assert absolute(f"{tmp_path}/link/../shop/celery") == f"{tmp_path}/link/../shop/celery"
    monkeypatch.chdir(tmp_path / "mine")
    assert absolute("../shop") == f"{tmp_path}/shop"


@pytest.mark.parametrize(
    ("queues", "routes", "least"),
    [
        (("celery",), ROUTES, {"celery": 0, "emails": 1}),
        (("default",), ROUTES, {"default": 0, "emails": 1}),
        (("celery",), {**ROUTES, "celery": ("shop.other",)}, {"celery": 1, "emails": 1}),
        (("celery",), {}, {"celery": 1}),
        # Named by the app itself: somebody may publish there by name.
        (("emails", "reports"), ROUTES, {"emails": 1, "reports": 1}),
    ],
)
def test_a_default_queue_that_gets_no_task_needs_no_worker(queues, routes, least):
    machine = Machine(4)
    facts = AppFacts(app="shop", queues=queues, routes=routes)
    workers = workers_for(facts, machine, celery="celery", directory=None, user=None)
    assert {each.name: each.min_workers for each in fleet_drafts(workers, (), machine)} == least


@pytest.fixture
def queue_file(tmp_path: Path) -> Path:
    file = tmp_path / "queues.yaml"
    file.write_text("emails: {id: 1, app: nowhere.at.all, count: 2, queue: emails, concurrency: 1}\n")
    return file


@pytest.fixture
def supervisord(tmp_path: Path) -> Path:
    """The main file of one that does not run."""
    file = tmp_path / "supervisord.conf"
    file.write_text(f"[unix_http_server]\nfile={tmp_path}/s.sock\n[supervisord]\n")
    return file


def test_a_file_is_taken_where_its_app_cannot_be_imported(queue_file, supervisord, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_BROKER", "amqp://shop:pa55@127.0.0.1:1//")
    asked = ["--from", queue_file, "--broker-url-env", "SHOP_BROKER", "--supervisord", supervisord]
    result = CliRunner().invoke(main, ["init", *map(str, asked), "--python", sys.executable, "--dry-run"])
    assert "nowhere.at.all: cannot be imported" in result.stderr
    assert "Only what the file says of it was written" in result.stderr
    assert result.exit_code == 0
    (tmp_path / "autoscaler.yaml").write_text(result.stdout)
    written = config.load(tmp_path / "autoscaler.yaml", {"SHOP_BROKER": "amqp://localhost//"})
    assert written.fleets["emails"].queues == ("emails",)
    assert "pa55" not in result.output


def test_what_is_not_known_of_a_broker_is_not_written(queue_file, supervisord):
    asked = ["--from", queue_file, "--broker-url-env", "NOT_SET", "--supervisord", supervisord]
    result = CliRunner().invoke(main, ["init", *map(str, asked), "--python", sys.executable, "--dry-run"])
    assert result.exit_code == 0
    assert "$NOT_SET is not set here" in result.stderr
    assert "management_url" not in result.stdout


def test_without_its_broker_either_it_says_how_to_name_that(queue_file, supervisord):
    asked = Asked(from_file=queue_file, supervisord=str(supervisord), python=sys.executable)
    with pytest.raises(TakeoverError, match="--broker-url-env says where its broker's URL is"):
        gather(asked)


@pytest.mark.parametrize(
    ("some_left", "told"),
    [(True, "can be taken over: see the notes"), (False, "is left to take over")],
)
def test_what_was_refused_is_not_told_as_done(capsys, some_left, told):
    adopt._tell((), {}, some_left=some_left)
    assert capsys.readouterr().out == f"no worker program {told}\n"
