"""Command lines that start Celery workers, as people write them."""

from __future__ import annotations

import shlex

import pytest
from celery.bin.celery import celery
from celery.bin.worker import worker
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.tools.takeover.command import HANDLED, worker_command
from autoscaler.tools.takeover.options import _SPELLINGS, given_options


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("celery -A shop worker", {"celery": "celery", "app": "shop"}),
        ("/v/bin/celery worker -A shop -Q a,b", {"celery": "/v/bin/celery", "queues": ("a", "b")}),
        ("/v/bin/celery --app=shop worker --queues=a", {"app": "shop", "queues": ("a",)}),
        ("/v/bin/python -m celery -A shop worker -c4", {"celery": "/v/bin/celery", "concurrency": 4}),
        ("/v/bin/python3.11 /v/bin/celery -A shop worker", {"celery": "/v/bin/celery", "app": "shop"}),
        ("python -m celery -A shop worker", {"celery": "celery"}),
        ("/v/bin/celeryd -Q images -l info", {"celery": "/v/bin/celery", "queues": ("images",)}),
        ("env LANG=C celery -A shop worker", {"environment": {"LANG": "C"}}),
        ("sudo -u celery /v/bin/celery -A shop worker", {"celery": "/v/bin/celery", "app": "shop"}),
        ("celery -A shop worker -P gevent -c 100", {"pool": "gevent", "concurrency": 100}),
        ("celery -A shop worker -P processes", {"pool": "prefork"}),
        ("celery -A shop worker -n w1@%h -EB", {"node": "w1@%h", "options": ("-E",), "beat": True}),
        ("celery -A shop worker -Ofair", {"options": ("-O", "fair")}),
        ("celery worker -A s --maxtasksperchild 9", {"options": ("--max-tasks-per-child=9",)}),
        ("celery -A shop worker --autoscale=8,2", {"concurrency": 8}),
        ("celery -A shop worker -X slow", {"excluded": ("slow",)}),
        ("celery -A shop --workdir /srv worker --uid=shop", {"directory": "/srv", "user": "shop"}),
        ("celery -A shop --config=shop.conf worker", {"environment": {"CELERY_CONFIG_MODULE": "shop.conf"}}),
        ("celery -A shop worker --tenant acme", {"options": ("--tenant", "acme")}),
        (
            "bash -c 'cd /srv && source venv/bin/activate && export A=b; exec celery -A shop worker'",
            {"celery": "venv/bin/celery", "directory": "/srv", "environment": {"A": "b"}, "lost": ()},
        ),
    ],
)
def test_a_worker_is_read_as_it_would_run(command, expected):
    found = worker_command(shlex.split(command))

    assert found is not None
    assert {key: getattr(found, key) for key in expected} == expected


@pytest.mark.parametrize(
    "command",
    [
        "celery -A shop beat",
        "celery -A shop flower --port=5555",
        "celery --app shop events",
        "/usr/bin/python web.py",
        "celerybeat -s /x",
        "",
        "bash -c 'broken \"'",
    ],
)
def test_what_is_no_worker_is_none(command):
    assert worker_command(shlex.split(command)) is None


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("celery -A s worker --pidfile=/x.pid", "--pidfile: under supervisord"),
        ("celery -A s worker -n a@b", "-n: the autoscaler names"),
        ("celery -A s worker -B", "-B: every worker"),
        ("celery -A s worker --autoscale=8,2", "--autoscale=8,2: the autoscaler adds whole workers"),
        ("celery -A s worker --purge", "--purge: every new worker"),
        ("celery -A s worker -P acme.pool:Pool", "-P acme.pool:Pool: a fleet's pool"),
        ("celery -A s worker -c many", "-c many: is no number"),
        ("nice -n 5 celery -A s worker", "nice: a fleet's command"),
        ("python manage.py celery worker", "manage.py: a fleet starts `celery` itself"),
        ("bash -c 'ulimit -n 9 && celery -A s worker'", "without `ulimit`"),
        ("bash -c 'celery -A $APP worker'", "no shell replaces it"),
    ],
)
def test_what_a_fleet_cannot_have_is_told_with_the_reason(command, told):
    found = worker_command(shlex.split(command))

    assert found is not None
    assert any(told in text for text in found.lost), found.lost


def test_a_password_in_the_command_is_not_in_its_repr_and_not_in_what_is_told():
    found = worker_command(shlex.split("celery -A s -b amqp://u:s3cret@h// worker"))

    assert found is not None
    assert found.broker == "amqp://u:s3cret@h//"
    assert "s3cret" not in repr(found)


def test_every_option_of_the_installed_celery_is_known_and_handled():
    for parameter in [*celery.params, *worker.params]:
        for spelling in parameter.opts:
            if spelling in {"--version", "--help"}:
                continue
            _name, takes_value = _SPELLINGS[spelling]
            assert takes_value == (not parameter.is_flag), spelling
    assert {name for name, _takes in _SPELLINGS.values()} <= HANDLED | {"node"}


@given(st.lists(st.text(max_size=8), max_size=8))
def test_no_words_at_all_break_it(words):
    list(given_options(words))
    worker_command(words)
    worker_command(["celery", *words])
    worker_command(["bash", "-c", " ".join(words)])
