"""Other beats on the machine are found now and then, and never a process that has ended."""

from __future__ import annotations

import time

import psutil

from autoscaler.observe.beats import SCAN_PERIOD, Beats


class FakeProcess:
    def __init__(self, pid, command, *, age=60.0, parent=None, hidden=False):
        self.pid, self.command, self.age, self.parent, self.hidden = pid, command, age, parent, hidden
        self.alive = True

    def cmdline(self):
        if self.hidden:
            raise psutil.AccessDenied(self.pid)
        return self.command.split()

    def create_time(self):
        return time.time() - self.age

    def cwd(self):
        raise psutil.AccessDenied(self.pid)

    def parents(self):
        return [self.parent] if self.parent else []

    def is_running(self):
        return self.alive


def test_beats_of_others_are_found_and_what_may_not_be_seen_is_left_out():
    worker = FakeProcess(5, "celery -A shop worker -B")
    processes = [
        FakeProcess(1, "/sbin/init"),
        FakeProcess(2, "/opt/shop/bin/celery -A shop beat"),
        FakeProcess(3, "celery -A shop beat", hidden=True),
        FakeProcess(4, "celery -A shop beat", age=1.0),
        worker,
        FakeProcess(6, "celery -A shop worker -B", parent=worker),
    ]
    found = Beats(lambda: iter(processes))(0.0)
    assert [(beat.pid, beat.app, beat.directory, beat.program) for beat in found] == [
        (2, "shop", None, "/opt/shop/bin"),
        (5, "shop", None, None),
    ]


def test_processes_are_looked_at_now_and_then_and_one_that_ended_is_forgotten_at_once():
    first, second = FakeProcess(2, "celery -A shop beat"), FakeProcess(3, "celery -A shop beat")
    processes = [first]
    beats = Beats(lambda: iter(processes))
    assert [beat.pid for beat in beats(0.0)] == [2]
    processes.append(second)
    first.alive = False
    assert beats(SCAN_PERIOD - 1) == ()
    assert [beat.pid for beat in beats(SCAN_PERIOD)] == [3]
