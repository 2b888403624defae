"""supervisord, where the workers run: its RPC interface, the programs file, and reloads."""
