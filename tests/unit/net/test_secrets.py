"""A password in any form is in no error, no repr and no traceback."""

from __future__ import annotations

import socket
import threading
import traceback
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from autoscaler import config
from autoscaler.config import Broker, Config
from autoscaler.config import Supervisord as SupervisordKeys
from autoscaler.errors import AutoscalerError, ConfigError
from autoscaler.net.celery_control import Command, RemoteControl
from autoscaler.net.deadline import Deadline
from autoscaler.net.management_api import Api, ManagementApi
from autoscaler.observe.kombu_queues import KombuQueues
from autoscaler.observe.rabbitmq import RabbitMQManagement
from autoscaler.supervisord.client import Supervisord
from autoscaler.tools.doctor import examine

PASSWORD = "p@ss:w/rd%"
SPELLINGS = (PASSWORD, quote(PASSWORD, safe=""), repr(PASSWORD)[1:-1], "p@ss", "w/rd", "w%2Frd")
ENCODED = quote(PASSWORD, safe="")


def assert_unseen(text: str) -> None:
    for spelling in SPELLINGS:
        assert spelling not in text, f"{spelling} is in: {text}"


@pytest.fixture
def rude() -> Iterator[int]:
    """A port whose owner answers everything with what it was sent, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        ends = threading.Event()

        def serve() -> None:
            while not ends.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(0.5)
                    try:
                        connection.sendall(
                            b"HTTP/1.1 500 no\r\nContent-Length: 9999\r\n\r\n" + connection.recv(4096)
                        )
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        ends.set()
        thread.join()


BROKERS = [
    "amqp://app:{}@127.0.0.1:{port}//",
    "amqp://app:{}@no.such.host.invalid:{port}//",
    "amqp://app:{}@127.0.0.1:1//;amqp://app:{}@127.0.0.1:{port}//x",
    "amqps://app:{}@127.0.0.1:{port}//",
    "redis://:{}@127.0.0.1:{port}/0",
    "sqs://key:{}@",
    "mongodb://app:{}@127.0.0.1:{port}/db",
    "sqlalchemy+postgresql://app:{}@127.0.0.1:{port}/db",
    "confluentkafka://app:{}@127.0.0.1:{port}",
]


@pytest.mark.parametrize("url", BROKERS)
def test_no_failure_of_a_broker_shows_its_password(rude, url):
    url = url.replace("{}", ENCODED).replace("{port}", str(rude))
    source = KombuQueues(url, {})
    assert_unseen(repr(source.queues(["emails"], Deadline.within(0.5))))
    source.close()
    remote = RemoteControl(url, {"sentinel_kwargs": {"password": PASSWORD}})
    with pytest.raises(AutoscalerError) as raised:
        remote.ask([Command("ping")], ["a@b"], Deadline.within(0.5))
    assert_unseen(repr(raised.value))
    assert_unseen("".join(traceback.format_exception(raised.value)))
    remote.close()


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "no.such.host.invalid:1", "127.0.0.1:1"])
def test_no_failure_of_the_management_api_shows_its_password(rude, host):
    url = f"http://app:{ENCODED}@{host.replace('{port}', str(rude))}"
    source = RabbitMQManagement(ManagementApi(Api.parse(url, "/")))
    assert_unseen(repr(source.queues(["emails"], Deadline.within(0.5))))
    source.close()


@pytest.mark.parametrize(
    "url", ["http://app:{}@127.0.0.1:{port}", "http://app:{}@127.0.0.1:1", "unix://app:{}@/no"]
)
def test_no_failure_of_supervisord_shows_its_password(rude, url):
    client = Supervisord(url.replace("{}", ENCODED).replace("{port}", str(rude)), timeout=1)
    with pytest.raises(AutoscalerError) as raised:
        client.identity()
    assert_unseen("".join(traceback.format_exception(raised.value)))
    assert_unseen(repr(client))


@pytest.mark.parametrize(
    "broker",
    [
        "url: amqp://app:{raw}@localhost//",
        "url: 'amqp://app:{enc}@local host//'",
        "url: amqp://app:{enc}@localhost:99999//",
        "url: nonsense://app:{enc}@localhost//",
        "url: [amqp://app:{enc}@localhost//]",
        "url: amqp://app:{enc}@localhost//#x",
        "url: amqp://app:{enc}@localhost//\n  management_url: ftp://app:{enc}@h",
        "url_file: broker.url",
        "url_file: nowhere.url\n  url: amqp://app:{enc}@localhost//",
        "uri: amqp://app:{enc}@localhost//",
    ],
)
def test_no_mistake_in_a_config_shows_a_password(tmp_path, broker):
    (tmp_path / "broker.url").write_text(f"amqp://app:{PASSWORD}@localhost//#\n")
    path = tmp_path / "autoscaler.yaml"
    path.write_text(f"broker:\n  {broker.format(raw=PASSWORD, enc=ENCODED)}\nfleets: {{}}\n")
    with pytest.raises(ConfigError) as raised:
        config.load(path, {})
    text = "".join(traceback.format_exception(raised.value))
    # Only our own errors: those of others that led to them must not be chained where they show a value.
    assert_unseen(str(raised.value))
    assert_unseen(text)


def test_a_config_shows_no_password_however_it_is_printed(rude):
    used = Config(
        broker=Broker(
            url=f"amqp://app:{ENCODED}@127.0.0.1:{rude}//", transport_options={"password": PASSWORD}
        ),
        supervisord=SupervisordKeys(url=f"http://app:{ENCODED}@127.0.0.1:{rude}"),
        fleets={},
    )
    for shown in (repr(used), str(used), repr(used.broker)):
        assert_unseen(shown)
    assert_unseen(repr(list(examine(used))))
