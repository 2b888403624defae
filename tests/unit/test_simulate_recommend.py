"""The settings that keep a wait at the least worker-hours."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from autoscaler import config
from autoscaler.cli import main
from autoscaler.cli.recommended import scaling_of
from autoscaler.simulate.elasticity import Elasticity
from autoscaler.simulate.outcome import Outcome
from autoscaler.simulate.patterns import pattern
from autoscaler.simulate.recommend import Choice, Tried, best, cheapest, search
from autoscaler.simulate.setting import Setting

LOAD = pattern("idle-then-one")
SETTING = Setting(wait=30.0, max_workers=4, concurrency=2)
NOTHING = Outcome("x", 1, 0.0, 0, 0, 0, 0, 0, 1.0, 1.0, 0, 0, 0, Elasticity(0, 0, 0, 0, 0), (), ())

CONFIG = """\
broker: {{url: "amqp://guest:guest@localhost:5672//"}}
fleets:
  emails:
    {{app: a.b, queues: [emails], concurrency: 2, max_workers: 4, scale: {{threshold: {{up: 9, down: 1}}}}}}
"""


def outcome(late=0.0, cost=1.0):
    return replace(NOTHING, violations=late, worker_seconds=cost)


def tried(run):
    return list(search(LOAD, SETTING, run, 0.01))


def test_what_the_fleet_has_is_tried_first_and_nothing_twice():
    choices = [each.choice for each in tried(lambda _: outcome())]
    assert choices[0] is None
    assert len(set(choices)) == len(choices)


def test_it_is_a_few_dozens_of_runs_even_if_nothing_helps():
    assert len(tried(lambda _: outcome(late=1.0))) < 40


def test_more_workers_are_tried_only_where_nothing_keeps_the_wait():
    assert max(each.choice.max_workers for each in tried(lambda _: outcome())[1:]) == 4

    def run(choice):
        return outcome(late=0.0 if choice and choice.max_workers >= 8 else 0.5)

    found = tried(run)
    assert max(each.choice.max_workers for each in found[1:]) == 8
    assert best(found, 0.01).choice.max_workers == 8


def test_the_cheapest_that_keeps_the_wait_is_chosen():
    wait, backlog = Choice("{max_wait: 30s}", 1, 4), Choice("{backlog_per_worker: 5}", 1, 4, 0.0)
    cheap = [Tried(wait, outcome(cost=2.0)), Tried(backlog, outcome(cost=1.5))]
    assert best(cheap, 0.01).choice is backlog
    late = [Tried(wait, outcome(cost=2.0)), Tried(backlog, outcome(late=0.02, cost=1.5))]
    assert best(late, 0.01).choice is wait
    assert best([Tried(wait, outcome(late=0.02))], 0.01) is None


def test_of_two_that_cost_alike_the_one_that_measures_itself_is_chosen():
    wait, backlog = Choice("{max_wait: 30s}", 1, 4), Choice("{backlog_per_worker: 5}", 1, 4, 0.0)
    alike = [Tried(backlog, outcome(cost=1.5)), Tried(wait, outcome(cost=1.54))]
    assert best(alike, 0.01).choice is wait


def test_of_two_that_cost_alike_the_one_that_starts_less_is_chosen():
    flapping, calm = Choice("{max_wait: 30s}", 1, 4), Choice("{backlog_per_worker: 5}", 1, 4, 60.0)
    alike = [
        Tried(flapping, replace(outcome(cost=1.5), starts=91)),
        Tried(calm, replace(outcome(cost=1.55), starts=12)),
    ]
    assert best(alike, 0.01).choice is calm
    assert cheapest(alike, 0.01).choice is flapping
    dearer = [alike[0], Tried(calm, replace(outcome(cost=1.7), starts=12))]
    assert best(dearer, 0.01).choice is flapping


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "autoscaler.yaml"
    path.write_text(CONFIG.format(), encoding="utf-8")
    return path


def test_every_choice_is_valid_in_the_config(config_file):
    for each in tried(lambda _: outcome(late=1.0)):
        if each.choice is not None:
            scaling = scaling_of(config_file, "emails", each.choice)
            assert (scaling.min_workers, scaling.max_workers) == (
                each.choice.min_workers,
                each.choice.max_workers,
            )


def recommend(path, *arguments):
    trace = path.with_name("load.csv")
    trace.write_text("arrival,service_time\n0,2\n300,2\n", encoding="utf-8")
    call = ["simulate", "--config", str(path), "--trace", str(trace), "--recommend", *arguments]
    return CliRunner().invoke(main, call)


def test_the_printed_keys_can_be_pasted_and_do_what_was_found(config_file):
    result = recommend(config_file)
    assert result.exit_code == 0, result.output
    printed = result.stdout.split("fleets:\n")[1]
    pasted = config_file.read_text().split("fleets:\n")[0] + "fleets:\n" + printed
    pasted += "    app: a.b\n    queues: [emails]\n    concurrency: 2\n"
    config_file.write_text(pasted)
    scaling = config.load(config_file, {}).fleets["emails"].scaling
    assert scaling.min_workers == 0, "two tasks need no worker that stands ready"
    assert scaling.policies


def test_the_comments_of_a_file_do_not_hinder_trying_others(config_file):
    text = config_file.read_text().split("    {app")[0]
    text += "    app: a.b\n    queues: [emails]\n    concurrency: 2\n    max_workers: 4\n"
    config_file.write_text(text + "    scale:\n      # how long a task may wait\n      max_wait: 30s\n")
    result = recommend(config_file)
    assert result.exit_code == 0, result.output
    assert "worker-hours and" in result.stdout
    assert "starts" in result.stdout


def test_as_json_it_names_the_chosen_keys(config_file):
    data = json.loads(recommend(config_file, "--json").stdout)
    (chosen,) = [each for each in data["tried"] if each["chosen"]]
    assert chosen["keys"]["min_workers"] == "0"


def test_it_stops_when_its_time_is_over(config_file):
    result = recommend(config_file, "--budget", "1ms")
    assert "stopped after 0.001 s" in result.stderr
    assert len(result.stdout.split("SETTINGS")[1].split("\n\n")[0].splitlines()) == 2
