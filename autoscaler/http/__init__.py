"""The console over HTTP: API, stream, metrics and dashboard, and the API's client."""
