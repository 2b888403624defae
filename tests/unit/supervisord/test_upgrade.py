"""An upgrade restarts no worker: what is written for the same settings is what earlier releases wrote.

A worker is replaced where its section differs from what its fleet's settings give. So a change here rolls
every fleet of every user once, one drained worker at a time. If that has to be, say so at the top of the
changelog.
"""

from __future__ import annotations

from pathlib import Path

from autoscaler import config
from autoscaler.supervisord.program_file import ProgramFile, render
from autoscaler.workers.program import worker_program

CONFIG = """
broker: {url: "amqp://localhost"}
state_dir: /var/lib/autoscaler
fleets:
  plain:
    app: shop.tasks
    user: shop
    queues: [emails]
    concurrency: 4
    min_workers: 2
    max_workers: 2
  full:
    app: shop.tasks:app
    celery: /srv/my shop/bin/celery
    directory: /srv/my shop
    user: shop
    environment: {LANG: C.UTF-8, PERCENT: "100%"}
    options: [--prefetch-multiplier=1, "-O", fair]
    log_dir: /var/log/shop
    pool: threads
    queues: [emails, news letters]
    concurrency: 8
    drain_timeout: 90m
    min_workers: 2
    max_workers: 2
"""

#: What 0.1.0 wrote for these fleets.
WRITTEN = Path(__file__).with_name("programs_of_0.1.0.conf")


def test_the_same_settings_are_written_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "autoscaler.yaml"
    path.write_text(CONFIG)
    settings = config.load(path, {})
    programs = {
        f"{name}-01": render(worker_program(settings, fleet, f"{name}-01", "shop1"))
        for name, fleet in settings.fleets.items()
    }
    assert ProgramFile(WRITTEN).read() == programs
    new = ProgramFile(tmp_path / "autoscaler.conf")
    new.write(programs)
    assert new.path.read_text() == WRITTEN.read_text()
