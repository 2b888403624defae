"""`singletons` in the config."""

from __future__ import annotations

import pytest

from autoscaler import config
from autoscaler.errors import ConfigError
from autoscaler.loop.warnings import notes

BASE = """\
broker:
  url: amqp://guest:guest@localhost//
fleets:
  emails: {app: shop, queues: [emails], concurrency: 1, min_workers: 1, max_workers: 1}
"""


@pytest.fixture
def load(tmp_path):
    def _load(text):
        path = tmp_path / "autoscaler.yaml"
        path.write_text(BASE + text)
        return config.load(path, {})

    return _load


@pytest.mark.parametrize("command", ["celery -A shop beat -s '/a b'", '[celery, -A, shop, beat, -s, "/a b"]'])
def test_a_command_is_a_text_or_a_list_of_words(load, command):
    beat = load(f"singletons:\n  beat:\n    command: {command}\n").singletons["beat"]
    assert beat.command == ("celery", "-A", "shop", "beat", "-s", "/a b")
    assert beat.beat_app == "shop"
    assert beat.stop_timeout == 10.0


def test_it_has_the_rights_of_defaults_that_it_does_not_give_itself(load):
    text = "defaults: {user: shop, log_dir: /var/log/shop, concurrency: 3}\n"
    text += "singletons: {beat: {command: celery beat}, flower: {command: flower, user: www}}\n"
    found = load(text).singletons
    assert (found["beat"].user, str(found["beat"].log_dir)) == ("shop", "/var/log/shop")
    assert found["flower"].user == "www"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{beat: {}}", "singletons.beat.command: is missing: the command"),
        ("{beat: {command: ''}}", "singletons.beat.command: is empty; it needs a command"),
        ("{beat: {command: []}}", "singletons.beat.command: is empty; it needs a command"),
        ("{beat: {command: bin/x}}", "singletons.beat.command: 'bin/x' is neither"),
        ("{beat: {command: celery beat --detach}}", "--detach cannot be given: supervisord cannot watch"),
        ("{beat: {command: x, name: y}}", "singletons.beat.name: is not a known key"),
        ("{beat: {command: x, comand: y}}", "did you mean command?"),
        ("{beat-01: {command: x}}", "singletons.beat-01: 'beat-01' ends in a number as worker names do"),
        ("{emails: {command: x}}", "singletons.emails: a fleet is called emails too"),
        ("{beat: {command: x, stop_timeout: 0s}}", "must be more than 0"),
        ("{beat: {command: 7}}", "singletons.beat.command: must be a list"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(load, text, problem):
    with pytest.raises(ConfigError) as error:
        load(f"singletons: {text}\n")
    assert problem in str(error.value)
    assert "autoscaler.yaml:5: " in str(error.value)


def test_a_command_is_never_repeated_since_it_may_hold_a_password(load):
    with pytest.raises(ConfigError) as error:
        load("singletons: {flower: {command: [flower, {secret: s3cr3t}]}}\n")
    assert "s3cr3t" not in str(error.value)
    assert "s3cr3t" not in repr(load("singletons: {flower: {command: flower --auth=s3cr3t}}\n"))


@pytest.mark.parametrize("options", ["-B", "[--beat]", "-EB"])
def test_a_beat_inside_every_worker_is_refused(load, tmp_path, options):
    with pytest.raises(ConfigError, match="run celery beat on its own"):
        load(f"defaults: {{options: {options}}}\n")


def test_two_beats_of_one_app_and_what_the_machine_lacks_are_noted(load, tmp_path):
    text = "singletons:\n  a: {command: celery -A shop beat, user: nobody-here}\n"
    text += "  b: {command: /no/such/celery -A shop.celery beat, directory: /no/such}\n"
    found = load(text)
    told = "\n".join(str(each) for each in notes(tmp_path / "autoscaler.yaml", found, {}))
    assert "singletons.b.command: a sends the periodic tasks of shop as well" in told
    assert "singletons.a.user: there is no user nobody-here" in told
    assert "singletons.b.directory: there is no folder /no/such" in told
    assert "singletons.b.command: there is no file /no/such/celery" in told


@pytest.mark.parametrize(("remap", "noted"), [("SIGQUIT", True), ("SIGTERM", False)])
def test_an_environment_in_which_term_cancels_tasks_is_noted(load, tmp_path, remap, noted):
    found = load(f"defaults: {{environment: {{REMAP_SIGTERM: {remap}}}}}\n")
    keys = [each.key for each in notes(tmp_path / "autoscaler.yaml", found, {})]
    assert ("fleets.emails.environment" in keys) is noted
