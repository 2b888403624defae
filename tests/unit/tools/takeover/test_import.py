"""Files of other tools become fleets that validate, and what got lost is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaler import config
from autoscaler.cli import main
from autoscaler.errors import TakeoverError
from autoscaler.tools.takeover.drafts import Machine, OldWorkers, clean_name, fleet_drafts
from autoscaler.tools.takeover.imported import imported
from autoscaler.tools.takeover.yaml_text import fleets_text

MACHINE = Machine(cores=8)

CLOUDMESH = """\
meta:
  yaml_version: 2.1
  kind: workers
cloudmesh:
  workers:
    launcher:
      id: l
      app: cloudmesh.launcher.queue
      count: 2
      queue: launcher
    qstat:
      id: q
      app: cloudmesh.pbs
      count: 1
      queue: qstat
      concurrency: 1
    ec2:
      app: cloudmesh.iaas.ec2.queue
      count: 3
      queue: ec2-images,ec2-servers
      concurrency: 4
      priority: high
"""

CELERYD_CONF = """\
[program:celeryd]
command=/srv/shop/venv/bin/celery worker -A shop -Q emails,news -c 4 -n w%(process_num)s@%%h --pidfile=/x
process_name=%(program_name)s_%(process_num)02d
numprocs=3
directory=/srv/shop
user=shop
environment=LANG="C.UTF-8",TOKEN="s3cret"
stopwaitsecs=600
stopasgroup=true
[program:beat]
command=celery -A shop beat
"""

CELERYD = """\
# /etc/default/celeryd
CELERYD_NODES="w1 w2 w3"
CELERY_BIN=/usr/local/bin/celery
CELERY_APP="proj"
CELERYD_CHDIR="/opt/proj"
CELERYD_OPTS="--time-limit=300 -c 8 \\
  -Q:w3 images -c:w3 2"
CELERYD_LOG_FILE="/var/log/%n.log"
export DJANGO_SETTINGS_MODULE="proj.settings"
"""


def fleets_of(text: str, folder: Path) -> dict[str, config.Fleet]:
    """What the config reads in fleets that we wrote."""
    file = folder / "autoscaler.yaml"
    file.write_text("broker: {url: 'amqp://localhost//'}\n" + text)
    return dict(config.load(file, {}).fleets)


def read(text: str, folder: Path) -> tuple[dict[str, config.Fleet], tuple[str, ...]]:
    file = folder / "old"
    file.write_text(text)
    drafts, notes = imported(file, MACHINE)
    return fleets_of(fleets_text(drafts), folder), tuple(note.replace(f"{file}", "F") for note in notes)


def test_a_cloudmesh_queue_file(tmp_path):
    fleets, notes = read(CLOUDMESH, tmp_path)

    assert list(fleets) == ["launcher", "qstat", "ec2"]
    launcher, qstat, ec2 = fleets.values()
    assert (launcher.app, launcher.queues, launcher.concurrency) == (
        "cloudmesh.launcher.queue",
        ("launcher",),
        8,
    )
    assert (launcher.min_workers, launcher.max_workers) == (1, 2)
    assert (qstat.min_workers, qstat.max_workers) == (1, 1)  # its tasks run one after another, as they did
    assert ec2.queues == ("ec2-images", "ec2-servers")
    assert (ec2.min_workers, ec2.max_workers, ec2.concurrency) == (1, 3, 4)
    assert "F:7: launcher: id: workers are named after the fleet, launcher-01, ..." in notes
    assert "F:22: ec2: priority: a fleet has no such key" in notes


def test_a_supervisord_file(tmp_path):
    fleets, notes = read(CELERYD_CONF, tmp_path)

    fleet = fleets["celeryd"]
    assert (fleet.app, fleet.queues, fleet.concurrency, fleet.user) == ("shop", ("emails", "news"), 4, "shop")
    assert fleet.celery == "/srv/shop/venv/bin/celery"
    assert fleet.environment == {"LANG": "C.UTF-8", "TOKEN": "s3cret"}
    assert (fleet.min_workers, fleet.max_workers) == (1, 3)
    assert any(note.startswith("F:9: [program:celeryd]: stopasgroup: it ends the running") for note in notes)
    assert any(note.startswith("F:2: [program:celeryd]: --pidfile:") for note in notes)
    assert any("F:10: [program:beat]: runs celery beat" in note for note in notes)
    assert not any("s3cret" in note for note in notes)


def test_a_celeryd_defaults_file_with_options_for_one_node(tmp_path):
    fleets, notes = read(CELERYD, tmp_path)

    w1, w3 = fleets["w1"], fleets["w3"]
    assert (w1.queues, w1.concurrency, w1.max_workers) == (("celery",), 8, 2)
    assert (w3.queues, w3.concurrency) == (("images",), 2)
    assert w1.options == w3.options == ("--time-limit=300",)
    assert w1.environment == {"DJANGO_SETTINGS_MODULE": "proj.settings"}
    assert any(note.startswith("F:8: CELERYD_LOG_FILE:") for note in notes)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("just: text\n", "no NAME: {id, app, count"),
        ("a: [1\n", ":2: is no YAML"),
        ("[program:x]\ncommand=/bin/true\n", "no [program:x] with `celery worker`"),
        ("[program:x]\ncommand=celery worker %(nope)s\n", "command needs 'nope'"),
        ("launcher:\n  count: 2\n", "launcher: has no app"),
        ("", "no NAME: {id, app, count"),
        ("a: " + "[" * 1000 + "]" * 1000, "is nested too deeply"),
        ("[program:a]\ncommand=celery worker\nnumprocs=99999999", "numprocs is 99999999; at most 1000"),
    ],
)
def test_a_file_without_workers_is_refused_with_the_reason(text, told, tmp_path):
    with pytest.raises(TakeoverError) as caught:
        read(text, tmp_path)
    assert told in str(caught.value)
    assert "a celeryd defaults file" in str(caught.value)


def test_a_device_is_not_read():
    with pytest.raises(TakeoverError, match="/dev/zero: is not a regular file"):
        imported(Path("/dev/zero"), MACHINE)


def test_the_command_writes_fleets_to_stdout_and_what_got_lost_to_stderr(tmp_path):
    file = tmp_path / "celeryd.conf"
    file.write_text(CELERYD_CONF)

    result = CliRunner().invoke(main, ["import", str(file)])

    assert result.exit_code == 0
    assert "celeryd" in fleets_of(result.stdout, tmp_path)
    assert "note: " in result.stderr
    assert "TOKEN" in result.stderr
    assert "s3cret" not in result.stderr


def test_the_command_never_overwrites_and_hides_passwords_from_others(tmp_path):
    file, output = tmp_path / "celeryd.conf", tmp_path / "fleets.yaml"
    file.write_text(CELERYD_CONF)

    first = CliRunner().invoke(main, ["import", str(file), "--output", str(output)])
    second = CliRunner().invoke(main, ["import", str(file), "--output", str(output)])

    assert first.exit_code == 0
    assert output.stat().st_mode & 0o777 == 0o600
    assert second.exit_code == 1
    assert "is there already; --force replaces it" in second.stderr


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("emails", "emails"),
        ("emails-01", "emails"),
        ("my worker!", "my-worker"),
        ("9", "workers"),
        ("ec2", "ec2"),
    ],
)
def test_a_name_becomes_one_that_a_fleet_may_have(name, expected):
    assert clean_name(name) == expected


@pytest.mark.parametrize(
    "taken", ["emails-01", "emails-01@host", "emails:emails-02", "emails-01:emails-01", "emails-100"]
)
def test_no_worker_of_ours_is_named_as_something_that_is_there(taken):
    (draft,) = fleet_drafts([OldWorkers("emails", 1, "a", ("q",), 2)], [taken], MACHINE)

    assert draft.name == "emails-fleet"


def test_sections_that_are_alike_become_one_fleet():
    alike = [OldWorkers(f"mail-{n}", 2, "a", ("q",), 2) for n in (1, 2)]
    other = OldWorkers("mail-3", 1, "a", ("q", "r"), 2)

    first, second = fleet_drafts([*alike, other], ["mail-1", "mail-2", "mail-3"], MACHINE)

    assert (first.name, first.workers.count, first.min_workers, first.max_workers) == ("mail", 4, 1, 4)
    assert second.name == "mail-fleet"


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
workers = st.builds(
    OldWorkers,
    name=words | st.sampled_from(["True", "no", "null"]),
    count=st.integers(0, 40),
    app=words,
    queues=st.lists(words, max_size=3).map(tuple),
    concurrency=st.integers(0, 20),
    pool=st.sampled_from(["prefork", "threads", "gevent", "eventlet", "solo"]),
    celery=words | st.just("/v/bin/celery"),
    directory=st.none() | words | words.map("/srv/{}".format),
    user=st.none() | words,
    environment=st.dictionaries(words | st.sampled_from(["PASSWORD", "NO", "Y"]), words, max_size=3),
    options=st.lists(words | st.sampled_from(["-E", "--autoscale=2", "-Q", "null", "1"]), max_size=3).map(
        tuple
    ),
    source=words,
    lost=st.lists(words, max_size=2).map(tuple),
    why=st.dictionaries(st.sampled_from(["app", "queues"]), words),
    memory=st.none() | st.integers(1, 2**40),
)


@given(
    st.lists(workers, max_size=4),
    st.lists(words, max_size=3),
    st.integers(1, 64),
    st.none() | st.integers(0, 2**42),
)
@settings(max_examples=60)
def test_whatever_was_there_the_fleets_validate(tmp_path_factory, found, taken, cores, memory):
    folder = tmp_path_factory.mktemp("fleets")

    drafts = fleet_drafts(found, taken, Machine(cores, memory))
    fleets = fleets_of(fleets_text(drafts), folder)

    assert set(fleets) == {draft.name for draft in drafts}
    for draft in drafts:
        fleet, old = fleets[draft.name], draft.workers
        assert (fleet.app, fleet.queues, fleet.options) == (old.app, old.queues, old.options)
        assert dict(fleet.environment) == dict(old.environment)
        assert fleet.max_workers >= min(max(old.count, 1), 999)
