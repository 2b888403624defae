"""The workers: their states, drains, orphans, and the steps of one tick."""
