"""Names and command lines of workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.config import Broker, Config, Fleet
from autoscaler.errors import Undefinable
from autoscaler.model import ProgramSpec
from autoscaler.model.names import parse_worker_name, worker_name
from autoscaler.supervisord.program_file import render
from autoscaler.workers.program import worker_program

STATE = Path("/var/lib/autoscaler")


def fleet(**more: Any) -> Fleet:
    return Fleet(
        **{
            "name": "emails",
            "app": "shop.tasks",
            "queues": ("emails", "newsletters"),
            "concurrency": 4,
            "min_workers": 1,
            "max_workers": 1,
            "celery": "/srv/shop/bin/celery",
            "directory": "/srv/shop",
            "user": "shop",
            "environment": {"DB": "x"},
            "options": ("--loglevel", "INFO"),
            "drain_timeout": "10m",
            **more,
        }
    )


def program_of(fleet: Fleet, host_name: str = "host") -> ProgramSpec:
    config = Config(broker=Broker(url="amqp://"), fleets={fleet.name: fleet}, state_dir=STATE)
    return worker_program(config, fleet, "emails-01", host_name)


def test_a_worker_is_one_celery_command_on_the_fleets_queues() -> None:
    program = program_of(fleet())
    assert " ".join(program.command) == (
        "/srv/shop/bin/celery -A shop.tasks worker -n emails-01@host -Q emails,newsletters -c 4 -P prefork "
        "--without-mingle --without-gossip --loglevel INFO"
    )
    assert (program.name, program.directory, program.user) == ("emails-01", "/srv/shop", "shop")
    assert program.environment == {"DB": "x"}
    assert render(program).startswith("[program:emails-01]\n")


@pytest.mark.parametrize(("drain_timeout", "stop_wait"), [("10m", 600.0), ("5s", 60.0)])
def test_a_worker_has_its_drain_timeout_to_stop(drain_timeout: str, stop_wait: float) -> None:
    assert program_of(fleet(drain_timeout=drain_timeout)).stop_wait == stop_wait


@pytest.mark.parametrize(
    ("log_dir", "log_file"),
    [(None, "/var/lib/autoscaler/log/emails-01.log"), ("/logs", "/logs/emails-01.log")],
)
def test_a_worker_logs_to_a_file_of_its_own(log_dir: str | None, log_file: str) -> None:
    assert program_of(fleet(log_dir=log_dir)).log_file == log_file


def test_a_node_name_that_celery_would_expand_is_refused() -> None:
    with pytest.raises(Undefinable, match=r"fleets.emails: node name 'emails-01@%h'"):
        program_of(fleet(), "%h")


@pytest.mark.parametrize("queue", ["a,b", ""])
def test_a_queue_that_celery_cannot_name_is_refused(queue: str) -> None:
    with pytest.raises(Undefinable, match=r"fleets.emails.queues: "):
        program_of(fleet().model_copy(update={"queues": ("ok", queue)}))


@pytest.mark.parametrize(("number", "name"), [(1, "emails-01"), (99, "emails-99"), (100, "emails-100")])
def test_numbers_have_two_digits_at_least(number: int, name: str) -> None:
    assert worker_name("emails", number) == name


@given(st.from_regex(r"[a-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True), st.integers(1, 99_999))
def test_a_name_is_taken_apart_as_it_was_put_together(fleet: str, number: int) -> None:
    assert parse_worker_name(worker_name(fleet, number)) == (fleet, number)


NOT_OURS = ["emails", "emails01", "emails-0x", "g:emails-01", "-01", "", "emails-01 ", "emails-01\n"]
WRONG_NUMBERS = ["emails-1", "emails-00", "emails-001", "emails-\u0660\u0661", "emails-" + "9" * 5000]


@pytest.mark.parametrize("name", NOT_OURS + WRONG_NUMBERS)
def test_a_name_of_somebody_else_is_nobodys_worker(name: str) -> None:
    assert parse_worker_name(name) is None
