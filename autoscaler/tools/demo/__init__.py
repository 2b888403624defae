"""`autoscaler demo`, and the private services that the tests also use."""
