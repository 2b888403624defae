"""The store: one SQLite database in the state folder.

    workers     what each worker was when it was seen last (which process has answered)
    drains      the drain journal: who is leaving, or being taken back, and why
    singletons  what we have done to each singleton, and how often it died
    memory      each fleet's memory for its next decision
    tracks      what was measured of each fleet; written now and then only
    holds       what operators ordered for fleets; worker_holds: for single workers
    decisions   each decision that differs from the one before it
    samples     one row a fleet every ten seconds
    minutes     one row a fleet every minute: tasks published and slots in use, and what was expected

A killed daemon loses at most the tick that it was in, and a few seconds of what it measured: every step
on a worker is journalled before it is taken (write-ahead log, so a commit survives the process; a power
cut ends the workers too).

    lock.py      one daemon a state folder
    schema.py    the tables, and the way to them from older releases
    database.py  SQLite: transactions, errors in words
    rescue.py    a damaged database, moved aside and read as far as it goes
    journal.py   drains, workers and singletons
    holds.py     the holds of fleets and of single workers
    memories.py  memory and tracks, and reading tracks beside the daemon
    record.py    samples, minutes and decisions, and their clean-up
    history.py   reading samples and decisions beside the daemon
    store.py     all of it as the loop uses it
"""

from autoscaler.store.lock import Lock
from autoscaler.store.memories import TRACKS_PERIOD, stored_tracks
from autoscaler.store.record import CLEANUP_PERIOD, CLEANUP_ROWS, KEPT, SAMPLE_PERIOD
from autoscaler.store.schema import DATABASE, SCHEMA_VERSION
from autoscaler.store.store import Store

__all__ = [
    "CLEANUP_PERIOD",
    "CLEANUP_ROWS",
    "DATABASE",
    "KEPT",
    "SAMPLE_PERIOD",
    "SCHEMA_VERSION",
    "TRACKS_PERIOD",
    "Lock",
    "Store",
    "stored_tracks",
]
