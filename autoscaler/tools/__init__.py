"""Tools outside the running daemon: doctor, takeover, install, simulate, demo."""
