"""The store keeps what a killed daemon needs, and refuses what it cannot read."""

from __future__ import annotations

import sqlite3

import pytest

from autoscaler.errors import AlreadyRunning, StoreError
from autoscaler.measured import Counted, Estimate, Measures, Track
from autoscaler.model import (
    Drain,
    DrainPhase,
    FleetMemory,
    Observation,
    SeenWorker,
    ThresholdMemory,
    Tick,
    Unknown,
    WorkerState,
)
from autoscaler.store import CLEANUP_PERIOD, RETENTION, TRACKS_PERIOD, Lock, Store, stored_tracks

OBSERVATION = Observation(0.0, {}, {}, Unknown("not asked", 0.0), Unknown("not asked", 0.0))


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path)
    yield opened
    opened.close()


def test_the_journal_survives_the_daemon(store, tmp_path):
    store.put_drain(Drain("emails-01", DrainPhase.DRAINING, 1.0, "too many"))
    store.put_drain(Drain("emails-02", DrainPhase.DRAINING, 1.0))
    store.put_drain(Drain("emails-02", DrainPhase.RESTORING, 2.0))
    again = Store(tmp_path)
    assert again.drains() == {
        "emails-01": Drain("emails-01", DrainPhase.DRAINING, 1.0, "too many"),
        "emails-02": Drain("emails-02", DrainPhase.RESTORING, 2.0),
    }
    again.delete_drains(["emails-01", "nobody"])
    again.close()
    assert list(store.drains()) == ["emails-02"]


def test_what_was_seen_of_the_workers_survives_the_daemon(store, tmp_path):
    seen = {"emails-01": SeenWorker("emails-01", 7, True, WorkerState.RUNNING, 1.5)}
    store.replace_seen_workers({"gone-01": SeenWorker("gone-01", None, False, WorkerState.HELD, 1.0)})
    store.replace_seen_workers(seen)
    again = Store(tmp_path)
    assert again.seen_workers() == seen
    again.close()


def test_memory_survives_the_daemon(world, tmp_path):
    world.queue += [5.0] * 30
    world.run(world.controller(), 4)
    memory = Store(world.store_folder).memory()["emails"]
    assert memory.size == 5
    assert memory.recommended


def test_memory_of_another_release_is_left_out(store, tmp_path):
    with sqlite3.connect(tmp_path / "autoscaler.db") as database:
        database.execute("INSERT INTO memory VALUES ('old', '{\"size\": \"many\"}')")
    assert store.memory() == {}


def test_every_field_of_memory_is_kept(world):
    class WithMemory:
        at = 1.0
        fleets = ()

    memory = FleetMemory(3, ThresholdMemory(3, 1.0, None), ((1.0, 3),), ((0.5, 2),), 0.7, (0.1, 0.2))
    store = Store(world.store_folder)
    store.record(WithMemory(), {"emails": memory})
    assert store.memory() == {"emails": memory}


def test_a_decision_is_written_when_it_differs_and_old_ones_go(world):
    controller = world.controller()
    world.run(controller, 30)
    with sqlite3.connect(world.store_folder / "autoscaler.db") as database:
        decisions = database.execute("SELECT count(*) FROM decisions").fetchone()[0]
        samples = database.execute("SELECT count(*) FROM samples").fetchone()[0]
    assert samples == 31
    assert 1 <= decisions <= 6
    world.now += RETENTION + CLEANUP_PERIOD
    controller.tick(world.now)
    with sqlite3.connect(world.store_folder / "autoscaler.db") as database:
        assert database.execute("SELECT count(*) FROM samples").fetchone()[0] == 1


def test_a_second_daemon_on_the_same_folder_is_refused_with_the_pid_of_the_first(tmp_path):
    lock = Lock(tmp_path)
    with pytest.raises(AlreadyRunning, match=r"another autoscaler \(pid \d+\)"):
        Lock(tmp_path)
    lock.close()
    Lock(tmp_path).close()


def test_a_state_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"state_dir .* cannot be used"):
        Lock(tmp_path / "file" / "state")


def test_a_database_of_a_later_release_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "autoscaler.db") as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="has version 99, this release knows up to 1"):
        Store(tmp_path)


def test_a_corrupt_database_is_told(tmp_path):
    (tmp_path / "autoscaler.db").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StoreError, match=r"autoscaler\.db: file is not a database"):
        Store(tmp_path)


def test_the_files_are_not_for_everybody(store, tmp_path):
    store.put_drain(Drain("emails-01", DrainPhase.DRAINING, 1.0))
    assert {path.name: path.stat().st_mode & 0o007 for path in tmp_path.iterdir()} == {
        path.name: 0 for path in tmp_path.iterdir()
    }


def test_what_was_measured_survives_the_daemon_and_can_be_read_beside_it(store, tmp_path):
    measures = Measures(published=((1.0, 2.0), (3.0, 4.5)), service=Estimate(1.0, 0.5, None), interval=2.0)
    track = Track(measures=measures, at=9.0, counted=(Counted("emails-01", 7, None),), start_samples=(1.5,))
    tick = Tick(1_000.0, 0.1, OBSERVATION, ())
    store.record(tick, {}, {"emails": track})
    assert store.tracks() == stored_tracks(tmp_path) == {"emails": track}


def test_what_was_measured_is_written_now_and_then_only(store):
    for at in (1_000.0, 1_000.0 + TRACKS_PERIOD / 2, 1_000.0 + TRACKS_PERIOD):
        store.record(Tick(at, 0.1, OBSERVATION, ()), {}, {"emails": Track(at=at)})
        written = store.tracks()["emails"].at
        assert written == (at if at != 1_000.0 + TRACKS_PERIOD / 2 else 1_000.0)


def test_where_no_daemon_has_run_nothing_was_measured(tmp_path):
    assert stored_tracks(tmp_path / "none") == {}
    (tmp_path / "autoscaler.db").write_text("nonsense, and more of it than a header is long " * 9)
    assert stored_tracks(tmp_path) == {}
