"""The settings that keep a wait at the least worker-hours."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from autoscaler import config
from autoscaler.cli import main
from autoscaler.cli.recommended import recommend as write_recommendation
from autoscaler.cli.recommended import scaling_of
from autoscaler.tools.simulate.elasticity import Elasticity
from autoscaler.tools.simulate.outcome import Outcome
from autoscaler.tools.simulate.patterns import pattern
from autoscaler.tools.simulate.recommend import Choice, Tried, best, cheapest, search
from autoscaler.tools.simulate.setting import Setting

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


def test_a_run_that_is_under_way_when_its_time_is_over_is_broken_off(config_file, capsys):
    """A second passes with each tick, so that there is time for three runs and a part."""
    seconds, fleet = itertools.count(), config.load(config_file, {}).fleets["emails"]
    seldom = replace(SETTING, polling_interval=10.0)
    budget = 3.5 * LOAD.duration / seldom.polling_interval
    write_recommendation(
        *(config_file, fleet, LOAD, seldom),
        allowed=0.01,
        budget=budget,
        as_data=True,
        clock=lambda: float(next(seconds)),
    )
    told = capsys.readouterr()
    assert [each["keys"] is None for each in json.loads(told.out)["tried"]] == [True, False, False]
    assert f"stopped after {budget:g} s; --budget gives it longer" in told.err
    assert next(seconds) == budget + 1, "nothing has run on"


def test_where_no_run_was_done_in_time_nothing_is_advised(config_file):
    result = recommend(config_file, "--budget", "1ms")
    assert result.exit_code == 1
    assert "not one run on this load was done within 0.001 s: --budget gives it longer" in result.stderr
    assert result.stdout == ""
