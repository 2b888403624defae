"""supervisord as the place where workers run: its RPC, our programs file, what a reload changes."""
