"""The state under faults: damaged, full, read-only, from another time. It mends itself; nobody is killed."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from autoscaler.errors import StoreError
from autoscaler.loop.lost_state import make_up_for_lost_state, take_back
from autoscaler.model import (
    Drain,
    DrainPhase,
    FixedSize,
    SeenWorker,
    SingletonRecord,
    WorkerHold,
    WorkerState,
)
from autoscaler.store import DATABASE, Store, database

LEAVING = Drain("emails-02", DrainPhase.DRAINING, 1.0, "too many")


def damage(path: Path, table: str = "") -> None:
    """Overwrite a table's first page, or the head of the file."""
    number = 1
    if table:
        with closing(sqlite3.connect(path)) as db:
            (number,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek((number - 1) * 4096)
        file.write(b"\xde\xad" * 2048)


def asides(folder: Path) -> list[Path]:
    return sorted(
        each for each in folder.glob(f"{DATABASE}.corrupt-*") if not each.name.endswith(("-wal", "-shm"))
    )


def test_a_damaged_database_is_moved_aside_and_a_new_one_made(tmp_path):
    (tmp_path / DATABASE).write_bytes(b"this is no database at all" * 100)
    with closing(Store(tmp_path)) as store:
        (aside,) = asides(tmp_path)
        assert aside.read_bytes().startswith(b"this is no database")
        assert "file is not a database" in store.trouble
        assert f"moved to {aside.name}; lost:" in store.trouble
        assert store.journal_lost
        store.put_drain(LEAVING)
    with closing(Store(tmp_path)) as store:
        assert store.drains() == {"emails-02": LEAVING}
        assert not store.trouble
        assert not store.journal_lost


def test_the_journal_is_rescued_from_a_database_that_is_damaged_elsewhere(tmp_path):
    with closing(Store(tmp_path)) as store:
        store.put_drain(LEAVING)
        store.put_worker_hold(WorkerHold("emails-02", by="alice"))
    damage(tmp_path / DATABASE, "samples")
    with closing(Store(tmp_path)) as store:
        assert len(asides(tmp_path)) == 1
        assert list(store.worker_holds()) == ["emails-02"]
        assert store.drains() == {"emails-02": LEAVING}
        assert "kept: 1 drains, 0 holds, 0 singletons, 1 worker_holds" in store.trouble
        assert not store.journal_lost


def test_a_rescued_journal_that_makes_no_sense_counts_as_lost(tmp_path):
    with closing(Store(tmp_path)) as store:
        store._db.write("INSERT INTO drains VALUES ('emails-01', 'nonsense', 1.0, '', 7)", [()])
    damage(tmp_path / DATABASE, "samples")
    with closing(Store(tmp_path)) as store:
        assert store.drains() == {}
        assert store.journal_lost


def test_a_database_that_is_damaged_while_it_is_used_is_replaced_with_the_journal_from_memory(
    tmp_path, world
):
    with closing(Store(tmp_path)) as store:
        store.put_drain(LEAVING)
        store.drains()
        store._db.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        damage(tmp_path / DATABASE)
        store._db.connection.execute("PRAGMA shrink_memory")
        store.replace_seen_workers({"a-01": SeenWorker("a-01", 1, True, WorkerState.RUNNING, 1.0)})
        assert "moved to" in store.trouble
        assert store.drains() == {"emails-02": LEAVING}
        store.delete_drains([])
        assert not store.trouble
    with closing(Store(tmp_path)) as store:
        assert store.drains() == {"emails-02": LEAVING}
        assert list(store.seen_workers()) == ["a-01"]


def become_empty(path: Path) -> None:
    """What is sound for SQLite, and has nothing of ours."""
    other = path.with_name("other.db")
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE other (value)")
        db.execute("DROP TABLE other")
    path.write_bytes(other.read_bytes())
    other.unlink()


def become_another(path: Path) -> None:
    """Another file of its name, as from a backup."""
    other = path.with_name("other.db")
    other.write_bytes(path.read_bytes())
    other.replace(path)


def drop(path: Path, table: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"DROP TABLE {table}")


UNDER_THE_DAEMON = {
    "without a byte": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "an empty database": become_empty,
    "another file": become_another,
    "deleted": Path.unlink,
    "garbage in the first page": damage,
    "garbage behind the header": lambda path: path.write_bytes(path.read_bytes()[:100] + b"\xad" * 9000),
    "garbage in the journal": lambda path: damage(path, "drains"),
    "garbage in the orders": lambda path: damage(path, "worker_holds"),
    "no journal": lambda path: drop(path, "drains"),
    "no memory": lambda path: drop(path, "memory"),
    "no singletons": lambda path: drop(path, "singletons"),
    "no samples": lambda path: drop(path, "samples"),
}


@pytest.mark.parametrize("flushed", [True, False])
@pytest.mark.parametrize("what", UNDER_THE_DAEMON)
def test_whatever_becomes_of_its_database_a_daemon_goes_on_with_what_it_knows(tmp_path, world, what, flushed):
    tick = replace(world.run(world.controller(), 1), at=100.0)
    with closing(Store(tmp_path)) as store:
        store.put_drain(LEAVING)
        store.put_hold("emails", FixedSize(3, by="alice"))
        store.replace_singletons({"beat": SingletonRecord(leaving=True)})
        if flushed:
            store._db.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        UNDER_THE_DAEMON[what](tmp_path / DATABASE)
        for _ in range(2):
            store.record(tick, {})
        assert not store.trouble
        store.put_drain(replace(LEAVING, worker="emails-03"))
        store.delete_holds(["unknown"])
        assert not store.trouble
    with closing(Store(tmp_path)) as store:
        assert sorted(store.drains()) == ["emails-02", "emails-03"]
        assert store.holds() == {"emails": FixedSize(3, by="alice")}
        assert store.singletons() == {"beat": SingletonRecord(leaving=True)}
        assert not store.journal_lost


def test_an_order_that_has_ended_does_not_come_back_with_what_is_rescued(tmp_path, world):
    tick = world.run(world.controller(), 1)
    with closing(Store(tmp_path)) as store:
        store.put_hold("emails", FixedSize(3, by="alice"))
        store._db.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (tmp_path / "backup").write_bytes((tmp_path / DATABASE).read_bytes())
        store.delete_holds(["emails"])
        (tmp_path / "backup").replace(tmp_path / DATABASE)
        store.record(tick, {})
        assert "was deleted or replaced while it was in use" in store.trouble
    with closing(Store(tmp_path)) as store:
        assert store.holds() == {}


def test_a_database_that_is_sound_and_has_no_journal_counts_as_lost(tmp_path):
    (tmp_path / DATABASE).touch()
    become_empty(tmp_path / DATABASE)
    with closing(Store(tmp_path)) as store:
        assert store.journal_lost


class Killed(BaseException):
    """The daemon ends here."""


@pytest.mark.parametrize("place", ["rescue", "remove", "move_aside", "prepare", "replace"])
def test_a_daemon_that_is_killed_while_it_replaces_a_database_loses_no_order(tmp_path, monkeypatch, place):
    with closing(Store(tmp_path)) as store:
        store.put_drain(LEAVING)
        store.put_hold("emails", FixedSize(3, by="alice"))
    damage(tmp_path / DATABASE, "samples")

    def kill(*_):
        raise Killed

    prepares = iter([database.prepare, kill])

    def prepare(*args):
        next(prepares)(*args)

    with monkeypatch.context() as patch:
        patch.setattr(
            Path if place == "replace" else database, place, prepare if place == "prepare" else kill
        )
        with pytest.raises(Killed):
            Store(tmp_path)
    with closing(Store(tmp_path)) as store:
        assert store.holds() == {"emails": FixedSize(3, by="alice")}
        assert store.drains() == {"emails-02": LEAVING}
        assert store.trouble
        assert store.journal_lost == (place == "replace")


def test_a_database_without_a_byte_counts_as_lost(tmp_path):
    (tmp_path / DATABASE).touch()
    with closing(Store(tmp_path)) as store:
        assert store.journal_lost


def test_a_damaged_database_that_cannot_be_replaced_now_is_replaced_later(tmp_path, monkeypatch):
    with closing(Store(tmp_path)) as store:
        store.put_drain(LEAVING)
        store.replace_singletons({"beat": SingletonRecord(leaving=True)})
        store.drains()
        seen = {"a-01": SeenWorker("a-01", 1, True, WorkerState.RUNNING, 1.0)}
        store.replace_seen_workers(seen)
        store._db.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        damage(tmp_path / DATABASE)
        store._db.connection.execute("PRAGMA shrink_memory")

        def full(*_):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(database, "remove", full)
            store.delete_drains(["x-01"])
            assert "No space left" in store.trouble
            store.delete_drains(["x-01"])
        store.delete_drains(["x-01"])
        assert "moved to" in store.trouble
    with closing(Store(tmp_path)) as store:
        assert store.drains() == {"emails-02": LEAVING}
        assert store.seen_workers() == seen
        assert store.singletons() == {"beat": SingletonRecord(leaving=True)}


# --- nothing can be written --------------------------------------------------------------------------------


def read_only(controller, yes: bool) -> None:
    """What SQLite says on a disk that became read-only; a full one is tried on a real one."""
    controller._store._db.connection.execute(f"PRAGMA query_only = {int(yes)}")


def test_without_a_journal_a_fleet_grows_and_does_not_shrink_and_mends_itself(world):
    controller = world.controller()
    world.run(controller, 3)
    read_only(controller, yes=True)
    world.queue = [2.0] * 40
    tick = world.run(controller, 4)
    assert len(world.alive) == 5
    assert "nothing is remembered until it can be written" in controller._store.trouble
    tick = world.run(controller, 60)
    assert world.done == 40
    assert len(world.alive) == 5
    assert "the drain journal cannot be written" in tick.fleets[0].trouble
    read_only(controller, yes=False)
    tick = world.run(controller, 30)
    assert len(world.alive) == 1
    assert not tick.fleets[0].trouble
    assert not controller._store.trouble
    assert not world.stopped_busy


def test_a_drain_that_was_begun_goes_on_without_its_journal_and_is_struck_later(world):
    controller = world.controller()
    world.queue = [6.0] * 40
    world.run(controller, 5)
    world.queue = []
    while not controller._store.drains():
        world.run(controller, 1)
    read_only(controller, yes=True)
    world.run(controller, 40)
    left = set(world.alive)
    assert len(left) < 5
    read_only(controller, yes=False)
    world.run(controller, 40)
    assert len(world.alive) == 1
    with closing(Store(world.store_folder)) as store:
        assert store.drains() == {}
    assert not world.stopped_busy


def test_what_was_seen_while_nothing_could_be_written_is_written_later(tmp_path):
    seen = {"a-01": SeenWorker("a-01", 1, True, WorkerState.RUNNING, 1.0)}
    with closing(Store(tmp_path)) as store:
        store._db.connection.execute("PRAGMA query_only = 1")
        store.replace_seen_workers(seen)
        with pytest.raises(StoreError):
            store.put_drain(LEAVING)
        assert store.drains() == {}
        store._db.connection.execute("PRAGMA query_only = 0")
        store.delete_drains([])
        assert not store.trouble
    with closing(Store(tmp_path)) as store:
        assert store.seen_workers() == seen


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MiB; a test that needs it is skipped where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all the space that is left."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    return ballast


def test_a_full_disk_stops_no_growth_and_loses_nothing(small_disk, make_world):
    world = make_world()
    world.store_folder = small_disk
    controller = world.controller()
    world.run(controller, 3)
    ballast = fill(small_disk)
    world.queue = [2.0] * 40
    world.run(controller, 60)
    assert (world.done, len(world.alive)) == (40, 5)
    assert "full" in controller._store.trouble
    ballast.unlink()
    world.run(controller, 30)
    assert not controller._store.trouble
    assert len(world.alive) == 1
    assert not world.stopped_busy


def test_a_full_disk_leaves_the_programs_file_as_it_was(small_disk, make_world):
    world = make_world()
    world.file = type(world.file)(small_disk / "autoscaler.conf")
    controller = world.controller()
    world.run(controller, 3)
    before = world.file.read()
    ballast = fill(small_disk)
    world.queue = [2.0] * 40
    tick = world.run(controller, 3)
    assert world.file.read() == before
    assert "cannot be written: No space left" in tick.fleets[0].trouble
    ballast.unlink()
    world.run(controller, 3)
    assert len(world.alive) == 5


# --- a lost journal ----------------------------------------------------------------------------------------


def test_a_worker_whose_drain_was_lost_finishes_and_takes_tasks_again(world):
    controller = world.controller()
    world.queue = [30.0] * 20
    world.run(controller, 5)
    controller.reconfigure(world.config(max_workers=4))
    world.run(controller, 2)
    assert controller._store.drains()
    assert any(not worker.consumes for worker in world.workers.values())
    controller._store.close()
    damage(world.store_folder / DATABASE)

    with closing(Store(world.store_folder)) as store:
        assert store.journal_lost
        assert take_back(store, world.file, world.now) == sorted(world.file.read())
    world.queue = [5.0] * 60
    world.run(world.controller(), 5)
    assert all(worker.consumes for worker in world.workers.values())
    world.run(world.controller(), 200)
    assert world.done >= 60
    assert not world.stopped_busy


def test_the_log_says_what_was_lost(short_folder, world, caplog):
    (short_folder / DATABASE).write_bytes(b"nonsense" * 1000)
    world.run(world.controller(), 3)
    with closing(Store(short_folder)) as store, caplog.at_level(logging.WARNING):
        make_up_for_lost_state(store, world.file, 1.0)
        assert set(store.drains()) == set(world.file.read())
    assert "file is not a database; moved to autoscaler.db.corrupt-" in caplog.text
    assert all(name in caplog.text for name in world.file.read())


# --- another time ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [-86400.0, -3600.0, -1.0, 3600.0, 86400.0 * 400])
@pytest.mark.parametrize("policy", [{"backlog_per_worker": 4}, {"max_wait": 10.0}])
def test_a_clock_that_was_set_while_the_daemon_was_away_changes_nothing(make_world, step, policy):
    world = make_world()
    config = world.config(scale=policy, max_scale_up=None)
    world.queue = [4.0] * 30
    world.run(world.controller(config), 10)
    world.now += step
    controller = world.controller(config)
    world.queue += [4.0] * 60
    world.run(controller, 10)
    assert len(world.alive) == 5
    world.run_out(controller, 200)
    assert world.done == 90
    assert len(world.alive) == 1
    assert not world.stopped_busy
