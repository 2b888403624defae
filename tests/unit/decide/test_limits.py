"""What each limit changes, and the reason that it gives."""

import dataclasses

import pytest

from autoscaler.decide import decide, not_after
from autoscaler.model import (
    BacklogPerWorker,
    Demand,
    Fallback,
    FixedSize,
    FleetState,
    HostBudget,
    Known,
    Paused,
    Rate,
    Scaling,
    Situation,
    Stopped,
    Threshold,
    ThresholdState,
    Unknown,
    Worker,
    WorkerState,
    WorkerStats,
)

NOW = 1000.0
MIB = 2**20
FREE = HostBudget(None, None)
INCOMPLETE = ("queue emails: timed out",)


def worker(number, state=WorkerState.RUNNING, *, outdated=False, since=NOW - 5):
    name = f"emails-{number:02}"
    known = Known(WorkerStats(f"{name}@h", number, 4, 0), NOW)
    stats = Unknown("silent", NOW) if state is WorkerState.STARTING else known
    return Worker(name, "emails", f"{name}@h", state, since, number, stats, outdated)


def situation(
    waiting=0, size=3, *, now=NOW, running=0, unknown=(), host=FREE, hold=None, extra=(), **scaling
):
    """A fleet that wants one worker for each waiting task."""
    settings = {
        "min_workers": 1,
        "max_workers": 20,
        "concurrency": 4,
        "policies": (BacklogPerWorker(1),),
        "stabilization": 0.0,
        **scaling,
    }
    return Situation(
        now=now,
        fleet="emails",
        scaling=Scaling(**settings),
        demand=Demand(waiting, 0, running, unknown),
        workers=(*(worker(each) for each in range(1, size + 1)), *extra),
        host=host,
        hold=hold,
    )


def codes(decision):
    return [each.code for each in decision.reasons]


def text(decision, code):
    return next(each.text for each in decision.reasons if each.code == code)


def states(*several):
    return tuple(worker(90 + number, state) for number, state in enumerate(several))


@pytest.mark.parametrize(
    ("asked", "expected", "reasons"),
    [
        # running
        (situation(1, running=9), 3, ["backlog_per_worker", "running"]),
        (situation(1, running=8), 2, ["backlog_per_worker", "running"]),
        (situation(3, running=99), 3, ["steady"]),
        (situation(5, running=99), 5, ["backlog_per_worker"]),
        # bounds
        (situation(0, 1), 1, ["backlog_per_worker", "min_workers"]),
        (situation(25), 20, ["backlog_per_worker", "max_workers"]),
        (situation(3, 3, min_workers=5), 5, ["min_workers"]),
        (situation(7, 7, max_workers=4), 4, ["max_workers"]),
        (situation(7, 7, max_workers=0, min_workers=0), 0, ["max_workers"]),
        # unknown
        (situation(1, unknown=INCOMPLETE), 3, ["backlog_per_worker", "unknown"]),
        (situation(5, unknown=INCOMPLETE), 5, ["backlog_per_worker", "unknown"]),
        (situation(7, 7, unknown=INCOMPLETE, max_workers=4), 4, ["unknown", "max_workers"]),
        (situation(0, 3, unknown=INCOMPLETE, policies=(), min_workers=3, max_workers=3), 3, ["steady"]),
        # pause
        (situation(9, hold=Paused()), 3, ["backlog_per_worker", "paused"]),
        (situation(3, hold=Paused()), 3, ["paused"]),
        (situation(9, 7, hold=Paused(), max_workers=4), 7, ["backlog_per_worker", "paused"]),
        (situation(9, hold=Paused(), unknown=INCOMPLETE), 3, ["backlog_per_worker", "paused"]),
        # operator's size
        (situation(9, hold=FixedSize(5)), 5, ["backlog_per_worker", "operator"]),
        (situation(9, hold=FixedSize(2)), 2, ["backlog_per_worker", "operator"]),
        (situation(9, hold=FixedSize(0)), 1, ["backlog_per_worker", "operator", "min_workers"]),
        (situation(9, hold=FixedSize(99)), 20, ["backlog_per_worker", "operator", "max_workers"]),
        (situation(3, unknown=INCOMPLETE, hold=FixedSize(2)), 2, ["unknown", "operator"]),
        (situation(3, running=12, hold=FixedSize(2)), 2, ["operator"]),
        (situation(9, hold=FixedSize(2, until=NOW)), 9, ["hold_ended", "backlog_per_worker"]),
        (situation(9, hold=FixedSize(2, until=NOW + 1)), 2, ["backlog_per_worker", "operator"]),
        # stop
        (situation(9, hold=Stopped()), 0, ["backlog_per_worker", "stopped"]),
        (situation(3, unknown=INCOMPLETE, hold=Stopped()), 0, ["unknown", "stopped"]),
        (situation(0, 0, hold=Stopped(), min_workers=2), 0, ["stopped"]),
    ],
)
def test_a_limit_acts_and_says_so(asked, expected, reasons):
    decision, _ = decide(asked, FleetState())
    assert (decision.desired, codes(decision)) == (expected, reasons)


def test_reasons_say_who_ordered_and_what_is_unknown():
    by = FixedSize(5, by="ops", reason="sale")
    assert "5 workers by ops: sale" in text(decide(situation(hold=by), FleetState())[0], "operator")
    paused = decide(situation(hold=Paused(by="ops", reason="sale")), FleetState())[0]
    assert "by ops: sale" in text(paused, "paused")
    assert "3 workers" in text(paused, "paused")
    many = tuple(f"worker emails-{each:02}: silent" for each in range(9))
    unknown = text(decide(situation(unknown=many), FleetState())[0], "unknown")
    assert unknown == "9 things unknown: does not shrink below 3 workers"


@pytest.mark.parametrize("more", [{"unknown": INCOMPLETE}, {"hold": Paused()}])
def test_workers_beyond_the_size_decided_last_stay_while_nothing_may_shrink(more):
    held, memory = decide(situation(0, 5, max_scale_up=Rate(1, 60.0), **more), FleetState(size=3))
    assert (held.desired, held.drain, memory.size) == (5, (), 5)
    drained, _ = decide(situation(3, 5), FleetState(size=3))
    assert (drained.desired, len(drained.drain), codes(drained)) == (3, 2, ["surplus"])


def test_a_paused_fleet_still_replaces_what_is_missing():
    decision, _ = decide(situation(9, 2, hold=Paused()), FleetState(size=3))
    assert (decision.desired, decision.start) == (3, 1)
    assert codes(decision) == ["backlog_per_worker", "paused", "replace"]


# --- fallback


@pytest.mark.parametrize(
    ("lasted", "workers", "expected", "reasons"),
    [
        (29, 8, 3, ["backlog_per_worker", "unknown"]),
        (30, 8, 8, ["backlog_per_worker", "unknown", "fallback"]),
        (30, 2, 3, ["backlog_per_worker", "unknown"]),
        (30, 99, 20, ["backlog_per_worker", "unknown", "fallback", "max_workers"]),
    ],
)
def test_a_fleet_grows_to_its_fallback_after_so_long_without_knowing(lasted, workers, expected, reasons):
    asked = situation(0, unknown=INCOMPLETE, fallback=Fallback(workers, 30.0))
    decision, _ = decide(asked, FleetState(size=3, unknown_since=NOW - lasted))
    assert (decision.desired, codes(decision)) == (expected, reasons)


def test_the_time_of_not_knowing_starts_when_it_does_and_ends_with_complete_demand():
    _, first = decide(situation(unknown=INCOMPLETE), FleetState())
    _, second = decide(situation(unknown=INCOMPLETE, now=NOW + 9), first)
    _, third = decide(situation(now=NOW + 10), second)
    assert [each.unknown_since for each in (first, second, third)] == [NOW, NOW, None]


# --- stabilization and rates


def course(*steps, size=10, **more):
    """Decide at each (second, waiting), with as many workers as were decided before."""
    memory, decisions = FleetState(), []
    for after, waiting in steps:
        decision, memory = decide(situation(waiting, size, now=NOW + after, **more), memory)
        size = decision.desired
        decisions.append(decision)
    return decisions


def desired(decisions):
    return [each.desired for each in decisions]


def test_after_the_start_a_full_window_passes_before_anything_shrinks():
    decisions = course((0, 2), (30, 2), (59, 2), (60, 2), stabilization=60.0)
    assert desired(decisions) == [10, 10, 10, 2]
    assert codes(decisions[1]) == ["backlog_per_worker", "stabilization"]
    assert text(decisions[1], "stabilization") == (
        "10 recommended within the last 60 s: 10 workers for 30 s more"
    )


def test_a_fleet_shrinks_to_the_highest_recommendation_of_the_window():
    steps = ((0, 2), (20, 6), (30, 4), (60, 2), (89, 2), (90, 2), (91, 2), (120, 2))
    assert desired(course(*steps, stabilization=60.0)) == [10, 10, 10, 6, 6, 4, 4, 2]


def test_growing_is_never_stabilized():
    assert desired(course((0, 10), (1, 15), stabilization=60.0)) == [10, 15]


def test_an_outage_of_the_daemon_counts_as_what_was_recommended_last():
    steps = ((0, 10), (3600, 2), (3659, 2), (3660, 2))
    assert desired(course(*steps, stabilization=60.0)) == [10, 10, 10, 2]


def test_an_outage_of_a_source_is_followed_by_a_full_window():
    options = {"size": 10, "stabilization": 60.0}
    memory = FleetState()
    for after, unknown, expected in [
        (0, (), 10),
        (100, INCOMPLETE, 10),
        (102, (), 10),
        (161, (), 10),
        (162, (), 2),
    ]:
        decision, memory = decide(situation(2, now=NOW + after, unknown=unknown, **options), memory)
        assert decision.desired == (10 if after == 0 else expected)


def test_polling_less_often_than_the_window_still_shrinks():
    assert desired(course((0, 2), (300, 2), (600, 2), stabilization=60.0)) == [10, 2, 2]


def test_no_pace_delays_a_lowered_max_or_the_operators_size():
    slow = {"stabilization": 600.0, "max_scale_down": Rate(1, 60.0), "max_scale_up": Rate(1, 60.0)}
    assert desired(course((0, 10), (1, 2), max_workers=6, **slow)) == [6, 6]
    assert desired(course((0, 2), hold=FixedSize(4), **slow)) == [4]
    assert desired(course((0, 2), hold=FixedSize(18), **slow)) == [18]
    assert desired(course((0, 2), min_workers=15, **slow)) == [15]


def test_the_history_keeps_only_what_can_still_be_the_highest():
    memory = FleetState()
    for second in range(600):
        asked = situation(second * 7 % 5, now=NOW + second, stabilization=60.0)
        _, memory = decide(asked, memory)
    sizes = [size for _, size in memory.recommended]
    assert sizes == sorted(set(sizes), reverse=True)
    assert len(sizes) <= 5


def test_a_fleet_grows_by_its_rate_at_most():
    decisions = course((0, 18), (5, 18), (10, 18), (12, 18), (20, 18), size=2, max_scale_up=Rate(3, 10.0))
    assert desired(decisions) == [5, 5, 8, 8, 11]
    assert codes(decisions[0]) == ["backlog_per_worker", "max_scale_up"]
    assert text(decisions[0], "max_scale_up") == "3 workers within 10 s, 2 at its beginning: 5 and not 18"


def test_a_fleet_shrinks_by_its_rate_at_most():
    decisions = course((0, 1), (5, 1), (10, 1), (20, 1), (30, 1), max_scale_down=Rate(3, 10.0))
    assert desired(decisions) == [7, 7, 4, 1, 1]
    assert codes(decisions[0]) == ["backlog_per_worker", "max_scale_down"]


def test_a_rate_looks_at_the_size_at_the_beginning_of_its_period():
    decisions = course((0, 3), (4, 4), (6, 9), (10, 9), (14, 9), (16, 9), size=2, max_scale_up=Rate(2, 10.0))
    assert desired(decisions) == [3, 4, 4, 5, 6, 6]


def test_sizes_are_remembered_as_far_back_as_the_longest_rate_looks():
    memory = FleetState()
    rates = {"max_scale_up": Rate(99, 10.0), "max_scale_down": Rate(99, 50.0)}
    for second in range(200):
        _, memory = decide(situation(second % 15 + 1, now=NOW + second, tolerance=0.0, **rates), memory)
    oldest, second_oldest = memory.sizes[0][0], memory.sizes[1][0]
    assert oldest <= NOW + 199 - 50 < second_oldest


def test_the_history_has_no_more_entries_than_there_are_sizes_while_a_backlog_melts():
    memory = FleetState()
    for second in range(500):
        asked = situation(1000 - second, now=NOW + second, stabilization=600.0, max_workers=6)
        _, memory = decide(asked, memory)
    assert len(memory.recommended) == 1


# --- host


@pytest.mark.parametrize(
    ("spare", "each", "extra", "expected", "start"),
    [
        (None, None, (), 9, 6),
        (None, 100 * MIB, (), 9, 6),
        (1000 * MIB, 100 * MIB, (), 9, 6),
        (299 * MIB, 100 * MIB, (), 5, 2),
        (99 * MIB, 100 * MIB, (), 3, 0),
        (-5 * MIB, 100 * MIB, (), 3, 0),
        (299 * MIB, 100 * MIB, states(WorkerState.STARTING), 5, 1),
        (99 * MIB, 100 * MIB, states(WorkerState.STARTING), 4, 0),
        (1000 * MIB, None, (), 4, 1),
        (1000 * MIB, None, states(WorkerState.STARTING), 4, 0),
        (0, None, (), 3, 0),
        (99 * MIB, 100 * MIB, states(WorkerState.DRAINING), 4, 0),
    ],
)
def test_workers_start_only_into_memory_that_is_there(spare, each, extra, expected, start):
    asked = situation(9, host=HostBudget(spare, each), extra=extra)
    decision, memory = decide(asked, FleetState())
    assert (decision.desired, decision.start, memory.size) == (expected, start, expected)
    assert codes(decision) == ["backlog_per_worker"] + ([] if expected == 9 else ["host"])


def test_the_host_reason_has_its_numbers():
    asked = situation(9, host=HostBudget(299 * MIB, 100 * MIB), extra=states(WorkerState.STARTING))
    assert text(decide(asked, FleetState())[0], "host") == (
        "1 of 5 new workers may start: 299 MiB above the reserve, 100 MiB a worker, 1 starting"
    )


def test_a_worker_that_never_answers_does_not_keep_others_from_starting():
    silent = (worker(90, WorkerState.STARTING, since=NOW - 60),)
    decision, _ = decide(situation(9, host=HostBudget(1000 * MIB, None), extra=silent), FleetState())
    assert decision.start == 1


@pytest.mark.parametrize("budget", [HostBudget(0, MIB), HostBudget(0, None)])
def test_a_fleet_never_shrinks_for_lack_of_memory(budget):
    decision, memory = decide(situation(5, 2, host=budget), FleetState(size=5))
    assert (decision.desired, decision.start, memory.size) == (5, 0, 5)
    assert codes(decision) == ["host", "replace"]
    decision, _ = decide(situation(5, 2, host=budget, min_workers=4), FleetState())
    assert (decision.desired, decision.start) == (4, 0)


def test_a_threshold_does_not_run_away_while_nothing_can_start():
    steps = Threshold(up=10, down=0, step=2, up_after=0.0, down_after=0.0)
    memory = FleetState()
    for second in range(60):
        asked = situation(99, now=NOW + second, policies=(steps,), host=HostBudget(0, MIB))
        decision, memory = decide(asked, memory)
    assert (decision.desired, memory.size) == (3, 3)
    assert codes(decision) == ["threshold", "host"]


# --- crash loop


@pytest.mark.parametrize(
    ("ago", "left"),
    [
        ((), None),
        ((0, 0), None),
        ((0, 301, 302), None),
        ((0, 10, 300), "10 s"),
        ((4, 10, 20), "6 s"),
        ((10, 20, 30), None),
        ((1, 2, 3, 4), "19 s"),
        ((100, 101, 102, 103, 104, 105, 106, 107), "200 s"),
        ((0,) * 50, "300 s"),
        ((299,) * 50, "1 s"),
        ((300,) * 50, None),
    ],
)
def test_no_worker_starts_for_a_while_after_several_crashes(ago, left):
    memory = FleetState(size=5, crashes=tuple(NOW - each for each in ago))
    decision, _ = decide(situation(9, 2), memory)
    if left is None:
        assert (decision.desired, decision.start) == (9, 7)
        return
    assert (decision.desired, decision.start) == (5, 0)
    assert codes(decision) == ["backlog_per_worker", "crash_loop", "replace"]
    assert text(decision, "crash_loop").endswith(f"within 300 s: none for {left} more")


def test_crashes_are_forgotten_when_no_back_off_can_count_them():
    memory = FleetState(crashes=(NOW - 601, NOW - 600, NOW - 5))
    assert decide(situation(), memory)[1].crashes == (NOW - 600, NOW - 5)


def test_a_crash_loop_does_not_keep_workers_from_being_taken_back():
    memory = FleetState(crashes=(NOW,) * 3)
    decision, _ = decide(situation(9, extra=states(WorkerState.DRAINING)), memory)
    assert (decision.desired, decision.restore, decision.start) == (4, ("emails-90",), 0)


# --- steps


def test_draining_workers_are_taken_back_before_new_ones_start():
    decision, _ = decide(situation(6, extra=states(WorkerState.DRAINING, WorkerState.DRAINING)), FleetState())
    assert (decision.restore, decision.start, decision.drain) == (("emails-90", "emails-91"), 1, ())


def test_an_outdated_draining_worker_is_not_taken_back():
    decision, _ = decide(situation(4, extra=(worker(9, WorkerState.DRAINING, outdated=True),)), FleetState())
    assert (decision.restore, decision.start) == ((), 1)


@pytest.mark.parametrize(
    ("state", "start", "reasons"),
    [
        (WorkerState.STOPPING, 1, ["backlog_per_worker", "draining"]),
        (WorkerState.FAILED, 3, ["backlog_per_worker"]),
    ],
)
def test_there_are_never_more_processes_than_max_workers(state, start, reasons):
    decision, _ = decide(situation(6, max_workers=6, extra=states(state, state)), FleetState())
    assert (decision.desired, decision.start, codes(decision)) == (6, start, reasons)


def test_a_held_worker_is_never_drained_and_the_last_one_in_service_stays():
    decision, _ = decide(situation(1, 2, extra=states(WorkerState.HELD)), FleetState())
    assert (decision.current, decision.desired, decision.drain) == (3, 1, ("emails-02",))
    decision, _ = decide(situation(3, 2, extra=states(WorkerState.HELD)), FleetState(size=3))
    assert (decision.start, decision.drain) == (0, ())


# --- rolling


def rolling(*workers, waiting=None, memory=None, **more):
    asked = situation(len(workers) if waiting is None else waiting, 0, extra=workers, **more)
    return decide(asked, memory or FleetState())[0]


def test_where_there_is_room_one_worker_with_the_new_settings_starts_before_any_goes():
    decision = rolling(worker(1, outdated=True), worker(2, outdated=True))
    assert (decision.desired, decision.drain, decision.start) == (2, (), 1)
    assert codes(decision) == ["roll"]
    assert text(decision, "roll") == (
        "one starts with the new settings, 2 of 2 to be replaced: settings changed"
    )


def test_the_one_too_many_of_a_roll_is_an_old_one_once_the_new_one_has_answered():
    old = (worker(1, outdated=True), worker(2, outdated=True))
    starting = rolling(*old, worker(3, WorkerState.STARTING), waiting=2)
    assert (starting.desired, starting.drain, starting.start) == (2, (), 0)
    assert text(starting, "roll") == "emails-03 starts with the new settings: the others serve on"
    answered = rolling(*old, worker(3), waiting=2)
    assert (answered.desired, answered.drain, answered.start) == (2, ("emails-02",), 0)
    assert text(answered, "roll") == "emails-02 goes, 2 of 3 to be replaced: its settings changed"


def test_old_workers_serve_on_while_the_new_one_does_not_come_up_or_they_do_not_answer():
    old = worker(1, outdated=True)
    memory = FleetState(size=1)
    stuck = rolling(old, worker(2, WorkerState.STARTING, since=NOW - 60), waiting=1, memory=memory)
    assert (stuck.drain, stuck.start) == ((), 0)
    assert text(stuck, "roll") == "emails-02 does not come up with the new settings: the others serve on"
    crashes = FleetState(size=1, crashes=(NOW,) * 3)
    assert rolling(old, worker(2), waiting=1, memory=crashes).drain == ()
    silent = dataclasses.replace(old, stats=Unknown("silent", NOW))
    assert rolling(silent, worker(2), waiting=1, memory=memory).drain == ()
    assert rolling(silent, worker(2), waiting=1, memory=memory, unknown=INCOMPLETE).drain == ()


def test_what_is_unknown_does_not_end_a_roll_nor_make_its_fleet_larger():
    fleet = (worker(1, outdated=True), worker(2, outdated=True), worker(3))
    decision = rolling(*fleet, waiting=0, memory=FleetState(size=2), unknown=INCOMPLETE)
    assert (decision.desired, decision.drain) == (2, ("emails-02",))


def test_a_new_worker_goes_while_it_starts_only_if_fewer_are_wanted():
    old, new = worker(1, outdated=True), worker(2, WorkerState.STARTING)
    more = worker(3, WorkerState.STARTING)
    assert rolling(old, new, more, waiting=1, memory=FleetState(size=2)).drain == ("emails-03",)
    assert set(rolling(old, new, hold=Stopped()).drain) == {"emails-01", "emails-02"}


def test_a_mended_setting_takes_out_the_worker_that_did_not_come_up():
    stuck = worker(2, WorkerState.STARTING, outdated=True)
    for good in (worker(1), worker(1, outdated=True)):
        decision = rolling(good, stuck, waiting=1, memory=FleetState(size=1, crashes=(NOW,) * 3))
        assert (decision.drain, decision.start) == (("emails-02",), 0)


def test_a_roll_starts_no_faster_than_the_fleet_may_grow():
    memory = FleetState(size=1, sizes=((NOW - 60, 0), (NOW - 1, 1)))
    decision = rolling(worker(1, outdated=True), memory=memory, max_scale_up=Rate(1, 10.0))
    assert (decision.drain, decision.start) == ((), 0)


def test_without_room_one_worker_with_old_settings_goes_at_a_time():
    decision = rolling(worker(1, outdated=True), worker(2, outdated=True), worker(3), max_workers=3)
    assert (decision.desired, decision.drain, decision.start) == (3, ("emails-02",), 0)
    assert codes(decision) == ["roll"]
    assert text(decision, "roll") == "emails-02 goes, 2 of 3 to be replaced: its settings changed"


@pytest.mark.parametrize(
    "state",
    [
        WorkerState.STARTING,
        WorkerState.DRAINING,
        WorkerState.STOPPING,
        WorkerState.RESTORING,
        WorkerState.FAILED,
    ],
)
def test_nobody_goes_while_another_is_on_its_way_or_failed_with_the_new_settings(state):
    counts = state in {WorkerState.STARTING, WorkerState.RESTORING}
    decision = rolling(worker(1, outdated=True), worker(2, state), waiting=1 + counts)
    assert (decision.desired, decision.drain) == (1 + counts, ())


def test_old_settings_that_fail_do_not_keep_the_new_ones_away():
    decision = rolling(worker(1, outdated=True), worker(2, WorkerState.FAILED, outdated=True), waiting=1)
    assert (decision.drain, decision.start) == ((), 1)


def test_nobody_goes_for_new_settings_while_paused_or_in_a_crash_loop_or_silent_or_held():
    old = worker(1, outdated=True)
    silent = dataclasses.replace(old, stats=Unknown("silent", NOW))
    held = worker(1, WorkerState.HELD, outdated=True)
    for decision in (
        rolling(old, hold=Paused()),
        rolling(old, memory=FleetState(crashes=(NOW,) * 3)),
        rolling(silent),
        rolling(held),
    ):
        assert (decision.drain, decision.start) == ((), 0)
    assert rolling(old, host=HostBudget(0, MIB)).drain == ("emails-01",)


def test_a_rolled_worker_is_replaced_once_there_is_room():
    leaving = worker(1, WorkerState.DRAINING, outdated=True)
    waits = rolling(leaving, worker(2), waiting=2, max_workers=2, memory=FleetState(size=2))
    assert (waits.start, codes(waits)) == (0, ["replace", "draining"])
    starts = rolling(worker(2), waiting=2, max_workers=2, memory=FleetState(size=2))
    assert (starts.start, codes(starts)) == (1, ["replace"])


def test_outdated_workers_that_never_came_up_go_first_even_in_a_crash_loop():
    stuck = worker(1, WorkerState.STARTING, outdated=True, since=NOW - 60)
    asked = situation(3, 0, extra=(stuck, worker(2, outdated=True), worker(3)))
    decision, _ = decide(asked, FleetState(size=3, crashes=(NOW, NOW, NOW)))
    assert decision.drain == ("emails-01",)
    assert codes(decision) == ["roll"]


def test_the_only_worker_in_service_is_not_replaced_while_another_is_held():
    asked = situation(2, 0, extra=(worker(1, outdated=True), worker(2, WorkerState.HELD)))
    assert decide(asked, FleetState(size=2))[0].drain == ()


def test_no_remembered_time_lies_in_the_future():
    later = NOW + 3600
    memory = FleetState(
        3, ThresholdState(3, later, None), ((later, 3),), ((1.0, 2), (later, 3)), later, (1.0, later)
    )
    assert not_after(NOW, memory) == FleetState(
        3, ThresholdState(3, NOW, None), ((NOW, 3),), ((1.0, 2), (NOW, 3)), NOW, (1.0, NOW)
    )
