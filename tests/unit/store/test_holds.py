"""The holds in the database: one row of JSON, whose shape is older than their kinds."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from autoscaler.model import FixedSize, Paused, Stopped
from autoscaler.store import DATABASE, Store

TERMS = {"by": "alice", "reason": "sale", "since": 5.0, "until": 9.0}
PLAIN = {**TERMS, "stopped": False, "boot": "", "beneath": None}


@pytest.mark.parametrize(
    ("hold", "row"),
    [
        (Paused(**TERMS), {"workers": None, **PLAIN}),
        (FixedSize(3, **TERMS), {"workers": 3, **PLAIN}),
        (FixedSize(0, **TERMS), {"workers": 0, **PLAIN}),
        (Stopped(**TERMS), {"workers": 0, **PLAIN, "stopped": True}),
        (
            Stopped(**TERMS, boot="7", beneath=FixedSize(3, **TERMS)),
            {
                "workers": 0,
                **PLAIN,
                "stopped": True,
                "boot": "7",
                "beneath": {"workers": 3, **PLAIN},
            },
        ),
    ],
)
def test_a_hold_of_each_kind_is_stored_in_one_shape_and_read_from_it(tmp_path, hold, row):
    with closing(Store(tmp_path)) as store:
        store.put_hold("emails", hold)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database:
        ((value,),) = database.execute("SELECT value FROM holds").fetchall()
    assert json.loads(value) == row
    with closing(Store(tmp_path)) as store:
        assert store.holds() == {"emails": hold}


def test_a_row_of_a_release_that_knew_no_boots_is_read(tmp_path):
    Store(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database, database:
        database.execute("""INSERT INTO holds VALUES ('emails', '{"workers": null, "by": "alice"}')""")
    with closing(Store(tmp_path)) as store:
        assert store.holds() == {"emails": Paused(by="alice")}
