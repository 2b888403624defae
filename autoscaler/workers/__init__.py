"""The life of a worker: its states, drains, orphans, and the steps of one tick."""
