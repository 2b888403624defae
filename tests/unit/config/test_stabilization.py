"""How long a fleet looks back before it shrinks, where its config does not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoscaler import config

MAX_WAIT = "max_wait: 30s"
SCHEDULE = 'schedule: [{cron: "0 8 * * *", for: 1h, min_workers: 2}]'
BACKLOG = "backlog_per_worker: 8"


@pytest.mark.parametrize(
    ("scale", "more", "seconds"),
    [
        (MAX_WAIT, "", 0.0),
        (f"{MAX_WAIT}, {SCHEDULE}", "", 0.0),
        (f"{MAX_WAIT}, {BACKLOG}", "", 60.0),
        (BACKLOG, "", 60.0),
        (SCHEDULE, "", 60.0),
        (MAX_WAIT, ", stabilization: 5s", 5.0),
    ],
)
def test_max_wait_alone_looks_back_by_itself(tmp_path: Path, scale: str, more: str, seconds: float) -> None:
    path = tmp_path / "autoscaler.yaml"
    fleet = f"{{app: a.b, queues: [q], concurrency: 1, max_workers: 9, scale: {{{scale}}}{more}}}"
    path.write_text(f"broker: {{url: 'amqp://h//'}}\nfleets: {{emails: {fleet}}}\n", encoding="utf-8")
    assert config.load(path, {}).fleets["emails"].scaling.stabilization == seconds
