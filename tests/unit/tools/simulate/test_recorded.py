"""A recorded load is replayed, and settings are tried on it before they are saved."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing

import pytest
from click.testing import CliRunner

from autoscaler.cli import main
from autoscaler.errors import StoreError, TraceError
from autoscaler.store import Store
from autoscaler.store.recorded import Recorded, RecordedSample, recorded
from autoscaler.tools.simulate.load import fixed
from autoscaler.tools.simulate.recorded import replay

CONFIG = """\
broker: {{url: "amqp://guest:guest@localhost:5672//"}}
state_dir: {state}
fleets:
  emails: {{app: a.b, queues: [emails], concurrency: 1, max_workers: 9, scale: {{max_wait: 30s}}}}
  slow: {{app: a.b, queues: [slow], concurrency: 1, max_workers: 9, scale: {{backlog_per_worker: 8}}}}
"""


def samples(*rows):
    return Recorded((), tuple(RecordedSample(at, published, 2.0, 3) for at, published in rows))


def evenly(count, begin=600.0, rate=1.0):
    return [(begin + 10.0 * each, rate * 10.0 * each) for each in range(count)]


def test_as_many_tasks_come_in_each_period_as_were_counted():
    load = replay("emails", samples(*evenly(100)), 0).load
    assert len(load.arrivals) == 990
    assert sum(100 <= arrival < 200 for arrival in load.arrivals) == 100
    assert 1.5 < load.mean_service < 2.5
    assert replay("emails", samples(*evenly(100)), 0, fixed(7.0)).load.mean_service == 7.0


def test_counts_that_are_not_whole_add_up():
    assert len(replay("emails", samples(*evenly(101, rate=0.25)), 0).load.arrivals) == 250


def test_minutes_begin_where_they_did():
    load = replay("emails", samples(*evenly(100, begin=655.0, rate=0.1)), 0).load
    assert 55.0 <= load.arrivals[0] < 85.0


def test_where_nobody_watched_no_task_comes_and_it_is_said():
    early, late = evenly(100), [(at + 5000.0, count + 7000.0) for at, count in evenly(100)]
    found = replay("emails", samples(*early, *late), 0)
    assert found.unknown == 5000.0 - 990.0
    assert not any(1000 < arrival < 5000 for arrival in found.load.arrivals)


def test_a_count_that_begins_anew_is_no_load():
    again = [(at + 1000.0, count) for at, count in evenly(50)]
    assert len(replay("emails", samples(*evenly(50), *again), 0).load.arrivals) == 980


def test_it_tells_what_the_fleet_itself_had():
    found = replay("emails", samples(*evenly(101)), 0)
    assert (found.workers, found.worker_seconds, found.sampled) == (3, 3000.0, 1000.0)


def test_older_minutes_come_before_the_samples():
    before = tuple((60.0 * each, 6.0) for each in range(10))
    load = replay("emails", Recorded(before, samples(*evenly(10)).samples), 0).load
    assert sum(arrival < 600 for arrival in load.arrivals) == 60
    assert load.duration == 690.0


@pytest.mark.parametrize("rows", [(), evenly(20), [(at, 5.0) for at, _ in evenly(100)]])
def test_too_little_is_refused_with_what_there_is(rows):
    with pytest.raises(
        TraceError, match=r"fleet emails: \d+ tasks in \d+ min are recorded .* 10 min are needed"
    ):
        replay("emails", samples(*rows), 0)


def test_where_no_daemon_has_run_there_is_nothing_to_replay(tmp_path):
    with pytest.raises(StoreError, match="no daemon has run with this state_dir"):
        recorded(tmp_path, "emails", 0.0)


def test_what_an_earlier_release_has_recorded_is_refused(tmp_path):
    with closing(sqlite3.connect(tmp_path / "autoscaler.db")) as database:
        database.execute("CREATE TABLE samples (at REAL, fleet TEXT)")
    with pytest.raises(StoreError, match="is of an earlier release"):
        recorded(tmp_path, "emails", 0.0)


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "autoscaler.db").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StoreError, match="not a database"):
        recorded(tmp_path, "emails", 0.0)


# --- the command ---


@pytest.fixture
def config_file(tmp_path):
    """A config whose daemon has seen one task a second for half an hour."""
    path = tmp_path / "autoscaler.yaml"
    path.write_text(CONFIG.format(state=tmp_path), encoding="utf-8")
    now = time.time()
    with closing(Store(tmp_path)):
        pass
    with sqlite3.connect(tmp_path / "autoscaler.db") as database:
        rows = [
            (now - 1800 + at, "emails", 0, 0, 2, 3, 3, count, 2.0) for at, count in evenly(180, begin=0.0)
        ]
        database.executemany(
            "INSERT INTO samples (at, fleet, ready, reserved, running, workers, desired, published, service)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
    return path


def simulate(path, *arguments):
    return CliRunner().invoke(main, ["simulate", "--config", str(path), *arguments])


def as_json(path, *arguments):
    result = simulate(path, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_what_was_recorded_is_replayed_with_other_values(config_file):
    as_it_is = as_json(config_file, "--from-history", "emails")
    assert as_it_is["load"]["tasks"] == 1790
    assert as_it_is["recorded"]["worker_hours"] == pytest.approx(3 * 1790 / 3600)
    other = as_json(config_file, "--from-history", "emails", "--set", "scale={backlog_per_worker: 1}")
    assert other["outcomes"][0]["worker_hours"] != as_it_is["outcomes"][0]["worker_hours"]


def test_it_says_for_people_what_the_fleet_itself_had(config_file):
    assert (
        "The fleet itself had 1.49 worker-hours" in simulate(config_file, "--from-history", "emails").output
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from-history", "slow"), "fleet slow: 0 tasks in 0 min are recorded"),
        (("--from-history", "nobody"), "fleet nobody: the config has only emails, slow"),
        (("--from-history", "emails", "--set", "max_workers"), "'max_workers' is not KEY=VALUE"),
        (
            ("--from-history", "emails", "--set", "max_workers=0"),
            "fleets.emails.max_workers: 0 is less than 1",
        ),
        (("--from-history", "emails", "--set", "scale.max_wai=3s"), "did you mean max_wait?"),
        (
            ("--from-history", "emails", "--set", "max_workers=["),
            "max_workers: must be a whole number, not '['",
        ),
        (("--from-history", "emails", "--pattern", "step"), "give one of --trace FILE, --pattern NAME"),
    ],
)
def test_what_cannot_be_tried_is_told(config_file, arguments, said):
    result = simulate(config_file, *arguments)
    assert result.exit_code != 0
    assert said in result.output


def test_the_file_itself_stays_as_it_is(config_file):
    before = config_file.read_text()
    simulate(config_file, "--from-history", "emails", "--set", "max_workers=3")
    assert config_file.read_text() == before
