"""Queue counts from RabbitMQ's management API.

    names -> chunks -> one GET each -> page of queues -> one reading a name

The statistics of this API are seconds old. Asked for the totals alone (`disable_stats` with
`enable_queue_totals`) it counts anew, and filtered by name its cost does not grow with the number of
other queues.

Source: https://www.rabbitmq.com/docs/management#http-api, checked on RabbitMQ 3.10.8.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from autoscaler.errors import SourceError
from autoscaler.model import Known, QueueStats, Reading, Unknown
from autoscaler.net.asked import Asked
from autoscaler.net.deadline import Deadline
from autoscaler.net.management_api import Api, ManagementApi, decoded
from autoscaler.observe.queues import NoSuchQueue
from autoscaler.text import plain, shown

log = logging.getLogger(__name__)

#: The API refuses larger pages.
PAGE_SIZE = 500

#: Characters of one request's name filter, percent-encoded. RabbitMQ refuses request lines over 8,000.
MAX_FILTER = 6000

#: Bytes of one request's name filter as a pattern. RabbitMQ 4.3 takes 1,007 and answers 1,753 with 400, "name
#: filter regex is too long".
MAX_PATTERN = 1000

#: Seconds that a quorum queue's totals may be old: its leader publishes them at this interval.
QUORUM_LAG = 5.0

#: Queue states in which the totals are leftovers or missing.
NOT_COUNTING = frozenset({"down", "stopped", "crashed", "minority"})


class RabbitMQManagement:
    """Counts queues through the management API of RabbitMQ.

    Parameters
    ----------
    management : the connection to the API; its virtual host is the one that the queues are in.
    clock : seconds since the epoch.

    Not thread-safe: one a thread.
    """

    def __init__(self, management: ManagementApi, *, clock: Callable[[], float] = time.time) -> None:
        self._management = management
        self._api = management.api
        self._clock = clock

    def queues(self, names: Collection[str], deadline: Deadline) -> dict[str, Reading[QueueStats]]:
        """Read the named queues.

        Parameters
        ----------
        names : names of the queues, not encoded.
        deadline : of all requests together.

        Returns
        -------
        One reading for each name, and no others. A queue that does not exist is `NoSuchQueue`; every
        failure is `Unknown`. Never raises.
        """
        readings: dict[str, Reading[QueueStats]] = {}
        for chunk in chunks(sorted(set(names))):
            readings |= self._chunk(chunk, deadline)
        return readings

    def close(self) -> None:
        """Close the connection."""
        self._management.close()

    def _chunk(self, names: Sequence[str], deadline: Deadline) -> dict[str, Reading[QueueStats]]:
        at, question = self._clock(), f"GET {self._api.root}/{self._api.queues}"
        try:
            with Asked(log, f"{question} of {len(names)} names") as asked:
                page = self._page(names, deadline)
                asked.came_back(f"{len(page)} queues")
        except SourceError as error:
            return dict.fromkeys(names, Unknown(f"{question}: {error}", at))
        return {name: reading(page.get(name, []), name, self._api.vhost, at) for name in names}

    def _page(self, names: Sequence[str], deadline: Deadline) -> Mapping[str, list[Mapping[str, Any]]]:
        answer = self._management.get(f"{self._api.queues}?{query(names)}", deadline)
        if answer.status != 200:
            raise SourceError(refusal(answer.status, answer.body, self._api))
        return by_name(decoded(answer.body))


# --- the request ----------------------------------------------------------------------------------------


def chunks(
    names: Sequence[str], *, size: int = PAGE_SIZE, length: int = MAX_FILTER, pattern_bytes: int = MAX_PATTERN
) -> Iterator[Sequence[str]]:
    """Cut `names` into runs of at most `size` whose filter is within both bounds.

    A single name that is longer is a run of its own.
    """
    start, encoded, plain = 0, 0, len(pattern([]))
    for index, name in enumerate(names):
        more = len(quote(escaped(name), safe="")) + 3
        bytes_more = len(escaped(name).encode()) + 1
        full = encoded + more > length or plain + bytes_more > pattern_bytes
        if index > start and (index - start == size or full):
            yield names[start:index]
            start, encoded, plain = index, 0, len(pattern([]))
        encoded += more
        plain += bytes_more
    if names[start:]:
        yield names[start:]


def query(names: Sequence[str]) -> str:
    """The query that asks for the totals of exactly these queues.

    Source: pagination and `enable_queue_totals` at https://www.rabbitmq.com/docs/management#http-api.
    """
    return urlencode(
        {
            "name": pattern(names),
            "use_regex": "true",
            "page": 1,
            "page_size": PAGE_SIZE,
            "disable_stats": "true",
            "enable_queue_totals": "true",
        }
    )


def pattern(names: Sequence[str]) -> str:
    """A PCRE that matches exactly these names."""
    return r"\A(?:" + "|".join(map(escaped, names)) + r")\z"


def escaped(name: str) -> str:
    r"""`name` with every ASCII character that PCRE could take for its own behind a backslash."""
    return re.sub(r"([\x00-\x7f])", lambda m: m[1] if m[1].isalnum() else "\\" + m[1], name)


# --- the answer -----------------------------------------------------------------------------------------


def by_name(page: object) -> dict[str, list[Mapping[str, Any]]]:
    """The queues of one page by their name.

    Raises
    ------
    SourceError : if `page` is no whole page of queues.
    """
    if not isinstance(page, dict) or not isinstance(page.get("items"), list):
        raise SourceError("the answer is not a page of queues: is this RabbitMQ's management API?")
    if page.get("filtered_count") != len(page["items"]):
        raise SourceError(
            f"the answer holds {len(page['items'])} queues and says filtered_count "
            f"{shown(page.get('filtered_count'))}: it is not whole"
        )
    queues: dict[str, list[Mapping[str, Any]]] = {}
    for item in page["items"]:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise SourceError("the answer holds a queue without a name")
        queues.setdefault(item["name"], []).append(item)
    return queues


def reading(items: Sequence[Mapping[str, Any]], name: str, vhost: str, at: float) -> Reading[QueueStats]:
    """What the API says about the queue `name`.

    Parameters
    ----------
    items : the page's entries of this name; one, if all is well.
    at : when they were asked for.
    """
    if not items:
        return NoSuchQueue(
            f"queue {name!r} does not exist in vhost {vhost!r} (it appears with its first worker or message)",
            at,
        )
    where = f"queue {name!r} in vhost {vhost!r}"
    if len(items) > 1 or items[0].get("vhost") != vhost:
        return Unknown(f"{where}: the management API told of another or of several", at)
    try:
        stats = stats_of(items[0], name)
    except SourceError as exc:
        return Unknown(f"{where}: {exc}", at)
    return Known(stats, at - QUORUM_LAG if items[0].get("type") == "quorum" else at)


def stats_of(item: Mapping[str, Any], name: str) -> QueueStats:
    """The counts in one entry.

    Raises
    ------
    SourceError : if a count is missing or no count, or if the queue is not in service.
    """
    state = item.get("state")
    if isinstance(state, str) and state in NOT_COUNTING:
        raise SourceError(f"it is in state {state!r} and cannot be counted")
    return QueueStats(
        name=name,
        ready=count(item, "messages_ready"),
        unacknowledged=count(item, "messages_unacknowledged"),
        consumers=count(item, "consumers") if "consumers" in item else None,
    )


def count(item: Mapping[str, Any], key: str) -> int:
    """The count `item[key]`.

    Raises
    ------
    SourceError : if it is missing or anything else than a whole number from 0 on.
    """
    if key not in item:
        raise SourceError(f"the management API gave no {key}")
    value = item[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise SourceError(f"{key} is {shown(value)}, not a count")
    return value


def refusal(status: int, body: bytes, api: Api) -> str:
    """An answer that is not 200, in words that say what to do."""
    said = plain(body[:500].decode("utf-8", "replace"), 150)
    user = f"user {api.user!r}"
    if status == 401:
        return (
            f"401, {user} was refused: check the password; the user needs the monitoring or management tag "
            f"(rabbitmqctl set_user_tags) and permissions in vhost {api.vhost!r}; {said}"
        )
    if status == 403:
        return (
            f"403, {user} may not read this: give it the monitoring tag (rabbitmqctl set_user_tags); {said}"
        )
    if status == 404:
        return f"404: vhost {api.vhost!r} does not exist, or this is not RabbitMQ's management API; {said}"
    if 300 <= status < 400:
        return f"{status}, a redirect: management_url must be the address of the API itself"
    return f"{status}: {said}"
