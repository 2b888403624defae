"""Reading a load from a CSV file."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoscaler.errors import TraceError
from autoscaler.tools.simulate.load import Load, fixed
from autoscaler.tools.simulate.traces import read_trace


def read(folder: Path, text: str, seed: int = 0) -> Load:
    path = folder / "trace.csv"
    path.write_text(text, encoding="utf-8")
    return read_trace(path, seed, fixed(2.0))


def test_arrivals_with_their_service_times(tmp_path: Path) -> None:
    load = read(tmp_path, "arrival,service_time\n100,1.5\n101.5,2\n\n")
    assert load.arrivals == (0.0, 1.5)
    assert load.services == (1.5, 2.0)


def test_arrivals_without_service_times_get_the_given_one(tmp_path: Path) -> None:
    load = read(tmp_path, "arrival\n2026-01-01T00:00:00Z\n2026-01-01 00:01:00\n")
    assert load.arrivals == (0.0, 60.0)
    assert load.services == (2.0, 2.0)


def test_counts_are_spread_over_their_period_by_the_seed(tmp_path: Path) -> None:
    text = "period_start,count\n2026-01-01 00:00,3\n2026-01-01 00:01,0\n2026-01-01 00:03,2.0\n"
    load = read(tmp_path, text)
    assert [int(time // 60) for time in load.arrivals] == [0, 0, 0, 3, 3]
    assert list(load.arrivals) == sorted(load.arrivals)
    assert load.duration == 240.0
    assert load == read(tmp_path, text)
    assert load != read(tmp_path, text, seed=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: the header is ''"),
        ("time,value\n1,2\n", ":1: the header is 'time,value'; it must be"),
        ("arrival\n", ":1: there is no line after the header"),
        ("arrival\n1\nsoon\n", ":3: 'soon' is not a time"),
        ("arrival\n1\nnan\n", ":3: 'nan' is not a time"),
        ("arrival\n5\n4\n", ":3: '4' is before the line above"),
        ("arrival,service_time\n1\n", ":2: has 1 values; the header names 2"),
        ("arrival,service_time\n1,0\n", ":2: service_time '0' must be more than 0"),
        ("arrival,service_time\n1,inf\n", ":2: 'inf' is not a finite number"),
        ("arrival,service_time\n1,x\n", ":2: 'x' is not a number"),
        ("period_start,count\n0,1\n", ":2: the first two lines must have different times"),
        ("period_start,count\n0,1\n60,-1\n", ":3: count '-1' must be a whole number"),
        ("period_start,count\n0,1\n60,1.5\n", ":3: count '1.5' must be a whole number"),
        ("period_start,count\n0,1\n60,1\n90,1\n", ":4: begins 30 s after the line above; a period is 60 s"),
        ("period_start,count\n0,1\n60,9e9\n", "at most 5000000 can be simulated"),
    ],
)
def test_a_bad_trace_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TraceError) as error:
        read(tmp_path, text)
    assert f"{tmp_path / 'trace.csv'}:" in str(error.value)
    assert message in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"nowhere\.csv:1: cannot be read"):
        read_trace(tmp_path / "nowhere.csv", 0, fixed(1.0))


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bytes.csv"
    path.write_bytes(b"arrival\n\xff\xfe\n")
    with pytest.raises(TraceError, match="cannot be read as CSV"):
        read_trace(path, 0, fixed(1.0))
