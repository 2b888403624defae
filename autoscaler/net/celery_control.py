"""Celery's remote control: questions to workers, and control messages about their queues.

    commands --fanout exchange--> every worker --the named nodes--> reply exchange --our queue--> replies

Celery's `inspect()` waits a full second after the last reply, for each command. Here several commands go
out at once with a ticket each, and the wait ends with the last reply that is awaited. Nodes of which no
answer is expected yet, such as workers that are starting, get a moment more and not all the time. Once such a
node is heard it gets all the time as well: on a busy machine a moment is too short to answer everything.

Source of the protocol: `kombu.pidbox` and `celery.worker.control`, checked with kombu 5.7 and celery 5.7.
"""

from __future__ import annotations

import logging
import math
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import kombu
from kombu.pidbox import Mailbox

from autoscaler.net.asked import Asked
from autoscaler.net.broker import Connection, Link
from autoscaler.net.deadline import Deadline
from autoscaler.text import plain, shown

log = logging.getLogger(__name__)

#: How often a mailbox that two processes share is asked before it is known which of them is next.
_TURNS: Final = 4
#: Seconds for the nodes that are not awaited, once the awaited ones have answered.
GRACE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Command:
    """One remote control command, see `celery.worker.control`."""

    method: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    #: Nodes to ask; None: all that the whole question goes to.
    nodes: frozenset[str] | None = None

    def __str__(self) -> str:
        return f"{self.method}({', '.join(map(str, self.arguments.values()))})"


class Replies(dict[str, dict[str, Any]]):
    """What was answered: method -> node -> the worker's own words, unchecked.

    Nodes that did not answer a command are missing in it.

    Parameters
    ----------
    awaited : the nodes that are expected to answer; None: all.
    """

    def __init__(
        self, commands: Sequence[Command], nodes: Collection[str], awaited: Collection[str] | None = None
    ) -> None:
        super().__init__({command.method: {} for command in commands})
        #: Replies that were dropped, and why.
        self.errors: list[str] = []
        #: Further replies of the same node, by method: of workers that share a name.
        self.further: dict[str, list[tuple[str, Any]]] = {command.method: [] for command in commands}
        self._tickets = {uuid.uuid4().hex: command.method for command in commands}
        #: (method, node) of the replies that are still out: of awaited nodes, and of the others.
        self._awaited: set[tuple[str, str]] = set()
        self._hoped: set[tuple[str, str]] = set()
        #: Nodes that have answered something, even if it answers an earlier question.
        self._alive: set[str] = set()
        patient = frozenset(nodes if awaited is None else awaited)
        for command in commands:
            for node in nodes if command.nodes is None else command.nodes & frozenset(nodes):
                (self._awaited if node in patient else self._hoped).add((command.method, node))

    @property
    def tickets(self) -> Mapping[str, str]:
        """Ticket -> method."""
        return self._tickets

    @property
    def complete(self) -> bool:
        """Whether every node has answered everything."""
        return not self._awaited and not self._hoped

    @property
    def awaiting(self) -> bool:
        """Whether an awaited node has still to answer, or another one that was heard."""
        return bool(self._awaited) or any(node in self._alive for _, node in self._hoped)

    @property
    def suspicious(self) -> bool:
        """Whether no node at all answered, though some were expected to: perhaps the broker is at fault."""
        return bool(self._awaited) and not any(self.values())

    def summary(self) -> str:
        """How many nodes have answered, and which are silent, for the log."""
        out = sorted({node for _, node in self._awaited | self._hoped})
        silent = f"; not all of {shown(out)}" if out else ""
        return f"{sum(map(len, self.values()))} replies{silent}"

    def take(self, ticket: object, body: object) -> None:
        """Note one reply.

        A reply to another question only shows that its node is alive. A reply of a node that was not asked
        is ignored.
        """
        if isinstance(body, dict):
            self._alive.update(body)
        method = self._tickets.get(ticket) if isinstance(ticket, str) else None
        if method is None:
            return
        if not isinstance(body, dict) or len(body) != 1:
            self.errors.append(f"a reply to {method} is not one node's: {shown(body)}")
            return
        [(node, reply)] = body.items()
        out = self._awaited if (method, node) in self._awaited else self._hoped
        if (method, node) in out:
            out.remove((method, node))
            self[method][node] = reply
        elif node in self[method]:
            self.further[method].append((node, reply))
            self.errors.append(f"{shown(node)} answered {method} twice: node names must be unique")

    def undecodable(self, ticket: object, content_type: object, exc: Exception) -> None:
        """Note a reply that cannot be read."""
        if isinstance(ticket, str) and ticket in self._tickets:
            self.errors.append(
                f"a reply to {self._tickets[ticket]} in {plain(str(content_type), 60)} was not read "
                f"({type(exc).__name__}): only JSON is, see task_serializer in the app"
            )


def await_replies(
    replies: Replies,
    drain: Callable[[float], None],
    deadline: Deadline,
    grace: float,
) -> None:
    """Drain until every node has answered, or its time is over.

    Parameters
    ----------
    drain : waits for at most so many seconds for one reply; may raise TimeoutError.
    deadline : of the awaited nodes.
    grace : seconds for the others once the awaited ones have answered, within the same deadline.
    """
    graced: Deadline | None = None
    while not replies.complete:
        if not replies.awaiting and graced is None:
            graced = deadline.at_most(grace)
        ends = deadline if replies.awaiting or graced is None else graced
        if ends.expired:
            return
        with suppress(TimeoutError):
            drain(ends.left())


class RemoteControl:
    """Sends control messages to Celery workers, over one connection with one exclusive reply queue.

    Every verb has a deadline, for connecting and for each answer of the broker. Past it, or where the broker
    cannot be reached or goes away, each raises SourceError.

    Parameters
    ----------
    broker_url, transport_options : as in Celery's `broker_url` and `broker_transport_options`.
    exchange : Celery's `control_exchange`.

    Not thread-safe: one a thread.
    """

    def __init__(
        self,
        broker_url: str,
        transport_options: Mapping[str, Any],
        *,
        exchange: str = "celery",
    ) -> None:
        self._link: Link[_Mail] = Link(
            broker_url, transport_options, lambda connection: _Mail(connection, exchange)
        )

    def ask(
        self,
        commands: Sequence[Command],
        nodes: Collection[str],
        deadline: Deadline,
        *,
        patience: float = math.inf,
        awaited: Collection[str] | None = None,
        grace: float = GRACE,
    ) -> Replies:
        """Ask the nodes and wait until each has answered everything, or the time is over.

        The commands reach each worker in the sequence given here, and it handles them in this sequence.

        Parameters
        ----------
        commands : each method at most once.
        nodes : Celery node names, ``emails-01@host``.
        deadline : of connecting, asking and the answers together.
        patience : seconds to wait for the workers once they are asked, within the deadline.
        awaited : the nodes to wait for; None: all.
        grace : seconds that the others get once the awaited ones have answered, within the deadline.

        Returns
        -------
        What was answered in time: method -> node -> reply. Silence is a missing node.

        Raises
        ------
        SourceError : if the broker cannot be reached or goes away.
        ValueError : if a method is asked twice.
        """
        if len({command.method for command in commands}) < len(commands):
            raise ValueError("each method can be asked once")
        if Replies(commands, nodes).complete:
            return Replies(commands, nodes)

        def work(mail: _Mail) -> Replies:
            replies = Replies(commands, nodes, awaited)
            return mail.ask(commands, replies, nodes, deadline.at_most(patience), grace)

        with Asked(log, f"{', '.join(each.method for each in commands)} of {len(nodes)} workers") as asked:
            replies = self._link.run(work, deadline)
            asked.came_back(replies.summary())
        if replies.suspicious:
            self._link.drop()  # whether it is the broker shows on a new connection
        return replies

    def cancel_consumers(self, node: str, queues: Collection[str], deadline: Deadline) -> None:
        """Have a worker take no more from these queues. Its answer is not awaited: see `active_queues`."""
        self._send(node, _for_each("cancel_consumer", queues), deadline)

    def add_consumers(self, node: str, queues: Collection[str], deadline: Deadline) -> None:
        """Have a worker take from these queues again. Its answer is not awaited: see `active_queues`."""
        self._send(node, _for_each("add_consumer", queues), deadline)

    def may_listen(self, node: str, deadline: Deadline) -> bool:
        """Whether a worker may take tasks: False only where an AMQP broker knows no mailbox of it."""
        return self._link.run(lambda mail: mail.may_exist(node), deadline)

    def shut_down(self, pids: Mapping[str, int], deadline: Deadline) -> frozenset[str]:
        """Have processes that still answer end by a warm shutdown, of several that share a node name.

        RabbitMQ hands the messages of a common mailbox to its processes in turn. So the process that answered
        last shows which of them gets the next message. A broker that hands them to all ends all: warm, too.

        Parameters
        ----------
        pids : of the processes that are to end, by node name.
        deadline : of up to four questions, a quarter of the time for each.

        Returns
        -------
        The nodes whose process was sent a shutdown. The process of any other node does not answer.
        """
        sent: set[str] = set()
        heard: set[str] = set()
        before: Mapping[str, object] = dict.fromkeys(pids)
        for turn in range(_TURNS):
            part = deadline.share(1 / (_TURNS - turn))
            replies = self.ask([Command("stats")], before.keys() - sent, part)["stats"]
            answers = {node: reply.get("pid") for node, reply in replies.items() if isinstance(reply, dict)}
            heard |= {node for node, pid in answers.items() if pid == pids[node]}
            for node in sorted(heard & answers.keys()):
                is_alone = before[node] == pids[node]
                if answers[node] != pids[node] or is_alone:
                    self._send(node, [Command("shutdown")], deadline)
                    sent.add(node)
            before = answers
        return frozenset(sent)

    def close(self) -> None:
        """Delete the reply queue and close the connection."""
        self._link.close(_Mail.close)

    def _send(self, node: str, commands: Sequence[Command], deadline: Deadline) -> None:
        with Asked(log, f"{', '.join(map(str, commands))} to {node}", worker=node.partition("@")[0]):
            self._link.run(lambda mail: mail.send(commands, [node]), deadline)


def _for_each(method: str, queues: Collection[str]) -> list[Command]:
    return [Command(method, {"queue": queue}) for queue in sorted(queues)]


class _Mail:
    """Our end of the mailbox on one connection."""

    def __init__(self, connection: Connection, exchange: str) -> None:
        self._connection = connection
        self._exchange = exchange
        self._channel = connection.channel()
        box = Mailbox(exchange, type="fanout", accept=["json"])
        self._commands = box.exchange(self._channel)
        self._commands.declare()
        self._replies: Replies | None = None
        # A new name each time: after a broken connection the broker may hold the old queue for a while.
        name = uuid.uuid4().hex
        self._queue = kombu.Queue(
            f"{name}.{box.reply_exchange.name}",
            exchange=box.reply_exchange,
            routing_key=name,
            durable=False,
            exclusive=True,
            auto_delete=True,
        )
        self._producer = kombu.Producer(self._channel, serializer="json", auto_declare=False)
        consumer = kombu.Consumer(
            self._channel,
            [self._queue],
            accept=["json"],
            no_ack=True,
            callbacks=[self._on_reply],
            on_decode_error=self._on_undecodable,
        )
        consumer.consume()

    def ask(
        self,
        commands: Sequence[Command],
        replies: Replies,
        nodes: Collection[str],
        deadline: Deadline,
        grace: float,
    ) -> Replies:
        self._replies = replies
        for (ticket, _method), command in zip(replies.tickets.items(), commands, strict=True):
            wanted = sorted(nodes if command.nodes is None else command.nodes & frozenset(nodes))
            if wanted:
                self._publish(command, wanted, ticket, deadline.left())
                self._keep_sequence()
        await_replies(replies, self._connection.drain, deadline, grace)
        self._replies = None
        return replies

    def send(self, commands: Sequence[Command], nodes: Sequence[str]) -> None:
        for command in commands:
            self._publish(command, nodes)
            self._keep_sequence()

    def may_exist(self, node: str) -> bool:
        """Whether the mailbox of a node may exist; a refusal other than 404 is no proof that it does not."""
        if not self._connection.native:
            return True
        channel = self._connection.channel()
        try:
            # The name that `kombu.pidbox.Node` gives it.
            channel.queue_declare(queue=f"{node}.{self._exchange}.pidbox", passive=True)
        except self._connection.refusals as error:
            return getattr(error, "reply_code", None) != 404
        finally:
            channel.close()
        return True

    def close(self) -> None:
        # Brokers delete exclusive queues by themselves; kombu's file and memory transports do not.
        self._queue(self._channel).delete()

    def _keep_sequence(self) -> None:
        """Let time pass where kombu sorts messages by the millisecond only (filesystem)."""
        if not self._connection.native:
            time.sleep(0.002)

    def _publish(self, command: Command, nodes: Sequence[str], ticket: str = "", within: float = 0.0) -> None:
        """Publish in the shape of `kombu.pidbox.Mailbox._publish`, which would retry for ever."""
        message: dict[str, Any] = {
            "method": command.method,
            "arguments": dict(command.arguments),
            "destination": list(nodes),
            "pattern": None,
            "matcher": None,
        }
        if ticket:
            reply_to = {"exchange": self._queue.exchange.name, "routing_key": self._queue.routing_key}
            message |= {"ticket": ticket, "reply_to": reply_to}
        self._producer.publish(
            message,
            exchange=self._commands.name,
            routing_key="",
            headers={"clock": 1, "expires": time.time() + within if within else 0},
            retry=False,
        )

    def _on_reply(self, body: object, message: Any) -> None:
        if self._replies is not None:
            self._replies.take((message.headers or {}).get("ticket"), body)

    def _on_undecodable(self, message: Any, exc: Exception) -> None:
        if self._replies is not None:
            self._replies.undecodable((message.headers or {}).get("ticket"), message.content_type, exc)
