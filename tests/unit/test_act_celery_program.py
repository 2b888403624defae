"""Names and command lines of workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.act.celery_program import celery_program, parse_worker_name, worker_name
from autoscaler.act.program_file import render
from autoscaler.config import Fleet
from autoscaler.errors import ProgramFileError

LOGS = Path("/var/log/autoscaler")


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


def test_a_worker_is_one_celery_command_on_the_fleets_queues() -> None:
    program = celery_program(fleet(), "emails-01", "emails-01@host", LOGS)
    assert " ".join(program.command) == (
        "/srv/shop/bin/celery -A shop.tasks worker -n emails-01@host -Q emails,newsletters -c 4 -P prefork "
        "--without-mingle --without-gossip --loglevel INFO"
    )
    assert (program.name, program.directory, program.user) == ("emails-01", "/srv/shop", "shop")
    assert program.environment == {"DB": "x"}
    assert render(program).startswith("[program:emails-01]\n")


@pytest.mark.parametrize(("drain_timeout", "stop_wait"), [("10m", 600.0), ("5s", 60.0)])
def test_a_worker_has_its_drain_timeout_to_stop(drain_timeout: str, stop_wait: float) -> None:
    assert (
        celery_program(fleet(drain_timeout=drain_timeout), "emails-01", "emails-01@host", LOGS).stop_wait
        == stop_wait
    )


@pytest.mark.parametrize(
    ("log_dir", "log_file"),
    [(None, "/var/log/autoscaler/emails-01.log"), ("/logs", "/logs/emails-01.log")],
)
def test_a_worker_logs_to_a_file_of_its_own(log_dir: str | None, log_file: str) -> None:
    assert celery_program(fleet(log_dir=log_dir), "emails-01", "n@h", LOGS).log_file == log_file


def test_a_node_name_that_celery_would_expand_is_refused() -> None:
    with pytest.raises(ProgramFileError, match=r"fleets.emails: node name 'emails-01@%h'"):
        celery_program(fleet(), "emails-01", "emails-01@%h", LOGS)


@pytest.mark.parametrize("queue", ["a,b", ""])
def test_a_queue_that_celery_cannot_name_is_refused(queue: str) -> None:
    with pytest.raises(ProgramFileError, match=r"fleets.emails.queues: "):
        celery_program(fleet().model_copy(update={"queues": ("ok", queue)}), "emails-01", "n@h", LOGS)


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
