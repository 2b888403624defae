"""Why a fleet has the size that it has, in sentences and numbers."""

from __future__ import annotations

import dataclasses

import pytest

from autoscaler.decide import decide
from autoscaler.decide.explain import explain
from autoscaler.errors import UnknownName
from autoscaler.http.api import make_app
from autoscaler.http.client import Client
from autoscaler.http.server import Server
from autoscaler.http.views import ExplanationView, explanation_view
from autoscaler.http.words import explanation_lines
from autoscaler.loop.snapshot import Snapshot
from autoscaler.model import (
    ActiveTask,
    BacklogPerWorker,
    Demand,
    Estimate,
    FleetState,
    HostBudget,
    Known,
    MaxWait,
    Measures,
    ProgramState,
    Scaling,
    Situation,
    Threshold,
    Unknown,
    Worker,
    WorkerState,
    WorkerStats,
)

NOW = 1000.0


def worker(number, active=0, reserved=0, state=WorkerState.RUNNING):
    name = f"emails-{number:02}"
    tasks = tuple(ActiveTask(f"{number}{task}", "send", NOW - 1) for task in range(active))
    stats = Known(WorkerStats(f"{name}@h", number, 4, 0, tasks, reserved), NOW)
    said = Unknown("silent", NOW) if state is WorkerState.STARTING else stats
    return Worker(name, "emails", f"{name}@h", state, 0.0, number, said)


def situation(policy, *, ready=0, workers=(), unknown=(), **scaling):
    settings = {"min_workers": 1, "max_workers": 10, "concurrency": 4, "stabilization": 0.0, **scaling}
    running = sum(len(each.stats.value.active) for each in workers if isinstance(each.stats, Known))
    return Situation(
        now=NOW,
        fleet="emails",
        scaling=Scaling(policies=(policy,), **settings),
        demand=Demand(ready, 0, running, unknown),
        workers=tuple(workers),
        host=HostBudget(None, None),
        measures=Measures(
            published=((NOW - 60, 0.0), (NOW, 600.0)),
            service=Estimate(0.2, 0.15, 0.25),
            arrival=Estimate(10.0, 9.5, 10.5),
            start_seconds=Estimate(8.0, 8.0, None),
        ),
    )


def test_it_tells_what_was_seen():
    fleet = [worker(1, active=4, reserved=2), worker(2, state=WorkerState.STARTING)]
    seen = explain(situation(BacklogPerWorker(20), ready=3, workers=fleet), FleetState()).seen
    assert seen == (
        "3 waiting: 3 in the queues, 0 held by workers that have not started them; 4 running.",
        "2 workers of 4 slots each: 1 running, 1 starting.",
        "10 (9.5 to 10.5) tasks are published a second.",
        "A task runs 0.2 (0.15 to 0.25) s on the mean.",
        "A worker takes 8 (8 to ?) s to start.",
    )


def test_it_tells_what_is_unknown():
    known = situation(BacklogPerWorker(20), workers=[worker(1)], unknown=("queue emails: timed out",))
    seen = explain(known, FleetState()).seen
    assert seen[0].startswith("At least 0 waiting")
    assert seen[1] == "Unknown: queue emails: timed out."


def test_it_tells_who_would_go_first():
    fleet = [worker(1), worker(2, active=4, reserved=2), worker(3, state=WorkerState.STARTING)]
    first = explain(situation(BacklogPerWorker(20), workers=fleet), FleetState()).first_to_go
    assert [(each.name, each.text) for each in first] == [
        ("emails-03", "still starting"),
        ("emails-01", "idle"),
        ("emails-02", "2 waiting in it, 4 running"),
    ]


@pytest.mark.parametrize(
    ("policy", "ready", "tasks", "lasting"),
    [
        (BacklogPerWorker(20), 0, 45, 0.0),
        (BacklogPerWorker(20), 30, 15, 0.0),
        (Threshold(up=100, down=10, step=1, up_after=10, down_after=60), 30, 71, 10.0),
        (Threshold(up=100, down=10, step=1, up_after=10, down_after=60), 130, 0, 10.0),
    ],
)
def test_it_tells_how_many_tasks_more_would_start_another_worker(policy, ready, tasks, lasting):
    asked = situation(policy, ready=ready, workers=[worker(1), worker(2)], min_workers=2)
    found = explain(asked, FleetState(size=2)).next_worker
    assert (found.tasks, found.lasting) == (tasks, lasting)


def test_the_number_of_tasks_is_the_fewest_also_for_a_longest_wait():
    asked = situation(MaxWait(30), ready=10, workers=[worker(1, active=4)])
    now, _ = decide(asked, FleetState())
    found = explain(asked, FleetState()).next_worker
    assert found.tasks is not None

    def wanted(more):
        demand = dataclasses.replace(asked.demand, ready=asked.demand.ready + more)
        published = (*asked.measures.published, (NOW, 600.0 + more))
        measures = dataclasses.replace(asked.measures, published=published)
        return decide(dataclasses.replace(asked, demand=demand, measures=measures), FleetState())[0].desired

    assert wanted(found.tasks) > now.desired
    assert wanted(found.tasks - 1) == now.desired


def test_where_no_number_of_tasks_helps_it_names_the_limit():
    fleet = [worker(1), worker(2)]
    found = explain(situation(BacklogPerWorker(20), workers=fleet, max_workers=2), FleetState(size=2))
    assert found.next_worker.tasks is None
    assert found.next_worker.text.endswith("another one: max_workers is 2.")


@pytest.fixture
def tick(world):
    controller = world.controller()
    world.queue += [50.0] * 30
    return world.run(controller, 5)


@pytest.fixture
def client(tick, short_folder, tmp_path):
    seen = Snapshot(tmp_path / "autoscaler.yaml", tick.at, tick.at, 2.0, tick)
    with Server(make_app(lambda: seen, lambda: tick.at), short_folder / "a.sock"):
        yield Client(short_folder / "a.sock")


def test_the_api_explains_the_last_decision_as_it_was_taken(tick, client):
    (fleet,) = tick.fleets
    view = client.explanation("emails")
    assert (view.current, view.desired) == (fleet.decision.current, fleet.decision.desired)
    assert [each.text for each in view.reasons] == [each.text for each in fleet.decision.reasons]
    assert [each.name for each in view.first_to_go]


def test_a_fleet_that_is_not_there_is_named(client):
    with pytest.raises(UnknownName, match="there is no fleet 'nobody'"):
        client.explanation("nobody")


def test_a_fleet_that_cannot_be_seen_says_why(tick):
    (fleet,) = tick.fleets
    blind = dataclasses.replace(fleet, decision=None, situation=None, memory=None, trouble="no supervisord")
    view = explanation_view(blind, tick.at)
    assert (view.desired, view.trouble) == (None, "no supervisord")
    assert list(explanation_lines(view)) == ["emails", "", "Trouble", "  no supervisord"]


def test_people_read_it_section_by_section(tick):
    view = explanation_view(tick.fleets[0], tick.at)
    titles = [line for line in explanation_lines(view) if line and not line.startswith(" ")]
    assert titles[0].startswith("emails: wants ")
    assert titles[1:] == ["Seen", "Policies", "Decided by", "First to go", "Next worker"]
    assert ExplanationView.model_validate(view.model_dump(mode="json")) == view


def test_a_worker_given_for_a_fleet_is_told_apart(client):
    with pytest.raises(UnknownName, match="'emails-01' is a worker; its fleet is emails"):
        client.explanation("emails-01")


@pytest.mark.parametrize(
    ("crashes", "workers", "most", "bound"),
    [
        ((), 2, 2, "max_workers is 2"),
        ((NOW,) * 3, 2, 3, "crash_loop: 3 crashes within 300 s: none for 10 s more"),
        ((NOW,) * 3, 3, 3, "max_workers is 3"),
    ],
)
def test_it_names_the_bound_that_no_number_of_tasks_passes(crashes, workers, most, bound):
    fleet = [worker(number) for number in range(1, workers + 1)]
    asked = situation(BacklogPerWorker(1), ready=most, workers=fleet, max_workers=most)
    said = explain(asked, FleetState(size=most, crashes=crashes)).next_worker.text
    assert said == f"No number of waiting tasks starts another one: {bound}."


def test_the_next_worker_is_explained_by_the_load_also_where_one_is_held(world):
    controller = world.controller(world.config(min_workers=2))
    world.run(controller, 5)
    stopped = world.processes_by_name["emails-02"]
    world.processes_by_name["emails-02"] = dataclasses.replace(stopped, state=ProgramState.STOPPED, pid=None)
    tick = world.run(controller, 3)
    text = explanation_view(tick.fleets[0], tick.at).next_worker.text
    assert "waiting" in text
    assert "by hand" not in text
