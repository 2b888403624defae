"""A worker's state follows from its process, the journal and whether it has answered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autoscaler.model import (
    ActiveTask,
    Drain,
    DrainPhase,
    Known,
    Process,
    ProgramState,
    SeenWorker,
    Unknown,
    WorkerState,
    WorkerStats,
)
from autoscaler.workers.states import (
    STOP_AGAIN_AFTER,
    Step,
    has_answered,
    has_crashed,
    next_step,
    overdue,
    remember,
    state_of,
    view,
)

NOW = 1000.0
QUEUES = frozenset({"emails", "letters"})
OUT = Drain("emails-01", DrainPhase.DRAINING, NOW)
BACK = Drain("emails-01", DrainPhase.RESTORING, NOW)
SILENT = Unknown("no reply in time", NOW)


def process(state=ProgramState.RUNNING, pid=7, started_at=900.0, exit_status=0, ended_at=0.0):
    return Process("emails-01", state, pid, started_at, exit_status, ended_at=ended_at)


def stats(queues=QUEUES, active=0, reserved=0, scheduled=0):
    tasks = tuple(ActiveTask(str(number), "shop.send") for number in range(active))
    return Known(WorkerStats("emails-01@h", 7, 2, 5, tasks, reserved, scheduled, queues), NOW)


def worker(seen_stats, state=WorkerState.DRAINING, since=NOW):
    return view(
        NOW,
        name="emails-01",
        fleet="emails",
        node="emails-01@h",
        process=process(),
        drain=OUT,
        seen=SeenWorker("emails-01", 7, True, state, since),
        stats=seen_stats,
        outdated=False,
    )


@pytest.mark.parametrize(
    ("seen", "drain", "answered", "state"),
    [
        (None, None, False, WorkerState.STARTING),
        (process(ProgramState.STOPPED, None, 0.0), None, False, WorkerState.STARTING),
        (process(ProgramState.STARTING), None, False, WorkerState.STARTING),
        (process(ProgramState.STARTING), None, True, WorkerState.RUNNING),
        (process(ProgramState.RETRYING, None), None, False, WorkerState.STARTING),
        (process(ProgramState.ENDED, None), None, False, WorkerState.STARTING),
        (process(), None, False, WorkerState.STARTING),
        (process(), None, True, WorkerState.RUNNING),
        (process(ProgramState.STOPPED, None), None, False, WorkerState.HELD),
        (process(ProgramState.STOPPING), None, True, WorkerState.HELD),
        (process(ProgramState.FAILED, None), None, False, WorkerState.FAILED),
        (process(), OUT, True, WorkerState.DRAINING),
        (process(), OUT, False, WorkerState.DRAINING),
        (process(ProgramState.RETRYING, None), OUT, False, WorkerState.DRAINING),
        (process(ProgramState.STOPPING), OUT, True, WorkerState.STOPPING),
        (process(ProgramState.STOPPED, None), OUT, True, WorkerState.STOPPING),
        (process(ProgramState.FAILED, None), OUT, True, WorkerState.STOPPING),
        (None, OUT, True, WorkerState.STOPPING),
        (process(), BACK, True, WorkerState.RESTORING),
        (process(ProgramState.ENDED, None), OUT, True, WorkerState.DRAINING),
        (process(ProgramState.STOPPED, None), BACK, True, WorkerState.HELD),
        (process(ProgramState.STOPPING), BACK, True, WorkerState.HELD),
        (process(ProgramState.FAILED, None), BACK, True, WorkerState.FAILED),
        (None, BACK, True, WorkerState.STOPPING),
    ],
)
def test_the_state_of_a_worker(seen, drain, answered, state):
    assert state_of(seen, drain, answered) is state


@pytest.mark.parametrize(
    ("seen", "now", "reading", "answered"),
    [
        (None, process(), SILENT, False),
        (None, process(), stats(), True),
        (SeenWorker("emails-01", 7, True, WorkerState.RUNNING, NOW), process(), SILENT, True),
        (SeenWorker("emails-01", 6, True, WorkerState.RUNNING, NOW), process(), SILENT, False),
        (SeenWorker("emails-01", 7, False, WorkerState.STARTING, NOW), process(), SILENT, False),
        (
            SeenWorker("emails-01", 7, True, WorkerState.RUNNING, NOW),
            process(ProgramState.STOPPED, None),
            stats(),
            False,
        ),
        (SeenWorker("emails-01", 7, True, WorkerState.RUNNING, NOW), None, SILENT, False),
    ],
)
def test_a_silent_worker_is_not_one_that_never_answered(seen, now, reading, answered):
    assert has_answered(seen, now, reading) is answered


def test_the_time_in_a_state_survives_looking_again():
    first = worker(stats(), since=400.0)
    assert first.since == 400.0
    assert first.answered
    assert remember(first).since == 400.0
    assert worker(stats(), state=WorkerState.RUNNING, since=400.0).since == NOW


@pytest.mark.parametrize(
    ("seen", "now", "drain", "crashed"),
    [
        (None, process(), None, False),
        (SeenWorker("w", 6, True, WorkerState.RUNNING, NOW), process(pid=6), None, False),
        (SeenWorker("w", 6, True, WorkerState.RUNNING, NOW), process(exit_status=-1), None, True),
        (SeenWorker("w", 6, True, WorkerState.RUNNING, NOW), process(exit_status=0), None, False),
        (SeenWorker("w", 6, True, WorkerState.RUNNING, NOW), process(ended_at=899.0), None, True),
        (SeenWorker("w", 6, True, WorkerState.HELD, NOW), process(ended_at=899.0), None, False),
        (SeenWorker("w", None, True, WorkerState.HELD, NOW), process(ended_at=899.0), None, False),
        (
            SeenWorker("w", 6, True, WorkerState.RUNNING, NOW),
            process(ProgramState.ENDED, None, ended_at=899.0),
            None,
            False,
        ),
        (SeenWorker("w", 6, True, WorkerState.RUNNING, NOW), process(exit_status=1), OUT, False),
        (
            SeenWorker("w", None, False, WorkerState.STARTING, NOW),
            process(ProgramState.FAILED, None),
            None,
            True,
        ),
        (
            SeenWorker("w", None, False, WorkerState.FAILED, NOW),
            process(ProgramState.FAILED, None),
            None,
            False,
        ),
    ],
)
def test_a_crash_is_a_new_process_of_a_worker_that_nobody_stopped(seen, now, drain, crashed):
    assert has_crashed(seen, now, drain) is crashed


@pytest.mark.parametrize(
    ("drain", "seen", "reading", "step"),
    [
        (OUT, process(), SILENT, Step.CANCEL),
        (OUT, process(), stats(queues=None), Step.CANCEL),
        (OUT, process(), stats(), Step.CANCEL),
        (OUT, process(), stats(frozenset(), active=1), Step.WAIT),
        (OUT, process(), stats(frozenset(), reserved=1), Step.WAIT),
        (OUT, process(), stats(frozenset(), scheduled=3), Step.STOP),
        (OUT, process(), stats(frozenset()), Step.STOP),
        (OUT, process(ProgramState.RETRYING, None), SILENT, Step.STOP),
        (OUT, process(ProgramState.STOPPING), SILENT, Step.WAIT),
        (OUT, process(ProgramState.STOPPED, None), SILENT, Step.REMOVE),
        (OUT, process(ProgramState.FAILED, None), SILENT, Step.REMOVE),
        (OUT, None, SILENT, Step.REMOVE),
        (BACK, process(), stats(frozenset()), Step.CONSUME),
        (BACK, process(), stats(frozenset({"emails"})), Step.CONSUME),
        (BACK, process(), SILENT, Step.CONSUME),
        (BACK, process(), stats(), Step.FORGET),
        (OUT, process(ProgramState.ENDED, None), SILENT, Step.WAIT),
        (BACK, process(ProgramState.STOPPED, None), SILENT, Step.FORGET),
        (BACK, process(ProgramState.STOPPING), SILENT, Step.FORGET),
        (BACK, None, SILENT, Step.REMOVE),
    ],
)
def test_the_next_step_of_a_worker_in_the_journal(drain, seen, reading, step):
    assert next_step(NOW, worker(reading), drain, seen, QUEUES) is step


def test_a_worker_that_was_told_to_stop_and_still_answers_is_told_again():
    stopping = process(ProgramState.STOPPING)
    early, late = NOW, NOW - STOP_AGAIN_AFTER - 1
    deaf = worker(stats(), since=late)
    assert next_step(NOW, deaf, OUT, stopping, QUEUES) is Step.STOP_AGAIN
    assert next_step(NOW, worker(stats(), since=early), OUT, stopping, QUEUES) is Step.WAIT
    assert next_step(NOW, worker(SILENT, since=late), OUT, stopping, QUEUES) is Step.WAIT


def test_a_drain_that_takes_too_long_is_told_and_left_to_finish():
    busy = worker(stats(frozenset(), active=1))
    assert overdue(NOW + 60, busy, OUT, 60) == ""
    text = overdue(NOW + 61, busy, OUT, 60)
    assert (
        text
        == "emails-01 has been draining for 61 s (drain_timeout 60 s) and is still busy; it is left to finish"
    )
    assert overdue(NOW + 61, busy, BACK, 60) == ""


def test_a_drain_of_a_silent_worker_says_what_ends_it():
    text = overdue(NOW + 61, worker(SILENT), OUT, 60)
    assert "does not answer (no reply in time); `supervisorctl stop emails-01` ends it" in text


def test_a_process_that_began_during_the_drain_is_never_stopped_while_it_has_not_answered():
    began, again = replace(OUT, pid=7), process(pid=8)
    fresh = replace(worker(SILENT), answered=False)
    for age in (0, 6, 3600):
        assert next_step(NOW + age, fresh, began, again, QUEUES) is Step.TERMINATE
    assert next_step(NOW + 6, replace(fresh, answered=True), began, again, QUEUES) is Step.CANCEL


def test_a_clock_set_back_makes_no_silent_worker_one_that_crashed():
    silent = replace(worker(SILENT), answered=False)
    for drain in (replace(OUT, pid=7), OUT):
        assert next_step(NOW + 6, silent, drain, process(pid=7, started_at=NOW + 5), QUEUES) is Step.CANCEL


def test_another_process_that_answers_in_its_name_tells_nothing_about_a_worker():
    orphan = Known(WorkerStats("emails-01@h", 99, 2, 5, (), 0, 0, frozenset()), NOW)
    seen = worker(orphan)
    assert isinstance(seen.stats, Unknown)
    assert "pid 99 answers as emails-01@h, but supervisord runs pid 7" in seen.stats.error
    assert next_step(NOW, seen, OUT, process(), QUEUES) is Step.CANCEL
