"""Connections with deadlines: the broker, Celery's remote control, HTTP."""
