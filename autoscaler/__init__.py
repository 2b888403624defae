"""Keeps the right number of Celery workers running under supervisord."""

__version__ = "0.1.0"
