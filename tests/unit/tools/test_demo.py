"""What the demo plans, counts and shows."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from autoscaler.errors import ServiceUnavailable
from autoscaler.examples import shop
from autoscaler.http.views import DemandView, FleetView
from autoscaler.model import Reason
from autoscaler.tools.demo.load import Entry, Tally, plan, read_journal, tally
from autoscaler.tools.demo.services import RabbitMQNode
from autoscaler.tools.demo.view import Moment, at_rest, line, screen, serving, summary, table


def entry(task: str, event: str, at: float, published_at: float | None = 0.0) -> Entry:
    return Entry(task, event, at, published_at, pid=1, node="emails-01@host", n=0)


def fleet(workers: dict[str, int] | None, *, unknown: tuple[str, ...] = (), demand: bool = True) -> FleetView:
    return FleetView(
        name="emails",
        queues=["emails"],
        min_workers=1,
        max_workers=6,
        concurrency=2,
        current=1,
        desired=3,
        recommended=3,
        workers=workers,
        demand=DemandView(ready=40, reserved=2, running=4, waiting=42, unknown=list(unknown))
        if demand
        else None,
        reasons=[Reason(code="max_workers", text="max_workers is 6, so not 8")],
        recommendations=[],
        trouble="",
        dry_run=False,
    )


def shown(what: object) -> str:
    console = Console(file=io.StringIO(), width=110)
    console.print(what)
    return console.file.getvalue()  # type: ignore[attr-defined]


@given(st.floats(0.1, 3600))
def test_the_load_starts_at_once_and_stops_half_way(duration: float) -> None:
    bursts = plan(duration)
    assert bursts[0].at == 1
    assert all(burst.at <= duration / 2 for burst in bursts[1:])


def test_a_task_is_lost_until_it_is_done() -> None:
    journal = [entry("a", "start", 1), entry("a", "done", 2), entry("b", "start", 5)]
    counted = tally({"a", "b", "c"}, journal)
    assert (counted.published, counted.done, counted.lost, counted.run_twice) == (3, 1, 2, 0)


def test_a_task_that_started_twice_is_done_once_and_waited_until_its_first_start() -> None:
    journal = [entry("a", "start", 3), entry("a", "start", 9), entry("a", "done", 10), entry("a", "done", 11)]
    assert tally({"a"}, journal) == Tally(published=1, done=1, run_twice=1, longest_wait=3)


def test_tasks_of_others_do_not_count() -> None:
    assert tally({"a"}, [entry("x", "start", 1), entry("x", "done", 2)]) == Tally(published=1)


def test_a_task_without_a_time_of_publishing_has_no_wait() -> None:
    assert tally({"a"}, [entry("a", "start", 1, published_at=None)]).longest_wait is None


def test_the_journal_is_read_as_the_example_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_journal(tmp_path / "journal") == []
    monkeypatch.setenv("SHOP_JOURNAL", str(tmp_path / "journal"))
    shop.send.apply(kwargs={"n": 7, "seconds": 0, "published_at": 12.5}, task_id="x")
    start, done = read_journal(tmp_path / "journal")
    assert (start.id, start.event, start.published_at, start.n) == ("x", "start", 12.5, 7)
    assert done.event == "done"
    assert done.at >= start.at


@pytest.mark.parametrize(
    ("workers", "rests"),
    [
        ({"running": 1}, True),
        ({"running": 1, "draining": 0}, True),
        ({"running": 1, "stopping": 1}, False),
        ({"running": 2}, False),
        ({}, False),
        (None, False),
    ],
)
def test_a_fleet_rests_when_only_its_smallest_size_is_left(
    workers: dict[str, int] | None, rests: bool
) -> None:
    assert at_rest(fleet(workers)) is rests


def test_a_line_tells_workers_demand_and_done() -> None:
    text = line(Moment(3.2, fleet({"running": 2, "starting": 1}), Tally(published=10, done=4)))
    assert text == "  3.2s  waiting 42, running 4; workers: 2 running, 1 starting; 4/10 done"


def test_unknown_is_shown_as_unknown_and_not_as_zero() -> None:
    assert "waiting ≥42" in line(Moment(0, fleet({}, unknown=("queue emails",)), Tally()))
    nothing = line(Moment(0, fleet(None, demand=False), Tally()))
    assert "waiting ?, running ?; workers: ?" in nothing
    assert "does not answer" in line(Moment(0, None, Tally()))
    assert "does not answer" in shown(table(Moment(0, None, Tally())))
    assert serving(None) == serving(fleet(None)) == 0


def test_the_table_shows_every_worker_and_the_last_reason() -> None:
    text = shown(table(Moment(3, fleet({"running": 2, "starting": 1, "failed": 1}), Tally(), "a[b]c")))
    assert "● ● ○ ✗" in text
    assert "max_workers is 6, so not 8" in text
    assert "a[b]c" in text


def test_the_summary_of_an_interrupted_demo_does_not_call_the_rest_lost() -> None:
    counts = Tally(published=5, done=3, longest_wait=1.25)
    assert "lost" in shown(summary(counts, 6, interrupted=False))
    interrupted = shown(summary(counts, 6, interrupted=True))
    assert "lost" not in interrupted
    assert "not done when stopped" in interrupted


def test_lines_are_printed_on_change_and_every_two_seconds_and_trouble_once() -> None:
    console = Console(file=io.StringIO(), width=200)
    with screen(console) as show:
        for elapsed, workers in ((0.0, 1), (0.5, 1), (1.0, 2), (1.5, 2), (3.0, 2)):
            show(Moment(elapsed, fleet({"running": workers}), Tally(), "the broker is away"))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert [each.split("s")[0].strip() for each in text.splitlines() if "waiting" in each] == [
        "0.0",
        "1.0",
        "3.0",
    ]
    assert text.count("the broker is away") == 1


def test_a_node_that_was_ended_for_good_does_not_start_again(tmp_path):
    node = RabbitMQNode(tmp_path / "mq")
    node.close()
    with pytest.raises(ServiceUnavailable, match="ended for good"):
        node.start()
    assert not node.folder.exists()
