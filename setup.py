"""Installs the `autoscaler` package and command; the metadata is in pyproject.toml."""

from setuptools import find_packages, setup

# `examples` and `deploy` stand at the top of the tree for its readers, and inside the package once installed.
setup(packages=[*find_packages(include=["autoscaler*"]), "autoscaler.examples", "autoscaler.deploy"])
