"""The study as Markdown, CSV and a picture."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean, stdev

from autoscaler.tools.simulate.setting import Setting
from benchmarks.policies.candidates import BESIDE, FLAGSHIP, OURS
from benchmarks.policies.study import ALLOWED, Study, Tried

#: Student's t, two-sided 95 %, by degrees of freedom; beyond the table the normal one.
_T = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26, 10: 2.23, 11: 2.20}


def interval(values: Sequence[float]) -> float:
    """Half the width of the mean's 95 % confidence interval; nan of fewer than two values."""
    if len(values) < 2:
        return math.nan
    return _T.get(len(values) - 1, 1.96) * stdev(values) / math.sqrt(len(values))


def best_peer(study: Study) -> Tried | None:
    """The cheapest peer that keeps the wait on the report loads."""
    peers = [tried for tried in study.chosen if tried.candidate.policy not in OURS | BESIDE]
    keeping = [tried for tried in peers if tried.violations <= ALLOWED]
    return min(keeping, key=lambda tried: tried.worker_seconds, default=None)


def flagship(study: Study) -> Tried:
    """What this product does where its user says nothing but the wait."""
    return next(tried for tried in study.chosen if tried.candidate.policy == FLAGSHIP)


Point = tuple[str, str, str, str, str]


def points(path: Path) -> set[Point]:
    """The (workload, wait, start, max, lag) that a CSV file has, as they stand in it."""
    if not path.exists():
        return set()
    with path.open(newline="", encoding="utf-8") as file:
        return {(row[0], row[1], row[2], row[3], row[4]) for row in list(csv.reader(file))[1:] if row}


def point(workload: str, setting: Setting) -> Point:
    """The same of one that is to be run."""
    wait, start, most, lag = setting.wait, setting.start_time, setting.max_workers, setting.lag
    return (workload, str(wait), str(start), str(most), str(lag))


def append_csv(path: Path, study: Study) -> None:
    """Add a study to a file, and the header to a new one."""
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([_COLUMNS] if new else [])
        writer.writerows(_line(study, tried) for tried in study.chosen)


def grid_markdown(path: Path) -> str:
    """What the grid's file says of the flagship, a line a point."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lines = [
        "# The grid, as far as it was run",
        "",
        "Written by `python -m benchmarks.policies --full`; every policy is in full.csv. ± is the 95 %",
        "confidence interval over the loads. The peer is the cheapest tuned one with at most 1 % too late.",
        "",
        "| workload | W | B | max | lag | too late | cost | cost / bound | peer | cost / its cost | starts |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *map(_grid_line, _by_point(rows)),
        "",
    ]
    return "\n".join(lines)


def _by_point(rows: list[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    keys = [tuple(row[column] for column in _COLUMNS[:5]) for row in rows]
    for key in dict.fromkeys(keys):
        yield [row for row, its in zip(rows, keys, strict=True) if its == key]


def _grid_line(rows: list[dict[str, str]]) -> str:
    ours = next(row for row in rows if row["policy"] == FLAGSHIP)
    others = [row for row in rows if row["policy"] not in OURS | BESIDE]
    keeping = [row for row in others if float(row["violations"]) <= ALLOWED]
    peer = min(keeping, key=lambda row: float(row["worker_hours"]), default=None)
    share = float(ours["worker_hours"]) / float(peer["worker_hours"]) if peer else math.nan
    cells = (
        *(ours[column] for column in _COLUMNS[:5]),
        f"{float(ours['violations']):.2%} ± {float(ours['violations_ci95']):.2%}",
        f"{float(ours['cost']):.2f} ± {float(ours['cost_ci95']):.2f}",
        f"{float(ours['to_bound']):.2f}",
        f"{peer['policy']} ({peer['setting']})" if peer else "none",
        f"{share:.2f}",
        f"{float(ours['starts']):.0f}" + (f" / {float(peer['starts']):.0f}" if peer else ""),
    )
    return _cells(cells)


def write_csv(path: Path, studies: Sequence[Study]) -> None:
    """One line a workload and policy."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for study in studies:
            for tried in study.chosen:
                writer.writerow(_line(study, tried))


_COLUMNS = (
    "workload", "wait_s", "start_s", "max_workers", "lag_s", "policy", "setting", "loads", "violations",
    "violations_ci95", "worker_hours", "cost", "cost_ci95",
    "to_bound", "p50_s", "p95_s", "p99_s", "starts", "peak",
    "killed", "under_accuracy", "under_time", "over_accuracy", "over_time", "instability",
)  # fmt: skip


def _line(study: Study, tried: Tried) -> list[object]:
    setting, runs = study.setting, tried.outcomes
    figures = (
        tried.violations,
        interval([run.violations for run in runs]),
        tried.worker_seconds / 3600,
        tried.cost,
        interval([run.cost for run in runs]),
        tried.worker_seconds / study.least if study.possible and study.least else math.nan,
        fmean(run.wait_p50 for run in runs),
        fmean(run.wait_p95 for run in runs),
        fmean(run.wait_p99 for run in runs),
        tried.starts,
        max(run.peak for run in runs),
        sum(run.killed for run in runs),
        fmean(run.elasticity.under_accuracy for run in runs),
        fmean(run.elasticity.under_time for run in runs),
        fmean(run.elasticity.over_accuracy for run in runs),
        fmean(run.elasticity.over_time for run in runs),
        fmean(run.elasticity.instability for run in runs),
    )
    place = (study.workload.name, setting.wait, setting.start_time, setting.max_workers, setting.lag)
    name = (tried.candidate.policy, tried.candidate.setting, len(runs))
    return [*place, *name, *(f"{figure:.5g}" for figure in figures)]


def markdown(studies: Sequence[Study], missing: Sequence[str]) -> str:
    """The verdict first, then every policy on every workload."""
    lines = [
        "# Policies, measured",
        "",
        "Written by `python -m benchmarks.policies`; how it measures stands in [README.md](../README.md).",
        "",
        *_verdicts(studies),
        "",
        *(f"- {word}" for word in missing),
        "",
    ]
    for study in studies:
        lines += [*_section(study), ""]
    return "\n".join(lines)


_VERDICT = (
    "workload",
    "W, B, max",
    "too late",
    "cost / bound",
    "best tuned peer with ≤ 1 %",
    "cost / its cost",
    "starts / its starts",
    "met",
)


def _verdicts(studies: Sequence[Study]) -> Iterator[str]:
    yield "`max_wait`, given the wanted wait and nothing else, on loads that nothing was tuned on:"
    yield ""
    yield _cells(_VERDICT)
    yield _cells(["---"] * len(_VERDICT))
    for study in studies:
        yield _verdict(study)
    yield ""
    yield (
        "Met: at most 1 % too late where that is possible, at most 0.9 of the worker-hours of that peer, no "
        "more starts than it, and on smooth loads at most 1.25 of the clairvoyant bound."
    )


def _verdict(study: Study) -> str:
    ours, peer = flagship(study), best_peer(study)
    bound = ours.worker_seconds / study.least if study.possible and study.least else math.nan
    cost = ours.worker_seconds / peer.worker_seconds if peer else math.nan
    starts = ours.starts / peer.starts if peer and peer.starts else math.nan
    cells = (
        study.workload.name + (" (smooth)" if study.workload.smooth else ""),
        _setting(study),
        f"{ours.violations:.2%}",
        f"{bound:.2f}",
        f"{peer.candidate.policy} ({peer.candidate.setting})" if peer else "none",
        f"{cost:.2f}" if peer else "-",
        f"{ours.starts:.0f} / {peer.starts:.0f} = {starts:.2f}" if peer else "-",
        "; ".join(_missed(study, bound, cost, starts)) or "yes",
    )
    return _cells(cells)


def _missed(study: Study, bound: float, cost: float, starts: float) -> Iterator[str]:
    if study.possible and flagship(study).violations > ALLOWED:
        yield "no: too late"
    if not study.possible:
        yield "the wait is not possible"
    if cost > 0.9:
        yield "no: dearer than 0.9" if cost <= 1 else "no: the peer is cheaper"
    if starts > 1.0:
        yield "no: more starts"
    if study.workload.smooth and bound > 1.25:
        yield "no: beyond the bound"


_HEADERS = (
    *("policy", "tuned setting", "too late", "cost", "cost / bound"),
    *("p50", "p95", "p99", "starts", "peak", "killed"),
)


def _section(study: Study) -> Iterator[str]:
    yield f"## {study.workload.name}, {_setting(study)}"
    yield ""
    if study.possible:
        starts = fmean(bound.starts for bound in study.bounds)
        yield f"Clairvoyant bound: {study.least / 3600:.2f} worker-hours, {starts:.0f} starts a load."
        if study.impossible:
            yield f"Left out, since nobody could keep the wait on them: {study.impossible} loads."
    else:
        yield "No scaler can let every task start in time with so many workers."
    yield ""
    yield _cells(_HEADERS)
    yield _cells(["---"] * len(_HEADERS))
    for tried in sorted(study.chosen, key=lambda tried: (tried.violations > ALLOWED, tried.worker_seconds)):
        yield _cells(tuple(_row(study, tried)))


def _row(study: Study, tried: Tried) -> Iterator[str]:
    runs = tried.outcomes
    bound = tried.worker_seconds / study.least if study.possible and study.least else math.nan
    yield f"**{tried.candidate.policy}**" if tried.candidate.policy in OURS else tried.candidate.policy
    yield tried.candidate.setting
    yield f"{tried.violations:.2%} ± {interval([run.violations for run in runs]):.2%}"
    yield f"{tried.cost:.2f} ± {interval([run.cost for run in runs]):.2f}"
    yield f"{bound:.2f}"
    for waits in zip(*((run.wait_p50, run.wait_p95, run.wait_p99) for run in runs), strict=True):
        yield f"{fmean(waits):.1f} s"
    yield f"{tried.starts:.0f}"
    yield f"{max(run.peak for run in runs)}"
    yield f"{sum(run.killed for run in runs)}"


def _setting(study: Study) -> str:
    setting = study.setting
    lag = f", lag {setting.lag:g} s" if setting.lag else ""
    return f"{setting.wait:g} s, {setting.start_time:g} s, {setting.max_workers}{lag}"


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
