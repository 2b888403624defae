"""What the chaos suite's observer counts as lost, killed busy, run twice and wrongly shrunk."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from chaos.ledger import Entry, Published, Window, account
from chaos.shrinks import Counted, shrinks, wrong
from chaos.stuck import GRACE, StuckWorkers, said

TASK, NODE = "t", "a-01@host"


def told(event, at, pid=7, **changes):
    given = {"attempt": 0, "parent": 5, "node": NODE, "deliveries": 0} | changes
    return Entry(id=TASK, event=event, at=at, pid=pid, **given)


def judged(*entries, kind="late", windows=(), **changes):
    return account({TASK: Published(TASK, "a", kind, 10.0, **changes)}, entries, windows)


def fault(began=20.0, **changes):
    return Window("some fault", began, began + 2, began + 4, **changes)


def test_a_task_that_begins_once_and_ends_is_done():
    counted = judged(told("begin", 11), told("done", 12))
    assert (counted.published, counted.done, counted.run_twice) == (1, 1, 0)
    assert counted.lost == counted.killed_busy == counted.unexplained == counted.redelivered == []


@pytest.mark.parametrize("kind", ["late", "early", "retried", "soft_limit", "hard_limit"])
def test_an_accepted_task_that_never_began_is_lost(kind):
    assert len(judged(kind=kind).lost) == 1


def test_a_begin_without_an_end_is_a_busy_worker_killed():
    counted = judged(told("begin", 11))
    assert len(counted.killed_busy) == len(counted.lost) == 1


def test_a_process_that_a_fault_killed_explains_an_end_that_is_missing_and_a_second_run():
    killed = fault(killed=frozenset({7}))
    counted = judged(told("begin", 19), told("begin", 24, pid=8), told("done", 25, pid=8), windows=[killed])
    assert (counted.done, counted.run_twice) == (1, 1)
    assert counted.killed_busy == counted.unexplained == []


def test_a_process_that_another_fault_killed_explains_nothing():
    killed = fault(killed=frozenset({99}))
    counted = judged(told("begin", 19), told("begin", 24, pid=8), told("done", 25, pid=8), windows=[killed])
    assert len(counted.killed_busy) == len(counted.unexplained) == 1


@pytest.mark.parametrize(("began", "explained"), [(20.0, True), (500.0, False)])
def test_a_lost_connection_explains_a_second_run_only_while_it_could(began, explained):
    runs = [told("begin", 19), told("done", 23), told("begin", 24, pid=8), told("done", 25, pid=8)]
    counted = judged(*runs, windows=[fault(began, redelivers=True)])
    assert counted.run_twice == 1
    assert (counted.unexplained == []) is explained


def test_a_task_acknowledged_early_may_go_down_with_a_process_that_a_fault_killed():
    counted = judged(told("begin", 19), kind="early", windows=[fault(killed=frozenset({7}))])
    assert (counted.ended_by_fault, counted.lost, counted.killed_busy) == (1, [], [])


@pytest.mark.parametrize(("away", "lost"), [(True, 0), (False, 1)])
def test_a_retry_that_its_worker_could_not_publish_was_never_accepted(away, lost):
    counted = judged(told("begin", 20), told("again", 21), kind="retried", windows=[fault(away=away)])
    assert (len(counted.lost), counted.ended_by_fault) == (lost, 1 - lost)


def test_a_second_try_is_no_second_run():
    tries = [told("begin", 11), told("again", 12), told("begin", 13, attempt=1), told("done", 14, attempt=1)]
    assert judged(*tries, kind="retried").run_twice == 0


def test_a_delivery_count_that_rises_without_a_fault_is_told_unless_the_task_waited_for_its_time():
    runs = [told("begin", 11, deliveries=1), told("done", 12)]
    assert len(judged(*runs).redelivered) == 1
    assert judged(*runs, countdown=True).redelivered == []
    assert judged(*runs, windows=[fault(9.0, returns=True)]).redelivered == []


def line(second, text):
    return f"2026-05-04 10:00:{second:02d},000 INFO {text}"


def found(*lines):
    return list(shrinks(lines))


LOG = (
    line(1, "a: wants 3 workers, has 1 (backlog_per_worker: 12 waiting)"),
    line(20, "a: wants 1 worker, has 3 (backlog_per_worker: 0 waiting)"),
    line(21, "a-03: draining (0 waiting)"),
)


def test_a_lowered_size_and_a_drain_are_shrinks_and_a_raised_size_is_none():
    first, second = found(*LOG)
    assert (first.fleet, first.wanted) == ("a", 1)
    assert (second.fleet, second.wanted, second.at - first.at) == ("a", None, 1.0)


def test_a_shrink_on_unknown_is_wrong():
    shrink = found(LOG[0], line(20, "a: wants 1 worker, has 3 (unknown: 1 thing unknown)"))
    assert "decided on unknown" in wrong(shrink, [], {}, 4)[0]


def test_a_shrink_while_nothing_can_be_seen_is_wrong():
    both = found(*LOG)
    blind = Window("dark", both[0].at - 10, both[0].at + 5, None, blind=True)
    assert len(wrong(both, [blind], {}, 4)) == 2
    assert wrong(both, [Window("seen", blind.began, blind.ended, None)], {}, 4) == []


@pytest.mark.parametrize(("waited", "wrongly"), [(30, 1), (5, 0)])
def test_a_shrink_below_what_was_waiting_all_the_time_is_wrong(waited, wrongly):
    both = found(*LOG)
    counts = [Counted(both[0].at - age, waited) for age in (5, 4, 3, 2, 1)]
    assert len(wrong(both, [], {"a": counts}, 4)) == wrongly
    assert wrong(both, [], {"a": [*counts, Counted(both[0].at, 0)]}, 4) == []


def gives_up(at):
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
    return f"[{stamp},500: CRITICAL/MainProcess] Unrecoverable error: ConcurrentObjectUseError('x')\n"


def test_an_unrecoverable_error_is_read_with_its_time():
    assert said("[2026-05-04 10:00:00,000: INFO/MainProcess] Unrecoverable error\n") is None
    assert said(gives_up(1_700_000_000) + gives_up(1_700_000_007)) == 1_700_000_007.5


@pytest.mark.parametrize(("said_after_start", "stuck"), [(60, True), (-60, False)])
def test_a_worker_that_outlives_an_unrecoverable_error_is_ended_and_its_successor_is_not(
    tmp_path, said_after_start, stuck
):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as worker:
        at = int(time.time()) + said_after_start
        (tmp_path / "a-01.log").write_text(gives_up(at))
        watch = StuckWorkers(tmp_path, lambda: {"a-01": [worker.pid]})
        assert watch.end(at + 1) == []
        ended = watch.end(at + GRACE + 1)
        assert [window.killed for window in ended] == [frozenset({worker.pid})] * stuck
        assert watch.end(at + GRACE + 2) == []
        worker.kill()
