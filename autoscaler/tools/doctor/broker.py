"""Probes of the broker and its management API: answers, rights, queues, clock."""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import quote

from autoscaler.config import Broker
from autoscaler.errors import SourceError
from autoscaler.model import Known
from autoscaler.net.broker import Connection, Link
from autoscaler.net.celery_control import Command, RemoteControl
from autoscaler.net.deadline import Deadline
from autoscaler.net.http import Answer
from autoscaler.net.management_api import Api, ManagementApi, decoded
from autoscaler.observe.broker_queues import broker_queues
from autoscaler.observe.queues import NoSuchQueue
from autoscaler.observe.rabbitmq import query
from autoscaler.text import plain, shown, without_password
from autoscaler.tools.doctor.finding import Finding, command, error, note, ok, unknown, unreachable, warning
from autoscaler.tools.doctor.subject import TIMEOUT, Subject

#: Seconds by which two clocks may differ before what hangs on it (ETA, deadlines of commands) goes wrong.
CLOCK = 5.0
#: Queues whose settings are looked at, at most: one request each.
MOST_QUEUES = 100
#: RabbitMQ's own, from 3.8.17 on: 30 minutes.
CONSUMER_TIMEOUT = 1800.0
#: Deliveries of a message on a quorum queue before RabbitMQ 4 drops it.
DELIVERY_LIMIT = 20


# --- the broker itself ----------------------------------------------------------------------------------


def answers(subject: Subject) -> Iterator[Finding]:
    """It answers, lets us in, and lets us talk to the workers."""
    broker = subject.config.broker
    url, options = broker.url.get_secret_value(), broker.transport_options
    link: Link[Connection] = Link(url, options, lambda connection: connection)
    try:
        link.run(lambda connection: connection.channel().close(), Deadline.within(TIMEOUT))
    except SourceError as problem:
        finding = _refused("broker", str(problem), broker)
        subject.broker_is_down = finding.unreachable
        yield finding
        return
    finally:
        link.close()
    yield ok("broker", f"{without_password(url)} answers and lets us in")
    yield _remote_control(url, options, broker)


def _remote_control(url: str, options: Mapping[str, Any], broker: Broker) -> Finding:
    """Ask a node that does not exist: it takes the same rights as asking one that does."""
    remote = RemoteControl(url, options)
    try:
        nobody = ["autoscaler-check@nowhere"]
        remote.ask([Command("ping")], nobody, Deadline.within(TIMEOUT), patience=0.05)
    except SourceError as problem:
        return _refused("remote control", str(problem), broker)
    finally:
        remote.close()
    return ok("remote control", "the exchanges of Celery's remote control can be used")


def _refused(about: str, text: str, broker: Broker) -> Finding:
    user, vhost = _user(broker), broker.vhost
    grant = command("rabbitmqctl", "set_permissions", "-p", vhost, user, ".*", ".*", ".*")
    if "Login was refused" in text:
        return error(
            about,
            text,
            f"set the password in broker.url, or: {command('rabbitmqctl', 'change_password', user)} ...",
        )
    if "not found" in text and "vhost" in text:
        return error(
            about,
            text,
            f"{command('rabbitmqctl', 'add_vhost', vhost)} && {grant}; or mend the vhost in broker.url",
        )
    if "NOT_ALLOWED" in text or "ACCESS_REFUSED" in text:
        return error(about, text, grant)
    return unreachable(about, text, "start the broker, or mend broker.url")


def _user(broker: Broker) -> str:
    if broker.management_url is None:
        return "USER"
    return Api.parse(broker.management_url.get_secret_value(), broker.vhost).user


# --- the management API ---------------------------------------------------------------------------------


class _Management:
    """Asks the management API; an answer that is not 200 is a finding."""

    def __init__(self, broker: Broker) -> None:
        url = broker.management_url.get_secret_value() if broker.management_url else ""
        self.api = Api.parse(url, broker.vhost)
        self._management = ManagementApi(self.api)

    def get(self, path: str) -> Answer:
        """Get ``/api/`` and `path`.

        Raises
        ------
        SourceError : no answer in time.
        """
        return self._management.get(path, Deadline.within(TIMEOUT))

    def mapping(self, path: str) -> Mapping[str, Any]:
        """The mapping that it answers.

        Raises
        ------
        SourceError : no answer, a refusal, or something else.
        """
        answer = self.get(path)
        value = decoded(answer.body) if answer.status == 200 else None
        if not isinstance(value, dict):
            raise SourceError(f"GET {self.api.root}/{path}: {answer.status} {plain(shown(answer.body), 120)}")
        return value

    def close(self) -> None:
        self._management.close()


def management(subject: Subject) -> Iterator[Finding]:
    """It answers, lets us read the vhost's queues, and its clock is ours."""
    if subject.config.broker.management_url is None:
        yield note(
            "management_url", "there is none: queues are asked one by one, unacknowledged messages unseen"
        )
        return
    management = _Management(subject.config.broker)
    try:
        yield from _management(management)
    except SourceError as problem:
        yield unreachable(
            "management_url",
            f"{management.api.root}: {problem}",
            _management_back(subject.broker_is_down),
        )
    finally:
        management.close()


def _management_back(broker_is_down: bool) -> str:
    if broker_is_down:
        return "the broker itself does not answer: mend that first"
    return "rabbitmq-plugins enable rabbitmq_management; or management_url: null to do without"


def _management(management: _Management) -> Iterator[Finding]:
    asked = time.time()
    overview = management.get("overview")
    yield _may_read("management_url", overview, management.api, "overview")
    if overview.status != 200:
        return
    told = decoded(overview.body)
    version = told.get("rabbitmq_version") if isinstance(told, dict) else None
    yield ok("RabbitMQ", f"version {plain(str(version), 40)}")
    yield _clock(overview.date, asked, time.time())
    page = management.get(f"{management.api.queues}?{query(['autoscaler-check'])}")
    yield _may_read("vhost", page, management.api, f"queues of vhost {management.api.vhost!r}")


def _may_read(about: str, answer: Answer, api: Api, what: str) -> Finding:
    """Tell refusals apart: RabbitMQ says 401 to all that it does not allow, and why in the body."""
    said = plain(answer.body[:300].decode("utf-8", "replace"), 120)
    if answer.status == 200:
        return ok(about, f"user {api.user!r} may read the {what} at {api.root}")
    if answer.status == 404:
        return error(
            about,
            f"404 for the {what}: {said}",
            f"{command('rabbitmqctl', 'add_vhost', api.vhost)}; or mend the vhost in broker.url, or the "
            "path in management_url",
        )
    if "access virtual host" in said:
        todo = command("rabbitmqctl", "set_permissions", "-p", api.vhost, api.user, "", "", ".*")
        return error(
            about, f"{answer.status}: user {api.user!r} has no permission in vhost {api.vhost!r}", todo
        )
    if answer.status == 403 or "management user" in said:
        todo = command("rabbitmqctl", "set_user_tags", api.user, "monitoring")
        return error(about, f"{answer.status}: user {api.user!r} has no tag that lets it read: {said}", todo)
    if answer.status == 401:
        todo = "set user and password in broker.management_url (default: those of broker.url)"
        return error(about, f"401: user {api.user!r} or its password is wrong: {said}", todo)
    return error(about, f"{answer.status} for the {what}: {said}", "see the broker's own log")


def _clock(date: str, before: float, after: float) -> Finding:
    try:
        theirs = email.utils.parsedate_to_datetime(date).timestamp()
    except ValueError:
        return unknown("clock", f"the management API says no time ({shown(date)})")
    # The header has whole seconds.
    off = max(before - (theirs + 1), theirs - after, 0.0)
    if off > CLOCK:
        return warning(
            "clock",
            f"the broker's clock and ours differ by {off:.0f} s: commands to workers and countdowns go wrong",
            "timedatectl set-ntp true, on both machines",
        )
    return ok("clock", "the broker's clock and ours agree")


# --- queues ---------------------------------------------------------------------------------------------


def queues(subject: Subject) -> Iterator[Finding]:
    """Every queue exists."""
    broker = subject.config.broker
    names = sorted({queue for fleet in subject.config.fleets.values() for queue in fleet.queues})
    source = broker_queues(broker.url.get_secret_value(), broker.transport_options)
    try:
        readings = source.queues(names, Deadline.within(TIMEOUT))
    finally:
        source.close()
    for name, reading in readings.items():
        if isinstance(reading, Known):
            yield ok(f"queue {name}", f"exists, {reading.value.ready} ready")
        elif isinstance(reading, NoSuchQueue):
            yield warning(
                f"queue {name}",
                f"does not exist in vhost {broker.vhost!r}: its fleet's demand is unknown until it does",
                "check its spelling; the first worker with this queue makes it",
            )
        else:
            yield unknown(f"queue {name}", reading.error)


def queue_settings(subject: Subject) -> Iterator[Finding]:
    """How long a worker may hold a message, and how often a message may come back."""
    broker = subject.config.broker
    if broker.management_url is None:
        return
    management = _Management(broker)
    try:
        version = str(management.mapping("overview").get("rabbitmq_version", ""))
        for queue, service in islice(_services(subject).items(), MOST_QUEUES):
            path = f"{management.api.queues}/{quote(queue, safe='')}"
            if management.get(path).status != 200:
                continue  # told by another probe
            told = management.mapping(path)
            yield from _deliveries(broker.vhost, queue, told, version)
            yield from _held(broker.vhost, queue, told, service)
    except SourceError as problem:
        yield unknown("queue settings", str(problem))
    finally:
        management.close()


def _services(subject: Subject) -> dict[str, float | None]:
    """By queue: how long the tasks of its slowest fleet run on the mean; None until measured."""
    found: dict[str, float | None] = {}
    for fleet in subject.config.fleets.values():
        service = subject.service_seconds(fleet)
        for queue in fleet.queues:
            before = found.get(queue)
            found[queue] = max((each for each in (before, service) if each is not None), default=None)
    return found


def _argument(told: Mapping[str, Any], name: str) -> Any:
    """A queue's setting: its own argument, else its policy's."""
    for source, key in (("arguments", f"x-{name}"), ("effective_policy_definition", name)):
        values = told.get(source)
        if isinstance(values, dict) and key in values:
            return values[key]
    return None


def _deliveries(vhost: str, queue: str, told: Mapping[str, Any], version: str) -> Iterator[Finding]:
    if told.get("type") != "quorum":
        return
    limit = _argument(told, "delivery-limit")
    major = version.partition(".")[0]
    if limit is None and major.isdigit() and int(major) >= 4:
        limit = DELIVERY_LIMIT
    about, seen = f"queue {queue}: delivery limit", "a message that comes back"
    if limit is None:
        yield ok(about, "quorum, no limit")
    elif isinstance(limit, int) and 0 <= limit < 5:
        yield warning(
            about,
            f"{seen} {limit} times is dropped or dead-lettered; each worker that is killed hands "
            "its back once",
            f"raise it: {_policy(vhost, queue, 'delivery-limit', DELIVERY_LIMIT)}",
        )
    else:
        yield note(
            about, f"{seen} {limit} times is dropped or dead-lettered; a drain hands none back, a kill does"
        )


def _policy(vhost: str, queue: str, key: str, value: int) -> str:
    """The command that sets one thing of one queue; RabbitMQ applies only one policy to each."""
    words = ("set_policy", "-p", vhost, "--apply-to", "queues", queue, f"^{re.escape(queue)}$")
    return f"{command('rabbitmqctl', *words, json.dumps({key: value}))}, or add it to the queue's policy"


def _held(vhost: str, queue: str, told: Mapping[str, Any], service: float | None) -> Iterator[Finding]:
    """RabbitMQ closes the channel of a consumer that holds a message for longer than this."""
    own = _argument(told, "consumer-timeout")
    limit = own / 1000 if isinstance(own, int | float) and own > 0 else CONSUMER_TIMEOUT
    about = f"queue {queue}: consumer_timeout"
    where = (
        "as set on the queue"
        if limit != CONSUMER_TIMEOUT
        else "RabbitMQ's default; the broker's own is not readable"
    )
    if service is None:
        yield note(about, f"{limit:g} s ({where}); how long tasks run is not measured yet")
    elif service * 2 > limit:
        yield warning(
            about,
            f"{limit:g} s ({where}), and tasks run {service:.0f} s on the mean: with late ack a long one is "
            "taken away from its worker and run again",
            f"{_policy(vhost, queue, 'consumer-timeout', int(service * 10_000))} (RabbitMQ 3.12), or "
            "consumer_timeout in rabbitmq.conf",
        )
    else:
        yield ok(about, f"{limit:g} s ({where}), tasks run {service:.1f} s on the mean")
