"""The console: API, stream, metrics and dashboard over HTTP, and the client of it."""
