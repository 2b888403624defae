"""The test matrix: the tests on every Python, Debian, RabbitMQ and Celery that docs/supported.md names.

A program, not tests: `scripts/test-matrix` prepares bare Debian trees and runs it.
"""
