"""The sources of a tick: queues, workers, the host and celery beats. All I/O, no decisions."""
