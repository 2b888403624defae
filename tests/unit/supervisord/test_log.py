"""supervisord's log tells a restart and a clean end from a crash."""

from __future__ import annotations

import pytest

from autoscaler.supervisord.log import ended_well

#: As supervisor 4.3.0 writes them.
RESTARTED = """\
2025-05-17 10:00:00,101 INFO waiting for emails-01 to stop
2025-05-17 10:00:01,512 INFO stopped: emails-01 (exit status 0)
2025-05-17 10:00:01,518 INFO spawned: 'emails-01' with pid 4802
2025-05-17 10:00:06,530 INFO success: emails-01 entered RUNNING state
"""
SHUT_DOWN = """\
2025-05-17 10:00:01,512 INFO exited: emails-01 (exit status 0; expected)
2025-05-17 10:00:02,518 INFO spawned: 'emails-01' with pid 4802
"""
CRASHED = """\
2025-05-17 10:00:01,512 WARN exited: emails-01 (exit status 1; not expected)
2025-05-17 10:00:02,518 INFO spawned: 'emails-01' with pid 4802
"""
KILLED = CRASHED.replace("exit status 1", "terminated by SIGKILL")
#: supervisord itself got tired of waiting for one that was to stop.
STOPPED_HARD = RESTARTED.replace("exit status 0", "terminated by SIGKILL")
#: It ended within startsecs, with exit status 0.
TOO_QUICK = CRASHED.replace("exit status 1", "exit status 0")
FIRST = "2025-05-17 10:00:02,518 INFO spawned: 'emails-01' with pid 4802\n"


@pytest.mark.parametrize(
    ("log", "well"),
    [
        (RESTARTED, {4802}),
        (SHUT_DOWN, {4802}),
        (STOPPED_HARD, {4802}),
        (CRASHED, set()),
        (KILLED, set()),
        (TOO_QUICK, set()),
        (FIRST, set()),
        ("", set()),
        # Only the end just before counts, and only one of the same program.
        (SHUT_DOWN + CRASHED.replace("4802", "4810"), {4802}),
        (CRASHED + SHUT_DOWN.replace("4802", "4810"), {4810}),
        (SHUT_DOWN.replace("emails-01 (", "emails-02 ("), set()),
        (SHUT_DOWN + FIRST.replace("4802", "4811"), {4802}),
        # What a program writes is no word of supervisord's.
        (CRASHED.replace("2025", "'x' stderr output: exited: emails-01 (; expected)\n2025"), set()),
        (CRASHED.replace("WARN", "DEBG output: x (INFO stopped: emails-01 (x)\n2025 1 WARN"), set()),
        (SHUT_DOWN.replace("4802", "9" * 5000), set()),
        # What is cut off tells nothing.
        (SHUT_DOWN[60:], set()),
        (RESTARTED[: RESTARTED.index("4802")], set()),
    ],
)
def test_a_restart_and_a_clean_end_are_told_from_a_crash(log, well):
    assert ended_well(log) == well
