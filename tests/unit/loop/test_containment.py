"""A bug in one part of a tick is that part's trouble: nothing shrinks for it, and the rest goes on."""

from __future__ import annotations

import logging
import threading

import pytest

from autoscaler.config import Config, Fleet
from autoscaler.errors import StoreError, TargetError
from autoscaler.loop.containment import Containment
from autoscaler.loop.daemon import Daemon

FLEETS = ("emails", "images", "reports")


def bug(*_args: object, **_more: object) -> None:
    """Fail as no code of ours means to."""
    raise ZeroDivisionError("float division by zero")


def fleet(name: str) -> Fleet:
    return Fleet(
        name=name,
        app="shop",
        queues=[name],
        concurrency=2,
        min_workers=1,
        max_workers=5,
        scale={"backlog_per_worker": 4},
        stabilization=6.0,
    )


def fails_for(fleet: str, call):
    """The same call, but for one fleet, whose name stands somewhere in the arguments beside the config."""

    def _call(*args, **more):
        if any(fleet in repr(each) for each in (*args, more) if not isinstance(each, Config)):
            bug()
        return call(*args, **more)

    return _call


@pytest.fixture
def three_fleets(world):
    """A world with three fleets of one worker, and what keeps them."""
    controller = world.controller(world.config(fleet("images"), fleet("reports")))
    world.run(controller, 5)
    assert sorted(world.alive) == ["emails-01", "images-01", "reports-01"]
    return world, controller


#: By the part that fails: where the one call is that fails for the fleet `images`.
PLACES = {
    "view": "autoscaler.loop.tick.view",
    "measure": "autoscaler.loop.remembered.update",
    "decide": "autoscaler.loop.fleets.decide",
    "render": "autoscaler.loop.tick.worker_program",
    "report": "autoscaler.loop.tick.expected_wait",
    "act": "autoscaler.workers.drains.next_step",
}


@pytest.mark.parametrize("place", ["view", "measure", "decide", "render", "report"])
def test_a_bug_in_one_fleet_is_its_own_trouble_and_the_others_go_on(
    three_fleets, monkeypatch, caplog, place
) -> None:
    world, controller = three_fleets
    module, _, name = PLACES[place].rpartition(".")
    call = getattr(__import__(module, fromlist=[name]), name)
    monkeypatch.setattr(PLACES[place], fails_for("images", call))
    world.queue += [5.0] * 60
    with caplog.at_level(logging.ERROR):
        tick = world.run(controller, 5)
    fleets = {each.name: each for each in tick.fleets}
    assert "ZeroDivisionError" in fleets["images"].trouble
    assert not fleets["emails"].trouble
    assert not fleets["reports"].trouble
    assert {"images-01"} <= set(world.alive), "nothing of it is stopped"
    for other in ("emails", "reports"):
        assert sum(name.startswith(other) for name in world.alive) > 1, "the others grow"
    tracebacks = [each for each in caplog.records if each.exc_info]
    assert len(tracebacks) == 1, "its traceback comes once"
    assert "images" in tracebacks[0].getMessage()


def test_a_bug_while_acting_for_one_fleet_lets_the_others_go_on(three_fleets, monkeypatch) -> None:
    world, controller = three_fleets
    world.queue += [5.0] * 60
    world.run(controller, 5)
    world.queue.clear()
    module, _, name = PLACES["act"].rpartition(".")
    call = getattr(__import__(module, fromlist=[name]), name)
    monkeypatch.setattr(PLACES["act"], fails_for("images", call))
    tick = world.run(controller, 90)
    fleets = {each.name: each for each in tick.fleets}
    assert "ZeroDivisionError" in fleets["images"].trouble
    assert sum(name.startswith("images") for name in world.alive) > 1, "nothing of it is stopped"
    for other in ("emails", "reports"):
        assert not fleets[other].trouble
        assert [name for name in world.alive if name.startswith(other)] == [f"{other}-01"]
    assert world.stopped_busy == []


@pytest.mark.parametrize(
    ("source", "unknown"),
    [("queues", "queue emails"), ("host", "host"), ("inspect", ""), ("per_worker", "")],
)
def test_a_bug_in_a_source_makes_it_unknown_and_nothing_shrinks(three_fleets, source, unknown) -> None:
    world, controller = three_fleets
    world.queue += [5.0] * 60
    world.run(controller, 5)
    workers = len(world.alive)
    setattr(world, source, bug)
    controller = world.controller(world.config(fleet("images"), fleet("reports")))
    world.queue.clear()
    tick = world.run(controller, 60)
    assert not unknown or "ZeroDivisionError" in tick.observation.unknown[unknown]
    if source in {"queues", "inspect"}:
        assert len(world.alive) >= workers


def test_a_bug_in_what_operators_hold_lets_fleets_scale(three_fleets, monkeypatch) -> None:
    world, controller = three_fleets
    monkeypatch.setattr("autoscaler.operator.expiry.Expiry.settle", bug)
    monkeypatch.setattr("autoscaler.operator.expiry.Expiry.end_expired", bug)
    world.queue += [5.0] * 60
    world.run(controller, 5)
    assert len(world.alive) > len(FLEETS)


def test_each_kind_of_bug_is_logged_once_and_each_one_counted(caplog) -> None:
    containment = Containment()
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            with containment.contained("decide", "emails") as caught:
                bug()
            assert "float division by zero" in caught.trouble
        with containment.contained("decide", "images"):
            bug()
        with containment.contained("act", "images"):
            bug()
    assert containment.counts == {"decide": 4, "act": 1}
    assert [each.exc_info is not None for each in caplog.records] == [True] * 3


def test_an_error_that_is_meant_is_no_bug() -> None:
    containment = Containment()
    with containment.contained("act", "emails") as caught:
        raise TargetError("supervisord is away")
    assert (caught.trouble, containment.counts) == ("supervisord is away", {})
    with pytest.raises(StoreError), containment.contained("act"):
        raise StoreError("disk full")


def test_an_interrupt_passes() -> None:
    with pytest.raises(KeyboardInterrupt), Containment().contained("act"):
        raise KeyboardInterrupt


CONFIG = """
broker: {{url: "memory://"}}
supervisord: {{url: "unix://{folder}/none.sock", programs_file: {folder}/autoscaler.conf}}
state_dir: {folder}/state
console: {{socket: {folder}/autoscaler.sock}}
polling_interval: 100ms
fleets: {{emails: {{app: shop, queues: [emails], concurrency: 1, min_workers: 1, max_workers: 1}}}}
"""


@pytest.mark.parametrize(
    ("place", "where"),
    [
        ("autoscaler.loop.tick.Controller.tick", "tick"),
        ("autoscaler.loop.daemon.log_lines", "tick"),
        ("autoscaler.loop.daemon.status_line", "publish"),
        ("autoscaler.config.watch.WatchedConfig.changed", "reload"),
    ],
)
def test_a_bug_in_the_loop_itself_does_not_end_the_daemon(
    tmp_path, monkeypatch, eventually, place, where
) -> None:
    path = tmp_path / "autoscaler.yaml"
    path.write_text(CONFIG.format(folder=tmp_path))
    daemon = Daemon(path, host_name="host")
    with monkeypatch.context() as patched:
        patched.setattr(place, bug)
        thread = threading.Thread(target=daemon.run)
        thread.start()
        try:
            eventually(lambda: daemon.snapshot.unexpected.get(where, 0) >= 2, what="it goes on")
        finally:
            patched.undo()
    good = daemon.snapshot.counts.ticks
    eventually(lambda: daemon.snapshot.counts.ticks > good and daemon.snapshot.tick is not None)
    daemon.stop()
    thread.join(10)
    assert not thread.is_alive()
