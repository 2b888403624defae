"""Old beat and Flower programs become singletons, commented out while the old ones run."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoscaler import config
from autoscaler.tools.takeover.ini import sections
from autoscaler.tools.takeover.once import singletons_of, singletons_text
from autoscaler.tools.takeover.programs import old_programs
from autoscaler.tools.takeover.workers import other_celery_programs


def once(text):
    programs, _problems = old_programs(sections(Path("/etc/f.conf"), text), {})
    return singletons_of(other_celery_programs(programs))


def test_a_beat_is_a_valid_singleton_once_it_is_uncommented(tmp_path):
    found, told = once(
        "[program:my-beat]\ncommand=/v/bin/celery -A shop beat -s /var/lib/beat --pidfile=\n"
        'directory=/srv/shop\nuser=shop\nenvironment=NO="on",B="x: y"\n'
        "[program:flower]\ncommand=/v/bin/celery -A shop flower --port=5555\n"
        "[program:web]\ncommand=/bin/web\n"
    )
    text = singletons_text(found)
    file = tmp_path / "autoscaler.yaml"
    head = "broker: {url: 'amqp://localhost//'}\nfleets: {}\n"

    assert len(told) == 2
    file.write_text(head + text)
    assert not config.load(file, {}).singletons
    file.write_text(head + "".join(line.removeprefix("# ") for line in text.splitlines(keepends=True)))
    beat, flower = config.load(file, {}).singletons.values()
    assert beat.command == ("/v/bin/celery", "-A", "shop", "beat", "-s", "/var/lib/beat", "--pidfile=")
    assert (str(beat.directory), beat.user) == ("/srv/shop", "shop")
    assert beat.environment == {"NO": "on", "B": "x: y"}
    assert flower.name == "flower"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("command=celery -A s flower --basic_auth=u:hush", "seems to hold a password"),
        ('command=celery -A s beat\nenvironment=DB="x://u:hush@h/"', "seems to hold a password"),
        ("command=celery -A s beat\nnumprocs=2\nprocess_name=b%(process_num)s", "has 2 processes"),
        ("command=bin/celery -A s beat", "it stays as it is"),
    ],
)
def test_what_cannot_be_written_down_is_told(more, told):
    found, (said,) = once(f"[program:x]\n{more}\n")

    assert found == ()
    assert told in said
    assert "hush" not in said
