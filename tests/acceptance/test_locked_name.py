"""The broker still holds the connection of a former worker with the same name, as after a cut of the network.

Celery 5.7 declares its control queue exclusive: until the broker drops the old connection, a worker of the
same name dies of RESOURCE_LOCKED (405).
"""

from __future__ import annotations

import socket

import celery
import pytest
from kombu import Connection


@pytest.mark.skipif(celery.VERSION < (5, 7), reason="before 5.7 workers of a name share the queue")
def test_a_fleet_gets_another_name_while_the_broker_holds_that_of_a_dead_worker(system, eventually):
    with Connection(system.amqp_url) as former:
        queue = f"emails-01@{socket.gethostname()}.celery.pidbox"
        former.default_channel.queue_declare(queue, exclusive=True)
        system.start_daemon()
        system.publish(4, seconds=0.1)

        # supervisord's retries come first.
        eventually(lambda: system.tally.done == 4, 120, "the tasks are done while the name is locked")
        assert list(system.pids()) == ["emails-02"]
        eventually(lambda: system.settled_at(1), 20, "the fleet has its size")
    assert "RESOURCE_LOCKED" in (system.folder / "state" / "log" / "emails-01.log").read_text()
    assert "emails-01.log" in system.log, "the daemon names the log with the cause"
