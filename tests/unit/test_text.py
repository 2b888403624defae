"""Words for people: amounts, times, names, and text of others that is clipped and masked."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime

import pytest

from autoscaler import text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (text.number(3.0), "3"),
        (text.number(2.46), "2.5"),
        (text.number(0.04), "0"),
        (text.count(0), "0 workers"),
        (text.count(1), "1 worker"),
        (text.count(2, "free slot"), "2 free slots"),
        (text.mebibytes(1536 * 2**20), "1536 MiB"),
        (text.seconds(26.0), "26 s"),
        (text.seconds(0.25), "0.2 s"),
    ],
)
def test_amounts_have_no_more_digits_than_help(written, expected):
    assert written == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0s"), (59.9, "59s"), (60, "1m00s"), (3599, "59m59s"), (3600, "1h00m"), (90061, "1d01h")],
)
def test_a_duration_has_its_two_largest_units(seconds, expected):
    assert text.duration(seconds) == expected


def test_a_moment_has_a_date_only_where_it_is_not_today():
    noon = datetime(2024, 3, 4, 12, 0, 0).astimezone().timestamp()
    assert text.moment(noon, noon + 3600) == "12:00:00"
    assert text.moment(noon - 86400, noon) == "2024-03-03 12:00:00"


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (text.nearest("emial", ["emails", "reports"]), "did you mean emails?"),
        (text.nearest("xyz", ["emails", "reports"]), "there are emails, reports"),
        (text.nearest("xyz", []), "there is none"),
        (text.nearest("xyz", ["emails"], otherwise="look at the list"), "look at the list"),
    ],
)
def test_a_hint_names_the_nearest_name_or_all(hint, expected):
    assert hint == expected


def test_a_worker_given_for_a_fleet_is_recognised():
    assert "its fleet is emails" in text.no_fleet("emails-01", ["emails"])
    assert "did you mean emails?" in text.no_fleet("email", ["emails"])


def test_text_of_others_is_one_short_printable_line():
    assert text.plain(" a\nb\x1b[31mc\u2028d ") == "a b [31mc d"
    assert text.plain("x" * 400) == "x" * 299 + "…"
    assert len(text.shown({"deep": [["x" * 10_000]] * 100})) <= 80


PASSWORDS = ["secret", "p@ss", "pa/ss", "pa?ss", "p%40ss"]


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_url_is_shown_without_its_password(password):
    assert (
        text.without_password(f"amqp://app:{password}@web-1:5672/shop?ssl=1") == "amqp://app@web-1:5672/shop"
    )
    assert text.without_userinfo(f"http://app:{password}@web-1:15672") == "http://web-1:15672"
    assert text.passwords_in(f"amqp://app:{password}@a//;amqp://b//;amqp://:x@c//") == [password, "x"]


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        ("amqp://u:p@ss@h:1/v?heartbeat=1", "amqp://u@h:1/v"),
        ("amqp://u:x@a;amqp://u:y@b", "amqp://u@a;amqp://u@b"),
        ("redis://:pw@h/0", "redis://@h/0"),
    ],
)
def test_several_urls_and_urls_without_a_user_are_shown_alike(urls, expected):
    assert text.without_password(urls) == expected


@pytest.mark.parametrize(
    "url", ["amqp://web-1//", "amqp://app@web-1//", "memory://", "filesystem://", "unix:///run/s.sock"]
)
def test_a_url_that_has_no_password_is_shown_as_it_is(url):
    assert text.without_password(url) == url
    assert text.passwords_in(url) == []


@pytest.mark.parametrize("password", PASSWORDS)
def test_no_url_in_a_text_keeps_its_user_and_password(password):
    line = f"no route to amqp://app:{password}@web-1// nor redis://:{password}@web-2 as celery@web-3"
    assert (
        text.userinfo_masked(line) == "no route to amqp://***@web-1// nor redis://***@web-2 as celery@web-3"
    )


def test_a_text_that_is_one_url_may_have_white_space_in_its_password():
    assert text.userinfo_masked("amqp://app:pa ss@web 1", whole=True) == "amqp://***@web 1"


def test_every_spelling_of_a_password_is_masked_wherever_it_stands():
    secrets = text.secrets_of("amqp://a:p%40ss@h//", {"sentinel_kwargs": {"password": "deep"}, "port": 1})
    assert text.masked("p@ss, p%40ss and deep", secrets) == "***, *** and ***"


def test_a_secret_within_a_longer_one_leaves_nothing_of_it():
    assert text.masked("secretive", ["secret", "secretive", ""]) == "***"


def test_it_loads_without_the_rest_of_the_package():
    loaded = "import sys, autoscaler.text; print(*(m for m in sys.modules if m.startswith('autoscaler')))"
    run = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) == {"autoscaler", "autoscaler.text"}
