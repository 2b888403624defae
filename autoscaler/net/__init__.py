"""Connections on which nothing waits for ever: the broker, Celery's remote control, HTTP."""
