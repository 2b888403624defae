"""A busy worker of every pool finishes what it has before it is stopped."""

from __future__ import annotations

import yaml

#: solo answers nothing while it works, so its silence must be waited for.
POOLS = {"threads": 2, "gevent": 2, "solo": 1}


def fleets(system, workers):
    return {
        pool: system.fleet_config(
            queues=[pool],
            pool=pool,
            concurrency=slots,
            min_workers=workers,
            max_workers=workers,
            options=["--prefetch-multiplier=4"],
        )
        for pool, slots in POOLS.items()
    }


def use(system, workers):
    system.config["fleets"] = fleets(system, workers)
    system.write_text(yaml.safe_dump(system.config))


def test_threads_gevent_and_solo_workers_are_drained_while_busy(system, eventually):
    use(system, 2)
    system.start_daemon()
    eventually(lambda: all(system.settled_at(2, pool) for pool in POOLS), 60, "two workers of each pool run")
    for pool, slots in POOLS.items():
        system.publish(4 * slots, seconds=2, queue=pool)
        system.publish(2, seconds=2, queue=pool, task="shop.send_early")
    eventually(lambda: {run.node.partition("-")[0] for run in system.runs} == set(POOLS), 20, "all are busy")

    use(system, 1)

    eventually(lambda: all(system.settled_at(1, pool) for pool in POOLS), 60, "one worker of each is left")
    eventually(lambda: system.tally.lost == 0, 60, "all tasks are done")
    assert system.tally.run_twice == 0
