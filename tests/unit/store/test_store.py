"""The store keeps what a killed daemon needs, and refuses what it cannot read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass

import pytest

from autoscaler.errors import AlreadyRunning, StoreError
from autoscaler.model import (
    Counted,
    Drain,
    DrainPhase,
    Estimate,
    FleetState,
    Measures,
    Minute,
    Observation,
    SeenWorker,
    ThresholdState,
    Tick,
    Track,
    Unknown,
    WorkerState,
)
from autoscaler.store import (
    CLEANUP_PERIOD,
    CLEANUP_ROWS,
    KEPT,
    SAMPLE_PERIOD,
    SCHEMA_VERSION,
    TRACKS_PERIOD,
    Lock,
    Store,
    stored_tracks,
)

OBSERVATION = Observation(0.0, {}, {}, Unknown("not asked", 0.0), Unknown("not asked", 0.0))


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path)
    yield opened
    opened.close()


def test_the_journal_survives_the_daemon(store, tmp_path):
    store.put_drain(Drain("emails-01", DrainPhase.DRAINING, 1.0, "too many", 7))
    store.put_drain(Drain("emails-02", DrainPhase.DRAINING, 1.0))
    store.put_drain(Drain("emails-02", DrainPhase.RESTORING, 2.0))
    again = Store(tmp_path)
    assert again.drains() == {
        "emails-01": Drain("emails-01", DrainPhase.DRAINING, 1.0, "too many", 7),
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

    memory = FleetState(3, ThresholdState(3, 1.0, None), ((1.0, 3),), ((0.5, 2),), 0.7, (0.1, 0.2))
    store = Store(world.store_folder)
    store.record(WithMemory(), {"emails": memory})
    assert store.memory() == {"emails": memory}


def test_a_decision_is_written_when_it_differs_and_old_ones_go(world):
    controller = world.controller()
    world.run(controller, 30)
    with sqlite3.connect(world.store_folder / "autoscaler.db") as database:
        decisions = database.execute("SELECT count(*) FROM decisions").fetchone()[0]
        samples = database.execute("SELECT count(*) FROM samples").fetchone()[0]
    assert samples == 4, "one every ten seconds"
    assert 1 <= decisions <= 6
    world.now += KEPT["samples"] + CLEANUP_PERIOD
    controller.tick(world.now)
    with sqlite3.connect(world.store_folder / "autoscaler.db") as database:
        assert database.execute("SELECT count(*) FROM samples").fetchone()[0] == 1
        assert database.execute("SELECT count(*) FROM decisions").fetchone()[0] >= decisions


@dataclass
class EmptyTick:
    """A tick of no fleet."""

    at: float
    fleets: tuple = ()


def number_of(folder, sql):
    with closing(sqlite3.connect(folder / "autoscaler.db")) as database:
        return database.execute(sql).fetchone()[0]


@pytest.mark.parametrize(("table", "columns"), [("samples", 8), ("decisions", 7)])
def test_a_large_clean_up_goes_on_from_tick_to_tick(store, tmp_path, table, columns):
    rows = [(float(at), "emails", *[1] * columns) for at in range(2 * CLEANUP_ROWS + 10)]
    with sqlite3.connect(tmp_path / "autoscaler.db") as database:
        database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * (columns + 2))})", rows)
    before = number_of(tmp_path, "PRAGMA page_count")
    now = KEPT[table] + len(rows) - 1
    left = []
    for _ in range(4):
        store.record(EmptyTick(now), {})
        left.append(number_of(tmp_path, f"SELECT count(*) FROM {table}"))
    assert left == [CLEANUP_ROWS + 10, 10, 1, 1], "and one that is not too old stays"
    assert number_of(tmp_path, "PRAGMA page_count") < before / 4, "the disk gets its space back"


def test_a_finished_clean_up_rests(store, tmp_path):
    now = 1e9
    store.record(EmptyTick(now), {})
    with sqlite3.connect(tmp_path / "autoscaler.db") as database:
        database.execute("INSERT INTO samples VALUES (0, 'emails', 1, 1, 1, 1, 1, 1, 1, 1)")
    store.record(EmptyTick(now + CLEANUP_PERIOD - 1), {})
    assert number_of(tmp_path, "SELECT count(*) FROM samples") == 1
    store.record(EmptyTick(now + CLEANUP_PERIOD), {})
    assert number_of(tmp_path, "SELECT count(*) FROM samples") == 0


def test_late_ticks_do_not_thin_the_samples_out(world):
    controller = world.controller()
    for _ in range(20):
        controller.tick(world.now)
        world.advance(SAMPLE_PERIOD - 0.01)
    assert number_of(world.store_folder, "SELECT count(*) FROM samples") >= 19


@pytest.mark.parametrize(
    ("table", "row", "read", "said"),
    [
        ("drains", "('w-01', 'floating', 1, '', 7)", Store.drains, "'floating' is not a valid DrainPhase"),
        (
            "workers",
            "('w-01', 7, 1, 'floating', 1)",
            Store.seen_workers,
            "'floating' is not a valid WorkerState",
        ),
        ("holds", "('w-01', 'nonsense')", Store.holds, "Invalid JSON"),
        ("holds", "('w-01', '{}')", Store.holds, "Field required"),
    ],
)
def test_a_row_that_cannot_be_read_is_told_with_its_table(store, tmp_path, table, row, read, said):
    with sqlite3.connect(tmp_path / "autoscaler.db") as database:
        database.execute(f"INSERT INTO {table} VALUES {row}")
    with pytest.raises(
        StoreError, match=rf"autoscaler\.db: table {table}, row 'w-01' cannot be read: {said}"
    ):
        read(store)


def test_a_second_daemon_on_the_same_folder_is_refused_with_the_pid_of_the_first(tmp_path):
    lock = Lock(tmp_path)
    with pytest.raises(AlreadyRunning, match=r"another autoscaler \(pid \d+\)"):
        Lock(tmp_path)
    lock.close()
    Lock(tmp_path).close()


def test_a_lock_whose_file_is_deleted_or_replaced_is_lost(tmp_path):
    with closing(Lock(tmp_path / "state")) as lock:
        assert not lock.lost()
        (tmp_path / "state" / "lock").unlink()
        assert lock.lost()
        with closing(Lock(tmp_path / "state")) as other:
            assert lock.lost()
            assert not other.lost()
        (tmp_path / "state").rename(tmp_path / "away")
        assert lock.lost()


def test_a_state_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"state_dir .* cannot be used"):
        Lock(tmp_path / "file" / "state")


def test_a_database_of_a_later_release_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "autoscaler.db") as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match=f"has version 99, this release knows up to {SCHEMA_VERSION}"):
        Store(tmp_path)


#: The tables of version 1 that later ones changed, with a row each that must not get lost.
VERSION_1 = """
PRAGMA journal_mode = WAL;
CREATE TABLE workers (
    name TEXT PRIMARY KEY, pid INTEGER, answered INTEGER NOT NULL, state TEXT NOT NULL, since REAL NOT NULL);
CREATE TABLE drains (
    worker TEXT PRIMARY KEY, phase TEXT NOT NULL, since REAL NOT NULL, reason TEXT NOT NULL);
CREATE TABLE memory (fleet TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE tracks (fleet TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE holds (fleet TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE decisions (
    at REAL NOT NULL, fleet TEXT NOT NULL, current INTEGER NOT NULL, recommended INTEGER,
    desired INTEGER NOT NULL, reasons TEXT NOT NULL, ready REAL, reserved INTEGER, running INTEGER);
CREATE TABLE samples (
    at REAL NOT NULL, fleet TEXT NOT NULL, ready REAL, reserved INTEGER, running INTEGER,
    workers INTEGER NOT NULL, desired INTEGER NOT NULL);
INSERT INTO workers VALUES ('emails-01', 7, 1, 'running', 1.5);
INSERT INTO drains VALUES ('emails-01', 'draining', 1.0, 'too many');
INSERT INTO memory VALUES ('emails', '{"size": 3}');
INSERT INTO tracks VALUES ('emails', '{"accepted": 12.0, "measures": {"interval": 2.0}}');
INSERT INTO samples VALUES (100.0, 'emails', 1, 2, 3, 4, 5);
PRAGMA user_version = 1;
"""


def test_a_database_of_version_1_is_read_and_goes_on(tmp_path):
    with closing(sqlite3.connect(tmp_path / "autoscaler.db")) as database:
        database.executescript(VERSION_1)
    for _ in range(2):  # the second time it is of today's version
        with closing(Store(tmp_path)) as store:
            assert store.seen_workers()["emails-01"] == SeenWorker(
                "emails-01", 7, True, WorkerState.RUNNING, 1.5
            )
            assert store.drains() == {"emails-01": Drain("emails-01", DrainPhase.DRAINING, 1.0, "too many")}
            assert store.memory() == {"emails": FleetState(size=3)}
            assert store.tracks() == {"emails": Track(accepted=12.0, measures=Measures(interval=2.0))}
            assert store.minutes() == {}
    assert number_of(tmp_path, "SELECT count(*) FROM samples WHERE published IS NULL AND wait IS NULL") == 1
    assert number_of(tmp_path, "PRAGMA user_version") == SCHEMA_VERSION


def test_minutes_survive_the_daemon_and_go_when_they_are_old(store, tmp_path):
    kept = [Minute(60.0, 5.0, 3, None, 4), Minute(120.0, 0.0, 0, 2, None)]
    for minute in kept:
        store.record(EmptyTick(minute.at), {}, {}, {"emails": minute})
    store.record(EmptyTick(120.0), {}, {}, {"emails": kept[1]})  # again, after a crash
    with closing(Store(tmp_path)) as again:
        assert again.minutes() == {"emails": tuple(kept)}
    store.record(EmptyTick(KEPT["minutes"] + CLEANUP_PERIOD), {})
    assert store.minutes() == {}


def test_a_sample_keeps_what_was_published_how_long_tasks_run_and_wait(world):
    controller = world.controller()
    world.queue += [5.0] * 30
    world.run(controller, 30)
    with sqlite3.connect(world.store_folder / "autoscaler.db") as database:
        rows = database.execute("SELECT published, service, wait FROM samples").fetchall()
    assert rows[0][0] == 30.0
    assert all(service > 0 for _, service, _ in rows[1:])
    assert rows[0][2] is None
    assert rows[1][2] > 0


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
