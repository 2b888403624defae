"""What a tick observes: queues, workers, the host and celery beats. All I/O, no decisions."""
