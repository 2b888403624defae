"""What each policy recommends, seen through `decide`."""

import dataclasses

import pytest

from autoscaler.decide import decide
from autoscaler.model import (
    BacklogPerWorker,
    Demand,
    FleetState,
    HostBudget,
    Known,
    Scaling,
    Situation,
    Threshold,
    Worker,
    WorkerState,
    WorkerStats,
)

STEPS = Threshold(up=100, down=10, step=2, up_after=10.0, down_after=120.0)
INCOMPLETE = ("queue emails: timed out",)


def workers(count):
    return tuple(
        Worker(
            name := f"emails-{each:02}",
            "emails",
            f"{name}@h",
            WorkerState.RUNNING,
            0.0,
            each,
            Known(WorkerStats(f"{name}@h", each, 4, 0), 0.0),
        )
        for each in range(1, count + 1)
    )


def situation(waiting, *, now=0.0, size=3, policies=(STEPS,), unknown=(), **scaling):
    settings = {"min_workers": 0, "max_workers": 100, "concurrency": 4, "stabilization": 0.0, **scaling}
    return Situation(
        now=now,
        fleet="emails",
        scaling=Scaling(policies=policies, **settings),
        demand=Demand(ready=waiting, reserved=0, running=0, unknown=unknown),
        workers=workers(size),
        host=HostBudget(None, None),
    )


def follow(*steps, **more):
    """Decide about (time, waiting) pairs one after another, workers always as many as decided."""
    memory, decision, decisions = FleetState(), None, []
    for now, waiting in steps:
        size = decision.desired if decision else 3
        decision, memory = decide(situation(waiting, now=now, size=size, **more), memory)
        decisions.append(decision)
    return decisions, memory


def desired(decisions):
    return [each.desired for each in decisions]


def backlog(waiting, size, *, target=20.0, **more):
    policies = (BacklogPerWorker(target),)
    return decide(situation(waiting, size=size, policies=policies, **more), FleetState())[0]


@pytest.mark.parametrize(
    ("waiting", "target", "size", "tolerance", "expected"),
    [
        (0, 20, 0, 0.1, 0),
        (0, 20, 3, 0.1, 0),
        (1, 20, 0, 0.1, 1),
        (1, 20, 3, 0.1, 1),
        (54, 20, 3, 0.1, 3),
        (53.9, 20, 4, 0.1, 3),
        (66, 20, 3, 0.1, 3),
        (66.1, 20, 3, 0.1, 4),
        (61, 20, 3, 0.0, 4),
        (59, 20, 3, 0.0, 3),
        (1, 0.05, 1, 0.1, 20),
        (0.3, 0.1, 1, 0.1, 3),
        (20 * 0.05 * 3, 1, 5, 0.0, 3),
        (0.1 + 0.2, 0.1, 1, 0.0, 3),
    ],
)
def test_backlog_per_worker_divides_what_waits_by_the_target(waiting, target, size, tolerance, expected):
    assert backlog(waiting, size, target=target, tolerance=tolerance).desired == expected


def test_backlog_per_worker_says_its_numbers():
    assert backlog(100, 3).recommendations[0].text == "100 waiting, 20 for each worker: 5 workers"
    steady = backlog(62, 3)
    assert [each.code for each in steady.reasons] == ["steady"]
    assert steady.reasons[0].text == "62 waiting, within 10 % of 20 for each of 3 workers"


def test_reserved_tasks_wait_too():
    base = situation(0, policies=(BacklogPerWorker(20),))
    asked = dataclasses.replace(base, demand=Demand(ready=30, reserved=50, running=0))
    assert decide(asked, FleetState())[0].recommended == 4


def test_threshold_steps_up_once_demand_was_above_for_long_enough():
    decisions, _ = follow((0, 101), (4, 150), (9.9, 150), (10, 150), (19, 150), (20, 150))
    assert desired(decisions) == [3, 3, 3, 5, 5, 7]
    assert decisions[1].reasons[0].text == "150 tasks waiting, above 100 for 4 s of 10 s"
    assert (decisions[1].reasons[0].code, decisions[3].reasons[0].code) == ("steady", "threshold")
    assert decisions[3].reasons[0].text == "150 tasks waiting, above 100 for 10 s: 2 more than 3"


def test_threshold_steps_down_once_demand_was_below_for_long_enough():
    decisions, _ = follow((0, 9), (119, 9), (120, 9), (239, 9), (240, 9), (999, 9))
    assert desired(decisions) == [3, 3, 1, 1, 1, 1]
    assert decisions[2].reasons[0].text == "9 tasks waiting, below 10 for 120 s: 2 fewer than 3"


def test_threshold_does_nothing_between_up_and_down_and_forgets_how_long_it_was_outside():
    decisions, _ = follow((0, 150), (8, 100), (9, 150), (18, 150), (19, 150))
    assert desired(decisions) == [3, 3, 3, 3, 5]
    assert decisions[1].reasons[0].text == "100 tasks waiting, neither above 100 nor below 10"


def test_threshold_counts_anew_after_anybody_changed_the_size():
    steps = dataclasses.replace(STEPS, up_after=10.0)
    policies = (steps, BacklogPerWorker(40))
    decisions, _ = follow((0, 101), (8, 240), (10, 240), (17, 240), (18, 240), policies=policies)
    assert desired(decisions) == [3, 6, 6, 6, 8]


def test_a_threshold_without_delays_steps_once_a_time():
    policies = (dataclasses.replace(STEPS, up_after=0.0),)
    decisions, _ = follow((0, 200), (0, 200), (2, 200), (2, 200), (4, 200), policies=policies)
    assert desired(decisions) == [3, 3, 5, 5, 7]


def test_incomplete_demand_is_certainly_above_but_never_certainly_below():
    above, _ = follow((0, 150), (10, 150), unknown=INCOMPLETE)
    assert desired(above) == [3, 5]
    assert above[1].reasons[0].text.startswith("at least 150 tasks waiting")
    _, memory = follow((0, 0), (500, 0), unknown=INCOMPLETE)
    assert memory.threshold.below_since is None


def test_an_outage_does_not_count_as_time_below():
    _, memory = follow((0, 0), (60, 0))
    for now, unknown, expected in [(70, INCOMPLETE, 3), (130, (), 3), (249, (), 3), (250, (), 1)]:
        decision, memory = decide(situation(0, now=now, unknown=unknown), memory)
        assert decision.desired == expected


def test_one_worker_stays_for_tasks_that_a_threshold_would_strand():
    decisions, _ = follow((0, 5), (120, 5), (240, 5), (241, 0), (400, 0), (401, 1))
    assert desired(decisions) == [3, 1, 1, 0, 0, 1]
    assert [each.code for each in decisions[5].reasons] == ["waiting"]


def test_the_highest_recommendation_wins_and_all_are_told():
    policies = (STEPS, BacklogPerWorker(20), BacklogPerWorker(50))
    decision, _ = decide(situation(200, policies=policies), FleetState())
    assert [(each.policy, each.workers) for each in decision.recommendations] == [
        ("threshold", 3),
        ("backlog_per_worker", 10),
        ("backlog_per_worker", 4),
    ]
    assert (decision.recommended, decision.desired) == (10, 10)
    assert [each.code for each in decision.reasons] == ["backlog_per_worker"]


def test_a_fleet_without_policies_has_its_fixed_size():
    first, memory = decide(situation(999, policies=(), min_workers=4, max_workers=4), FleetState())
    again, _ = decide(situation(999, policies=(), min_workers=4, max_workers=4, size=4), memory)
    assert (first.recommended, first.desired, first.start) == (None, 4, 1)
    assert [each.code for each in first.reasons] == ["fixed"]
    assert [each.code for each in again.reasons] == ["steady"]
    assert again.reasons[0].text == "no policy, min_workers: 4 workers"


def test_policies_step_from_the_size_decided_last_and_not_from_what_is_up():
    memory = FleetState(size=6)
    decision, _ = decide(situation(120, size=4, policies=(BacklogPerWorker(20),)), memory)
    assert (decision.current, decision.desired, decision.start) == (4, 6, 2)
    assert [each.code for each in decision.reasons] == ["replace"]


@pytest.mark.parametrize("state", list(WorkerState))
def test_only_serving_and_held_workers_make_up_the_first_size(state):
    base = situation(100, policies=())
    odd = dataclasses.replace(base.workers[0], state=state)
    decision, _ = decide(dataclasses.replace(base, workers=(odd, *base.workers[1:])), FleetState())
    counted = state in {WorkerState.STARTING, WorkerState.RUNNING, WorkerState.RESTORING, WorkerState.HELD}
    assert decision.current == 2 + counted
