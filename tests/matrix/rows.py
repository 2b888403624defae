"""The rows of the matrix, and what a row needs."""

from __future__ import annotations

from dataclasses import dataclass

_UNIT_AND_INTEGRATION = ("tests/unit", "tests/fuzz", "tests/integration")
#: All but the dashboard in a browser: Chromium is not in the trees.
_ACCEPTANCE = ("tests/acceptance", "--deselect=tests/acceptance/test_dashboard.py")
#: What depends on Celery: its remote control, its signals, its exit, its pools.
_CELERY = (
    "tests/integration/test_celery_workers.py",
    "tests/integration/test_kombu_queues.py",
    "tests/acceptance/test_main_job.py",
    "tests/acceptance/test_pools.py",
    "tests/acceptance/test_faults.py",
    "tests/acceptance/test_operators_hand.py",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a Debian suite, what is installed in it, and the tests that run there."""

    #: The name for `--only`.
    name: str
    title: str
    #: Debian's name of the suite: bookworm, trixie, forky.
    suite: str
    #: Arguments of pytest: paths and options.
    tests: tuple[str, ...]
    #: Version of a Python that the suite does not have, such as "3.12"; empty: the suite's own python3.
    python: str = ""
    #: Requirements for pip, over the newest versions.
    pins: tuple[str, ...] = ()
    #: Arguments of pytest in the short run for CI; empty: the row is no part of it.
    cut: tuple[str, ...] = ()


def _celery(version: str) -> Row:
    return Row(
        name=f"celery{version.replace('.', '')}",
        title=f"Celery {version}",
        suite="bookworm",
        tests=_CELERY,
        pins=(f"celery=={version}.*", f"kombu=={version}.*"),
    )


ROWS = (
    Row("py311", "Python 3.11", "bookworm", _UNIT_AND_INTEGRATION),
    Row("py312", "Python 3.12", "bookworm", _UNIT_AND_INTEGRATION, python="3.12"),
    Row("py313", "Python 3.13", "trixie", _UNIT_AND_INTEGRATION),
    Row("py314", "Python 3.14", "forky", _UNIT_AND_INTEGRATION, cut=("tests/unit",)),
    Row("debian12", "Debian 12", "bookworm", _ACCEPTANCE, pins=("supervisor==4.2.5",)),
    Row(
        "debian13",
        "Debian 13",
        "trixie",
        _ACCEPTANCE,
        pins=("supervisor==4.2.5",),
        cut=("tests/acceptance/test_main_job.py",),
    ),
    Row("rabbitmq43", "RabbitMQ 4.3", "forky", _ACCEPTANCE),
    _celery("5.4"),
    _celery("5.5"),
    _celery("5.6"),
    _celery("5.7"),
)
BY_NAME = {row.name: row for row in ROWS}
