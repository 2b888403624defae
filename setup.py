"""Installs the `autoscaler` package and command; the metadata is in pyproject.toml."""

from setuptools import setup

setup()
