"""Cost at equal violations: one small picture a workload."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.policies.candidates import FLAGSHIP
from benchmarks.policies.study import ALLOWED, Study, Tried

_MARKS = {
    FLAGSHIP: ("*", "#D55E00"),
    "max_wait tuned": ("o", "#D55E00"),
    "backlog_per_worker": ("o", "#E69F00"),
    "keda": ("s", "#0072B2"),
    "celery": ("^", "#009E73"),
    "aws": ("v", "#CC79A7"),
    "threshold": ("D", "#56B4E9"),
    "laravel": ("P", "#000000"),
    "fixed": ("x", "#999999"),
}
#: Violations below this are drawn at it: the axis is logarithmic.
_LEAST = 1e-4
#: Costs beyond so many times the least are left out of the picture.
_DEAREST = 4.0


def draw_curves(path: Path, studies: Sequence[Study]) -> None:
    """Every setting of every policy as a point, and a line along the cheapest ones of each policy."""
    columns = min(3, len(studies))
    rows = math.ceil(len(studies) / columns)
    figure = Figure(figsize=(5 * columns, 4 * rows + 0.8), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, study in zip(axes, studies, strict=False):
        _draw(axis, study)
    for axis in axes[len(studies) :]:
        axis.set_visible(False)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8)
    figure.suptitle("Cost at equal violations: the lower and the further left, the better")
    figure.savefig(path, dpi=110)


def _draw(axis: Any, study: Study) -> None:
    by_policy: dict[str, list[Tried]] = {}
    for tried in study.curve:
        by_policy.setdefault(tried.candidate.policy, []).append(tried)
    least = min((tried.cost for tried in study.curve if tried.cost > 0), default=1.0)
    for policy, (mark, colour) in _MARKS.items():
        points = sorted((max(t.violations, _LEAST), t.cost) for t in by_policy.get(policy, []))
        size = 14 if mark == "*" else 6
        xs, ys = [x for x, _ in points], [y for _, y in points]
        axis.plot(xs, ys, mark, color=colour, label=policy, ms=size, alpha=0.8)
        front = _front(points)
        axis.plot([x for x, _ in front], [y for _, y in front], "-", color=colour, lw=1, alpha=0.5)
    axis.axvline(ALLOWED, color="#888888", ls="--", lw=1)
    if study.possible:
        _bound(axis, study)
    axis.set_xscale("log")
    axis.set_ylim(min(1.0, least) * 0.97, least * _DEAREST)
    axis.set_title(
        f"{study.workload.name}, W = {study.setting.wait:g} s, B = {study.setting.start_time:g} s", fontsize=9
    )
    axis.set_xlabel("share of tasks too late (0.0001: none)", fontsize=8)
    axis.set_ylabel("worker-seconds / work", fontsize=8)
    axis.grid(alpha=0.3)


def _bound(axis: Any, study: Study) -> None:
    """The clairvoyant bound of the loads that are drawn."""
    drawn = study.curve[0].outcomes
    least = sum(bound.worker_seconds or 0.0 for bound in study.bounds[: len(drawn)])
    work = sum(outcome.work_seconds for outcome in drawn)
    axis.axhline(least / work, color="#444444", ls=":", lw=1, label="clairvoyant bound")


def _front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that no other one beats in both."""
    front: list[tuple[float, float]] = []
    for x, y in points:
        if not front or y < front[-1][1]:
            front.append((x, y))
    return front
