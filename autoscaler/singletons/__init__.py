"""Singletons, which run exactly once: their states, and the steps of one tick."""
