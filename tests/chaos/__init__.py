"""Faults injected into a whole system under load, and an independent observer that counts what becomes of it.

scripts/chaos [--for 50m] [--seed N] [--only FAULT,...]

theatre.py   one system: broker, proxies, supervisord, daemon, workers, load
faults.py    what is done to it, by name           (faults_*.py: by what they break)
proxies.py   the network between the daemon and the broker, and the management API, misbehaving on order
app.py       the tasks; each writes a line into the journal when it begins and when it ends
ledger.py    what became of every task, from the publisher and the journal alone; pure
stuck.py     workers whose process outlives an unrecoverable error of celery's: ended, and told
shrinks.py   which decisions to shrink were wrong, from the log and the observer's own counts; pure
report.py    the table
"""
