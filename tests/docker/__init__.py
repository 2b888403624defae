"""The example in deploy/docker, carried out without a container engine. `scripts/test-docker` runs it."""
