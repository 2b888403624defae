"""How long one tick takes, on real parts: `python benchmarks/tick.py [WORKERS ...]`.

Starts a private RabbitMQ node, a private supervisord and so many Celery workers (`solo` pool, so that they
fit on a small machine), then times ticks of a fleet at rest. Prints one line a size: median and 95th
percentile in milliseconds, and the process's resident memory in MiB.
"""

from __future__ import annotations

import getpass
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

from autoscaler.config import Broker, Config, Fleet, Supervisord
from autoscaler.loop.tick import Controller
from autoscaler.loop.wiring import Connections, sources, target
from autoscaler.model import Tick
from autoscaler.observe.host import local_host_name
from autoscaler.store import Store
from autoscaler.tools.demo.services import RabbitMQNode, SupervisordInstance

TICKS = 100
#: Seconds that the workers have to start.
START = 120.0


def main() -> None:
    """Measure each size that the command line names."""
    sizes = [int(argument) for argument in sys.argv[1:]] or [1, 6, 20]
    print(f"{'workers':>8} {'median ms':>10} {'p95 ms':>8} {'RSS MiB':>8}")
    with tempfile.TemporaryDirectory(prefix="as-") as name:
        folder = Path(name).resolve()
        with RabbitMQNode(folder / "mq") as broker:
            for size in sizes:
                environment = {"CELERY_BROKER_URL": broker.amqp_url}
                with SupervisordInstance(folder / f"sv{size}", environment) as supervisord:
                    measure(size, folder / f"state{size}", broker, supervisord)


def measure(size: int, state: Path, broker: RabbitMQNode, supervisord: SupervisordInstance) -> None:
    """Bring up a fixed fleet and time its ticks."""
    config = make_config(size, state, broker, supervisord)
    state.mkdir()
    connections, store = Connections(config), Store(state)
    controller = Controller(
        config,
        sources=sources(connections),
        target=target(config, connections, store, lambda _: None),
        store=store,
        host_name=local_host_name(),
    )
    until_running(controller, size)
    seconds = [controller.tick(time.time()).duration for _ in range(TICKS)]
    connections.close()
    store.close()
    rss = psutil.Process().memory_info().rss / 1024**2
    p95 = statistics.quantiles(seconds, n=20)[-1]
    print(f"{size:8} {statistics.median(seconds) * 1000:10.1f} {p95 * 1000:8.1f} {rss:8.0f}")


def make_config(size: int, state: Path, broker: RabbitMQNode, supervisord: SupervisordInstance) -> Config:
    """A fixed fleet of the example's workers."""
    fleet = Fleet(
        name="emails",
        app="autoscaler.examples.shop",
        celery=str(Path(sys.executable).parent / "celery"),
        queues=["emails"],
        pool="solo",
        user=getpass.getuser(),
        concurrency=1,
        min_workers=size,
        max_workers=size,
    )
    return Config(
        broker=Broker(url=broker.amqp_url, management_url=broker.management_url),
        supervisord=Supervisord(url=supervisord.url, programs_file=supervisord.programs_file),
        fleets={"emails": fleet},
        state_dir=state,
    )


def until_running(controller: Controller, size: int) -> None:
    """Tick until every worker has answered."""
    deadline = time.monotonic() + START
    while not is_running(controller.tick(time.time()), size):
        if time.monotonic() > deadline:
            sys.exit(f"{size} workers did not come up within {START:g} s")
        time.sleep(0.3)


def is_running(tick: Tick, size: int) -> bool:
    """Whether the fleet has so many running workers."""
    workers = tick.fleets[0].workers or ()
    return len([worker for worker in workers if worker.state == "running"]) == size


if __name__ == "__main__":
    main()
