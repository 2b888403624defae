"""The `autoscaler` command: one module per command, imported when the command runs.

Exit codes: 0 fine, 1 failed, 2 wrong usage, 3 config invalid, 4 daemon not running,
5 a service cannot be reached.
"""

from autoscaler.cli.group import main as main
