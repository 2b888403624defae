"""`autoscaler init` finds what is really there: supervisord, its programs, the app and the broker."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from autoscaler import config
from autoscaler.cli import main

CELERY = str(Path(sys.executable).parent / "celery")
OLD = """\
[program:mail]
command={celery} -A autoscaler.examples.shop worker -Q emails -c 2 -n mail%(process_num)d@%%h --loglevel=INFO
process_name=%(program_name)s_%(process_num)02d
numprocs=2
directory={folder}
environment=CELERY_BROKER_URL="{url}",SHOP_KEY="s3cret"
stopasgroup=true
autostart=false

[program:beat]
command={celery} -A autoscaler.examples.shop beat
autostart=false
"""


@pytest.fixture
def old_set_up(vhost, supervisord, short_folder):
    """A supervisord that has read hand-written worker programs."""
    url = vhost.amqp_url.replace("%", "%%")
    text = OLD.format(celery=CELERY, folder=short_folder, url=url)
    (supervisord.conf_d / "mail.conf").write_text(text)
    supervisord.call("supervisor.reloadConfig")
    supervisord.call("supervisor.addProcessGroup", "mail")
    return supervisord


def invoke(*words):
    return CliRunner().invoke(main, ["init", *map(str, words)])


def test_worker_programs_become_a_config_that_works(old_set_up, vhost, short_folder):
    file = short_folder / "etc" / "autoscaler.yaml"

    result = invoke(
        *("--config", file, "--supervisord", old_set_up.url),
        *("--management-url", vhost.management_url, "--state-dir", short_folder / "state"),
    )

    assert file.exists(), result.output
    usable = config.load(file, {})
    fleet = usable.fleets["mail"]
    assert (fleet.app, fleet.queues, fleet.concurrency) == ("autoscaler.examples.shop", ("emails",), 2)
    assert fleet.celery == CELERY
    # Where supervisord is root's its workers are too, as today; the daemon wants to have that in writing.
    assert fleet.user == ("root" if os.geteuid() == 0 else None)
    assert usable.broker.url.get_secret_value() == vhost.amqp_url
    assert usable.supervisord.url.get_secret_value() == old_set_up.url
    assert usable.supervisord.programs_file == old_set_up.programs_file
    assert vhost.amqp_url not in file.read_text().replace(f'CELERY_BROKER_URL: "{vhost.amqp_url}"', "")
    assert file.stat().st_mode & 0o077 == 0  # SHOP_KEY stands in it
    assert "s3cret" not in result.output
    assert "supervisord" in result.output  # what check --connect says
    assert " error " not in f" {result.output} ".replace("0 error", "")
    assert "[program:beat] runs celery beat, which is no worker: it is written down under" in result.output
    assert "# singletons:" in file.read_text()


def test_every_line_says_why_it_is_there(old_set_up, vhost, short_folder):
    result = invoke("--supervisord", old_set_up.folder / "supervisord.conf", "--dry-run")

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    bare = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if line.strip() and "#" not in line + before
    ]
    assert bare == []
    assert "s3cret" not in result.output
    assert not (short_folder / "autoscaler.yaml").exists()


def test_it_never_overwrites(old_set_up, short_folder):
    file = short_folder / "autoscaler.yaml"
    file.write_text("mine")

    result = invoke("--config", file, "--supervisord", old_set_up.url)

    assert result.exit_code == 1
    assert "is there already; --force replaces it" in result.stderr
    assert file.read_text() == "mine"


def test_an_app_without_workers_gets_a_fleet_for_each_queue(supervisord, short_folder):
    (short_folder / "proj.py").write_text(
        "from celery import Celery\n"
        "print('apps may print')\n"
        "app = Celery('proj', broker='amqp://shop:hush@localhost:1//')\n"
        "app.conf.update(worker_concurrency=3, task_default_queue='default',\n"
        "                task_routes={'proj.resize': {'queue': 'images'}})\n"
        "@app.task\n"
        "def resize(): ...\n"
        "@app.task\n"
        "def send(): ...\n"
    )
    file = short_folder / "autoscaler.yaml"

    result = invoke(
        *("--config", file, "--app", "proj", "--directory", short_folder, "--python", sys.executable),
        *("--supervisord", supervisord.folder / "supervisord.conf"),
    )

    usable = config.load(file, {})
    assert {name: fleet.queues for name, fleet in usable.fleets.items()} == {
        "default": ("default",),
        "images": ("images",),
    }
    assert {fleet.concurrency for fleet in usable.fleets.values()} == {3}
    assert "the app routes proj.resize here" in file.read_text()
    assert usable.broker.url.get_secret_value() == "amqp://shop:hush@localhost:1//"
    assert file.with_name("broker.url").stat().st_mode & 0o777 == 0o600
    assert "hush" not in file.read_text() + result.output
    assert result.exit_code == 5  # nobody listens there, as check --connect says


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("raise RuntimeError('amqp://u:hush@h// is away')", "RuntimeError: amqp://***@h// is away"),
        ("", "proj"),
    ],
)
def test_an_app_that_cannot_be_imported_is_told_with_what_to_try(module, told, supervisord, short_folder):
    (short_folder / "proj.py").write_text(module)

    result = invoke(
        *("--app", "proj", "--directory", short_folder, "--python", sys.executable),
        *("--supervisord", supervisord.url, "--dry-run"),
    )

    assert result.exit_code == 1
    assert told in result.stderr
    assert "--directory is the folder that holds it" in result.stderr
    assert "hush" not in result.output


def test_without_a_worker_program_the_app_must_be_named(supervisord):
    result = invoke("--supervisord", supervisord.url)

    assert result.exit_code == 1
    assert "say which app with --app" in result.stderr
