"""The running daemon: one thread that observes, decides, acts and records, tick by tick."""
