"""What Prometheus is told: the names of the contract, and nothing that is not known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from autoscaler import __version__
from autoscaler.config import Singleton
from autoscaler.http.api import make_app
from autoscaler.http.metrics import CONTENT_TYPE, FAMILIES
from autoscaler.http.server import Server
from autoscaler.http.sources import Source, sources
from autoscaler.loop.snapshot import Counts, Snapshot
from autoscaler.model import Known, ProgramState, QueueStats, Stopped, WorkerState
from autoscaler.net.unix_http import UnixHTTPConnection

#: Those of the design, with their labels.
CONTRACT = {
    "autoscaler_queue_messages_ready": {"queue"},
    "autoscaler_queue_messages_unacknowledged": {"queue"},
    "autoscaler_fleet_demand": {"fleet"},
    "autoscaler_fleet_workers": {"fleet", "state"},
    "autoscaler_fleet_desired_workers": {"fleet"},
    "autoscaler_fleet_expected_wait_seconds": {"fleet"},
    "autoscaler_decisions_total": {"fleet", "reason"},
    "autoscaler_source_up": {"source"},
    "autoscaler_tick_duration_seconds": set(),
    "autoscaler_config_reload_success": set(),
}


def snapshot(tick, **changes):
    counts = Counts().after(tick) if tick else Counts()
    return replace(Snapshot(Path("a.yaml"), 1_000_000.0, 1_000_000.0, 2.0, tick, counts=counts), **changes)


@pytest.fixture
def scrape(short_folder):
    """Scrape a snapshot over its real socket: the values by name and labels, such as ``name{a=x}``."""

    def _scrape(seen, now=None):
        at = now or (seen.tick.at if seen.tick else seen.started_at)
        with Server(make_app(lambda: seen, lambda: at), short_folder / "a.sock"):
            connection = UnixHTTPConnection(short_folder / "a.sock", 5)
            connection.request("GET", "/metrics")
            answer = connection.getresponse()
            assert answer.getheader("content-type") == CONTENT_TYPE
            text = answer.read().decode()
            connection.close()
        return {
            _name(sample): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if not sample.name.startswith("process_")
        }

    return _scrape


def _name(sample):
    labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
    return f"{sample.name}{{{labels}}}".removesuffix("{}").removeprefix("autoscaler_")


def named(values, name):
    return {key: value for key, value in values.items() if key.partition("{")[0] == name}


@pytest.fixture
def busy(world):
    """A fleet of four with one that drains, and more to do than it can."""
    controller = world.controller()
    world.queue += [50.0] * 30
    world.run(controller, 20)
    controller.reconfigure(world.config(max_workers=4))
    return world.run(controller, 2)


def test_the_names_and_labels_are_those_of_the_contract():
    told = {each.full_name: set(each.labels) for each in FAMILIES}
    assert CONTRACT.items() <= told.items()
    assert all(each.help.endswith(".") for each in FAMILIES)
    assert len(told) == len(FAMILIES)


def test_names_end_in_their_unit_and_counters_in_total():
    for each in FAMILIES:
        assert each.full_name.endswith("_total") == (each.kind == "counter")
        assert ("econds" in each.help) <= each.full_name.endswith(("_seconds", "_total")), each.name


def test_a_fleet_is_told_in_numbers(busy, scrape):
    values = scrape(snapshot(busy))
    demand = busy.fleets[0].decision.demand
    assert values["queue_messages_ready{queue=emails}"] == demand.ready > 0
    assert values["fleet_demand{fleet=emails}"] == demand.ready + demand.reserved > demand.ready
    assert values["fleet_running_tasks{fleet=emails}"] == 8
    assert values["fleet_workers{fleet=emails,state=running}"] == 4
    assert values["fleet_workers{fleet=emails,state=draining}"] == 1
    assert values["fleet_workers{fleet=emails,state=failed}"] == 0
    assert len(named(values, "fleet_workers")) == len(WorkerState)
    assert values["fleet_desired_workers{fleet=emails}"] == 4
    assert values["fleet_recommended_workers{fleet=emails}"] == 5
    assert (values["fleet_min_workers{fleet=emails}"], values["fleet_max_workers{fleet=emails}"]) == (1, 4)
    assert values["fleet_expected_wait_seconds{fleet=emails}"] > 0
    assert values["fleet_hold{fleet=emails,kind=paused}"] == 0
    assert values["tick_duration_seconds"] > 0
    assert values[f"build_info{{version={__version__}}}"] == 1


def test_all_is_up_when_all_is_seen(busy, scrape):
    assert named(scrape(snapshot(busy)), "source_up") == {
        f"source_up{{source={each}}}": 1 for each in ("supervisord", "queues", "workers", "host")
    }


def test_a_broker_that_is_away_leaves_no_number_behind(world, scrape):
    controller = world.controller()
    world.queue += [50.0] * 30
    world.run(controller, 5)
    world.broker_up = False
    values = scrape(snapshot(world.run(controller, 2)))
    assert values["source_up{source=queues}"] == 0
    assert values["source_up{source=workers}"] == 0
    assert values["source_up{source=supervisord}"] == 1
    assert values["fleet_demand_known{fleet=emails}"] == 0
    for gone in (
        "queue_messages_ready",
        "fleet_demand",
        "fleet_running_tasks",
        "fleet_expected_wait_seconds",
    ):
        assert named(values, gone) == {}
    assert values["fleet_workers{fleet=emails,state=running}"] > 0, "supervisord is seen all the same"


def test_without_supervisord_no_worker_is_counted(world, scrape):
    controller = world.controller()
    world.run(controller, 5)
    world.supervisord_up = False
    values = scrape(snapshot(world.run(controller, 1)))
    assert values["source_up{source=supervisord}"] == 0
    assert named(values, "fleet_workers") == named(values, "fleet_desired_workers") == {}
    assert named(values, "fleet_crash_looping") == {}
    assert values["fleet_trouble{fleet=emails}"] == 1
    assert values["fleet_max_workers{fleet=emails}"] == 5, "the config is known"
    assert values["queue_messages_ready{queue=emails}"] == 0


def test_a_queue_that_is_counted_by_the_broker_has_no_unacknowledged_messages(world, scrape):
    tick = world.run(world.controller(), 3)
    assert named(scrape(snapshot(tick)), "queue_messages_unacknowledged") == {}
    counted = {"emails": Known(QueueStats("emails", 3, unacknowledged=2), tick.at)}
    tick = replace(tick, observation=replace(tick.observation, queues=counted))
    assert scrape(snapshot(tick))["queue_messages_unacknowledged{queue=emails}"] == 2


def test_a_tick_that_is_too_old_tells_nothing(busy, scrape):
    values = scrape(snapshot(busy), busy.at + 60)
    assert not [name for name in values if name.startswith(("fleet_", "queue_", "source_"))]
    assert values["tick_age_seconds"] == 60
    assert values["config_reload_success"] == 1


def test_before_the_first_tick_nothing_is_zero(scrape):
    values = scrape(snapshot(None))
    assert "tick_duration_seconds" not in values
    assert values["tick_age_seconds"] == values["ticks_total"] == 0
    assert scrape(snapshot(None), 1_000_100.0)["tick_age_seconds"] == 100


def test_a_config_that_cannot_be_used_is_told(busy, scrape):
    assert scrape(snapshot(busy, config_problems=("a.yaml:3: wrong",)))["config_reload_success"] == 0


def test_what_an_operator_ordered_is_told(world, scrape):
    controller = world.controller()
    tick = world.run(controller, 3)
    (fleet,) = tick.fleets
    held = replace(tick, fleets=(replace(fleet, hold=Stopped(), dry_run=True),))
    values = scrape(snapshot(held))
    assert values["fleet_hold{fleet=emails,kind=stopped}"] == 1
    assert values["fleet_hold{fleet=emails,kind=size}"] == 0
    assert values["fleet_dry_run{fleet=emails}"] == 1


def test_a_crash_loop_is_told(world, scrape):
    controller = world.controller()
    world.run(controller, 5)
    for _ in range(3):
        world.kill("emails-01")
        tick = world.run(controller, 2)
    assert scrape(snapshot(tick))["fleet_crash_looping{fleet=emails}"] == 1


def test_the_wait_that_is_wanted_stands_beside_the_expected_one(world, scrape):
    tick = world.run(world.controller(world.config(scale={"max_wait": 30})), 3)
    assert scrape(snapshot(tick))["fleet_max_wait_seconds{fleet=emails}"] == 30


def test_singletons_are_told_by_their_names(world, scrape):
    beat = Singleton(name="beat", command=("celery", "-A", "shop", "beat"))
    config = world.config().model_copy(update={"singletons": {"beat": beat}})
    controller = world.controller(config)
    assert scrape(snapshot(world.run(controller, 5)))["singleton_running{singleton=beat}"] == 1
    process = world.processes_by_name["beat"]
    world.processes_by_name["beat"] = replace(process, state=ProgramState.STOPPED, pid=None)
    assert scrape(snapshot(world.run(controller, 2)))["singleton_running{singleton=beat}"] == 0
    world.supervisord_up = False
    assert named(scrape(snapshot(world.run(controller, 1))), "singleton_running") == {}


def test_names_of_queues_are_told_as_they_are(world, scrape):
    name = 'a "quoted"\\name\nof two lines'
    tick = world.run(world.controller(world.config(queues=["emails"])), 3)
    queues = {name: Known(QueueStats(name, 7), tick.at)}
    tick = replace(tick, observation=replace(tick.observation, queues=queues))
    assert scrape(snapshot(tick))[f"queue_messages_ready{{queue={name}}}"] == 7


def test_no_worker_is_named(busy, scrape):
    assert not [name for name in scrape(snapshot(busy)) if "emails-0" in name]


# --- sources ---


def test_workers_are_no_source_before_one_has_answered(world):
    tick = world.controller().tick(world.now)
    assert [each.name for each in sources(tick)] == ["supervisord", "queues", "host"]


def test_one_silent_worker_of_many_is_no_source_that_is_down(world):
    controller = world.controller()
    world.queue += [50.0] * 30
    world.run(controller, 10)
    world.workers["emails-01@host"].silent = True
    assert all(each.up for each in sources(world.run(controller, 1)))
    for worker in world.workers.values():
        worker.silent = True
    down = [each for each in sources(world.run(controller, 1)) if not each.up]
    assert down == [Source("workers", "worker emails-01: no reply in time")]
