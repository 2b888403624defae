"""Urls are expanded, checked and completed, and what is in them is never shown."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import kombu
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.config import Config, load, urls
from autoscaler.errors import ConfigError

ENVIRON = {"PASSWORD": "s3cret", "URL": "amqp://app:s3cret@mq/prod", "BAD": "amqp://app:s3/cret@mq"}
ENCODE = "a password with / ? # @ : or % must be percent-encoded"
HOST = "has a host that cannot be one: each part between dots must have 1 to 63 characters"
SUPERVISORD = f"must be unix:///run/supervisor.sock or http://user:password@127.0.0.1:9001 ({ENCODE})"


def read(folder: Path, broker: str, more: str = "") -> Config:
    path = folder / "autoscaler.yaml"
    path.write_text(f"broker: {{{broker}}}\nfleets: {{}}\n{more}")
    return load(path, ENVIRON)


def problem(folder: Path, broker: str, more: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, broker, more)
    assert "s3" not in str(caught.value)
    assert caught.value.__context__ is None
    return str(caught.value).partition("autoscaler.yaml:")[2]


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("${URL}", "amqp://app:s3cret@mq/prod"),
        ("amqp://app:${PASSWORD}@mq//", "amqp://app:s3cret@mq//"),
        ("amqp://app:$${PASSWORD}@mq//", "amqp://app:${PASSWORD}@mq//"),
        ("amqp://app:$PASSWORD@mq//", "amqp://app:$PASSWORD@mq//"),
    ],
)
def test_the_environment_is_expanded(tmp_path: Path, written: str, url: str) -> None:
    assert read(tmp_path, f"url: '{written}'").broker.url.get_secret_value() == url


@pytest.mark.parametrize(
    "url", ["amqp://h//", "amqp://h", "amqp://h/", "amqp://h/a%2Fb", "amqps://u:p@h/%2F"]
)
def test_the_virtual_host_is_what_kombu_makes_of_the_url(tmp_path: Path, url: str) -> None:
    assert read(tmp_path, f"url: '{url}'").broker.vhost == kombu.Connection(url).virtual_host


@pytest.mark.parametrize(
    ("broker", "management"),
    [
        ("url: 'amqp://h//'", "http://guest:guest@h:15672"),
        ("url: 'amqps://us%40er:p%2Fw@h:5671//'", "http://us%40er:p%2Fw@h:15672"),
        ("url: 'pyamqp://u:p@[::1]//'", "http://u:p@[::1]:15672"),
        ("url: 'amqp://u:p@h//;amqp://other//'", "http://u:p@h:15672"),
        ("url: 'redis://:p@h/0'", None),
        ("url: 'filesystem://'", None),
        ("url: 'mongodb://h1:1,h2:2/db'", None),
        ("url: 'amqp://h//', management_url: null", None),
        ("url: 'amqp://u:p@h//', management_url: 'https://m:443/x/'", "https://u:p@m:443/x"),
        ("url: 'amqp://u:p@h//', management_url: 'http://a:b$@m:1'", "http://a:b%24@m:1"),
        ("url: 'amqp://u:p@h//', management_url: 'http://a:${PASSWORD}@m'", "http://a:s3cret@m"),
    ],
)
def test_the_management_url_is_derived_or_completed(
    tmp_path: Path, broker: str, management: str | None
) -> None:
    found = read(tmp_path, broker).broker.management_url
    assert (found.get_secret_value() if found else None) == management


@given(user=st.text(min_size=1), password=st.text(min_size=1))
def test_any_user_and_password_reach_the_management_api(user: str, password: str) -> None:
    # As text in a url, percent-encoded whole, in whatever characters.
    broker = f"amqp://{_quoted(user)}:{_quoted(password)}@mq//"
    made = urlsplit(str(urls.default_management_url(urls.broker_url(broker))))
    assert (unquote(made.username or ""), unquote(made.password or "")) == (user, password)


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


@pytest.mark.parametrize(
    ("broker", "expected"),
    [
        ("", "1: broker.url: is missing; give url, such as amqp://user:password@host:5672//, or url_file"),
        ("url: null", "1: broker.url: must be text, not this value (nothing)"),
        ("url: ''", "1: broker.url: is empty"),
        ("url: s3cret", "1: broker.url: is not a url; write it as amqp://user:password@host:5672//"),
        ("url: 'amqp://u:s3/cret@mq'", f"1: broker.url: has no valid host and port (1..65535); {ENCODE}"),
        ("url: 'amqp://u:33/s3@mq'", f"1: broker.url: has an @ or # behind the host; {ENCODE}"),
        ("url: 'amqp://u:33#s3@mq'", f"1: broker.url: has an @ or # behind the host; {ENCODE}"),
        (
            "url: 'amqp://u:s3 x@mq'",
            "1: broker.url: holds white space or a control character; percent-encode it",
        ),
        ("url: 'amqp://u:s3@[mq'", f"1: broker.url: has no valid host and port (1..65535); {ENCODE}"),
        ("url: '${BAD}'", f"1: broker.url: has no valid host and port (1..65535); {ENCODE}"),
        (
            "url: '${NONE}${URL}${NO}'",
            "1: broker.url: needs the environment variable NONE, NO, which is not set",
        ),
        ("url: 'amqp://${}'", "1: broker.url: holds a ${ that is no ${NAME}; write $${ for a plain ${"),
        (
            "url: 'amqp://mq', management_url: 'ftp://m'",
            f"1: broker.management_url: is not a url such as http://localhost:15672 ({ENCODE})",
        ),
        (
            "url: 'redis://:s3@h', management_url: 'http://m'",
            "1: broker.management_url: has no user:password@ and the broker is not RabbitMQ, "
            "so there are none to use",
        ),
        (
            "url: 'amqp://mq', management_url: 'http://m?s3'",
            f"1: broker.management_url: has an @, ? or # behind the host; {ENCODE}",
        ),
        ("url: 'amqp://mq', url_file: x", "1: broker.url: url and url_file are both given; give one of them"),
    ],
)
def test_a_bad_url_is_told_by_its_rule_only(tmp_path: Path, broker: str, expected: str) -> None:
    assert problem(tmp_path, broker) == expected


def test_a_scheme_that_kombu_does_not_know_is_refused_with_those_it_knows(tmp_path: Path) -> None:
    text = problem(tmp_path, "url: 'amqq://u:s3@mq'")
    assert text.startswith("1: broker.url: has a scheme that kombu does not know; it knows amqp, ")


@pytest.mark.parametrize(
    "url", ["unix:///run/s.sock", "http://127.0.0.1:9001", "http://u:${PASSWORD}@[::1]:9001/"]
)
def test_supervisord_is_reached_over_a_socket_or_http(tmp_path: Path, url: str) -> None:
    config = read(tmp_path, "url: 'amqp://mq'", f"supervisord: {{url: '{url}'}}")
    assert config.supervisord.url.get_secret_value() == url.replace("${PASSWORD}", "s3cret").rstrip("/")


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("unix://run/s.sock", "must have an absolute path behind unix://, of at most 107 bytes, such as "
         "unix:///run/supervisor.sock"),
        (f"unix:///{'x' * 107}", "must have an absolute path behind unix://, of at most 107 bytes, such as "
         "unix:///run/supervisor.sock"),
        ("https://u:s3@h:9001", SUPERVISORD),
        ("http://u:s3@h", SUPERVISORD),
        ("http://u:12/s3@h:1", f"has something behind the port; {ENCODE}"),
        ("http://u:s3@a..b:9001", HOST),
        (f"http://{'x' * 64}.org:9001", HOST),
    ],
)  # fmt: skip
def test_another_supervisord_url_is_refused(tmp_path: Path, url: str, rule: str) -> None:
    assert (
        problem(tmp_path, "url: 'amqp://mq'", f"supervisord: {{url: '{url}'}}")
        == f"3: supervisord.url: {rule}"
    )


def test_a_url_file_is_read_as_it_stands_but_for_white_space_around(tmp_path: Path) -> None:
    (tmp_path / "broker.url").write_text("\n amqp://u:${PASSWORD}@mq// \n")
    relative = read(tmp_path, "url_file: broker.url").broker
    absolute = read(tmp_path, f"url_file: {tmp_path}/broker.url").broker

    assert relative.url.get_secret_value() == "amqp://u:${PASSWORD}@mq//"
    assert absolute.url == relative.url


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (None, "there is no such file"),
        (b"", "is empty"),
        (b"s3cret", "is not a url; write it as amqp://user:password@host:5672//"),
        (b"amqp://u:s3\xff@mq", "is not UTF-8"),
        (b"#" * 70_000, "is larger than 65536 bytes"),
    ],
)
def test_a_bad_url_file_is_told_without_its_content(tmp_path: Path, content: bytes | None, rule: str) -> None:
    if content is not None:
        (tmp_path / "b").write_bytes(content)
    text = problem(tmp_path, "url_file: b")
    assert text.startswith("1: broker.url_file: ")
    assert text.endswith(f"b': {rule}")


def test_a_url_in_the_place_of_another_value_is_masked(tmp_path: Path) -> None:
    text = problem(
        tmp_path, "url: 'amqp://mq'", "state_dir: amqp://u:s3cret@mq\nconsole: amqp://u:s3cret@mq\n"
    )
    assert "3: state_dir: 'amqp://***@mq' is not an absolute path" in text


def test_no_password_shows_in_the_config_s_repr(tmp_path: Path) -> None:
    broker = "url: 'amqp://u:s3cret@mq', transport_options: {login: s3cret}"
    fleets = "  f: {app: a, queues: [q], concurrency: 1, max_workers: 1, environment: {PW: s3cret}}\n"
    path = tmp_path / "autoscaler.yaml"
    path.write_text(f"broker: {{{broker}}}\nsupervisord: {{url: 'http://u:s3cret@h:1'}}\nfleets:\n{fleets}")
    config = load(path, {})

    assert config.broker.transport_options == {"login": "s3cret"}
    assert "s3cret" not in repr(config) + str(config)
