"""What helps beside the running daemon: doctor, takeover, install, simulate, demo."""
