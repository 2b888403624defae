"""Which source is asked, and what is said when both fail."""

from __future__ import annotations

from collections.abc import Collection

from autoscaler.model import Known, QueueStats, Reading, Unknown
from autoscaler.net.deadline import Deadline
from autoscaler.observe.queues import FallingBack, NoSuchQueue

SOON = Deadline.within(10.0)


class Told:
    """A source with fixed answers; anything else is unknown."""

    def __init__(self, error: str = "away", **readings: Reading[QueueStats]) -> None:
        self.error = error
        self.readings = readings
        self.asked: list[list[str]] = []
        self.closed = False

    def queues(self, names: Collection[str], deadline: Deadline) -> dict[str, Reading[QueueStats]]:
        self.asked.append(sorted(names))
        return {name: self.readings.get(name, Unknown(self.error, 1.0)) for name in names}

    def close(self) -> None:
        self.closed = True


def known(name: str, ready: int, unacknowledged: int | None = None) -> Known[QueueStats]:
    return Known(QueueStats(name, ready, unacknowledged), at=1.0)


def test_the_second_source_is_not_asked_what_the_first_has_told() -> None:
    first, second = Told(a=known("a", 1, 2)), Told(b=known("b", 3))
    assert FallingBack(first, second).queues(["a", "b"], SOON) == {"a": known("a", 1, 2), "b": known("b", 3)}
    assert second.asked == [["b"]]


def test_a_queue_that_the_first_source_says_does_not_exist_needs_no_second_try() -> None:
    gone = NoSuchQueue("queue 'a' does not exist", 1.0)
    first, second = Told(a=gone), Told(a=known("a", 0))
    assert FallingBack(first, second).queues(["a"], SOON) == {"a": gone}
    assert second.asked == []


def test_both_failures_are_named_when_both_sources_fail() -> None:
    reading = FallingBack(Told("no API"), Told("no broker")).queues(["a"], SOON)["a"]
    assert isinstance(reading, Unknown)
    assert "no API" in reading.error
    assert "no broker" in reading.error


def test_a_missing_queue_stays_a_missing_queue_when_only_the_second_source_could_tell() -> None:
    second = Told(a=NoSuchQueue("queue 'a' does not exist", 2.0))
    reading = FallingBack(Told("no API"), second).queues(["a"], SOON)["a"]
    assert isinstance(reading, NoSuchQueue)
    assert "no API" in reading.error


def test_without_a_first_source_the_second_one_is_asked_everything() -> None:
    assert FallingBack(None, Told(a=known("a", 1))).queues(["a"], SOON) == {"a": known("a", 1)}
    assert FallingBack(None, Told("no broker")).queues(["a"], SOON) == {"a": Unknown("no broker", 1.0)}


def test_closing_closes_both() -> None:
    first, second = Told(), Told()
    FallingBack(first, second).close()
    FallingBack(None, second).close()
    assert first.closed
    assert second.closed
