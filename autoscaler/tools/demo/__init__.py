"""`autoscaler demo`, and the private services that it shares with the tests."""
