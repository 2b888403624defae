"""The benchmark's week of recorded jobs: read from Parquet, made into loads with the same tail."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("numpy", reason="the extra `benchmarks` is not installed")
surf = pytest.importorskip("benchmarks.policies.surf", reason="run from the project's folder")
workloads = import_module("benchmarks.policies.workloads")

#: Midnight of October 10th, 2022, where the jobs were recorded.
MIDNIGHT = 1665352800.0
HOUR = 3600.0


def job(hours: float, runs: float) -> surf.Job:
    return surf.Job(MIDNIGHT + hours * HOUR, runs)


def test_a_day_is_an_hour_and_jobs_run_shorter() -> None:
    load = surf.one_day([job(0, 30.0), job(12, 4800.0), job(23.999, 432000.0)], 10)
    assert load.duration == HOUR
    assert load.arrivals == pytest.approx((0.0, 1800.0, 3599.85))
    assert load.services == pytest.approx((0.625, 100.0, 9000.0))


def test_jobs_of_other_days_are_left_out() -> None:
    assert surf.one_day([job(-1, 30.0), job(24, 30.0)], 10).arrivals == ()


def test_what_runs_from_the_day_before_comes_first_with_what_is_left() -> None:
    load = surf.one_day([job(-24, 200000.0), job(-0.01, 30.0), job(1, 30.0)], 10)
    assert load.arrivals == pytest.approx((0.0, 150.0))
    assert load.services == pytest.approx((200000.0 / 48 - 3600.0, 0.625))


def test_what_runs_beyond_the_day_is_left_for_the_next() -> None:
    assert surf.one_day([job(23, 20000.0)], 10).goes_on


def test_each_job_is_in_one_part_and_always_in_the_same() -> None:
    jobs = [job(each / 60, 30.0) for each in range(600)]
    parts = surf.dealt(jobs)
    assert parts == surf.dealt(jobs)
    assert sorted((each for part in parts for each in part), key=lambda each: each.begin) == jobs[1:]
    assert all(list(part) == sorted(part, key=lambda each: each.begin) for part in parts)
    assert all(150 < len(part) < 250 for part in parts)


def test_jobs_that_ran_when_the_recording_began_are_left_out() -> None:
    jobs = [job(0, 90000.0)] * 100 + [job(1, 30.0)]
    assert [each for part in surf.dealt(jobs) for each in part] == [job(1, 30.0)]


def test_no_job_is_judged_on_that_was_tuned_on() -> None:
    assert not set(surf.ODD_DAYS) & set(surf.EVEN_DAYS)


# --- the file ---


def found(traces: Path) -> tuple[list[str], str]:
    """The workloads by name, and what is said of this one."""
    names, missing = workloads.workloads(traces)
    return [each.name for each in names], "".join(word for word in missing if word.startswith("surf"))


def test_without_the_file_it_is_skipped_and_said(tmp_path: Path) -> None:
    names, word = found(tmp_path)
    assert "surf" not in names
    assert word == f"surf: skipped, there is no surf_week.parquet in {tmp_path}"


def test_without_the_extra_it_is_skipped_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "arro3.io", None)
    (tmp_path / surf.FILE).write_bytes(b"PAR1")
    names, word = found(tmp_path)
    assert "surf" not in names
    assert word.startswith("surf: skipped, ")
    assert "arro3.io" in word
    assert word.endswith("pip install -e '.[parquet]' brings it")


def test_jobs_are_read_in_the_order_of_their_beginning(tmp_path: Path, need_parquet: None) -> None:
    path = written(tmp_path, [MIDNIGHT + 7200, MIDNIGHT, MIDNIGHT + 7200], [30.0, 432030.0, 60.0])
    assert surf.read_jobs(path) == (job(0, 432030.0), job(2, 30.0), job(2, 60.0))


def test_a_file_makes_loads_to_tune_on_and_others_to_be_judged_on(tmp_path: Path, need_parquet: None) -> None:
    begins = [MIDNIGHT + (24 * day + each / 4) * HOUR for day in range(-3, 4) for each in range(96)]
    written(tmp_path, begins, [30.0 + each for each in range(len(begins))])
    workload = next(each for each in workloads.workloads(tmp_path)[0] if each.name == "surf")
    tune, report = ([make() for make in makers] for makers in (workload.tune, workload.report))
    assert len(tune) == 4
    assert sum(len(load.arrivals) for load in report) == 3 * 96
    assert report == [make() for make in workload.report]


def written(folder: Path, begins: list[float], runs: list[float]) -> Path:
    """A file as the recorded one is: times in whole milliseconds."""
    core, parquet = import_module("arro3.core"), import_module("arro3.io")
    columns = {"submission_time": begins, "duration": runs}
    whole = core.DataType.int64()
    arrays = {
        name: core.Array([round(value * 1000) for value in values], whole) for name, values in columns.items()
    }
    path = folder / surf.FILE
    parquet.write_parquet(core.Table.from_pydict(arrays), path)
    return path
