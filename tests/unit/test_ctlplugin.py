"""What the words after `supervisorctl autoscale` mean."""

from __future__ import annotations

import pytest

from autoscaler.ctlplugin import AutoscalePlugin


class Supervisorctl:
    """Notes what is said."""

    exitstatus = 0

    def __init__(self):
        self.said = []

    def output(self, text):
        self.said.append(text)


@pytest.fixture
def ordered():
    """Give words to the plugin; returns what it asks the daemon for, or what it says."""

    def order(words):
        supervisorctl, asked = Supervisorctl(), []
        plugin = AutoscalePlugin(supervisorctl)

        def post(verb, name, body, kind="fleets"):
            asked.append((kind, name, verb, body))
            return ()

        plugin._post = post
        plugin.do_autoscale(words)
        return asked[0] if asked else (supervisorctl.exitstatus, supervisorctl.said[0].splitlines()[0])

    return order


@pytest.mark.parametrize(
    ("words", "lasts", "reason"),
    [
        ("mails", None, ""),
        ("mails 10m", "10m", ""),
        ("mails 10m broker away", "10m", "broker away"),
        ("mails broker away", None, "broker away"),
        ("mails --for 10s", "10s", ""),
        ("mails --for=10s", "10s", ""),
        ("--for 10s mails", "10s", ""),
        ("mails --for 10s broker away", "10s", "broker away"),
        ("mails --reason broker away --for 10s", "10s", "broker away"),
        ("mails --for 10s --reason 'broker away'", "10s", "broker away"),
        ("mails --reason=broker away", None, "broker away"),
        ("mails 10s --reason sale - the big one", "10s", "sale - the big one"),
        ("mails --for ten", "ten", ""),  # the daemon says what is wrong with it
    ],
)
def test_a_time_and_a_reason_are_written_short_or_as_options(ordered, words, lasts, reason):
    body = {"for": lasts, "reason": reason}
    assert ordered(f"pause {words}") == ("fleets", "mails", "pause", body)
    assert ordered(f"drain {words}") == ("workers", "mails", "drain", body)


def test_a_size_and_all_fleets_take_options_too(ordered):
    body = {"workers": 5, "for": "2h", "reason": "sale"}
    assert ordered("scale mails 5 --for 2h --reason sale") == ("fleets", "mails", "scale", body)
    assert ordered("stop --all --for 2h")[1:] == ("--all", "stop", {"for": "2h", "reason": ""})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("pause mails --until 10s", "--until does not belong here"),
        ("pause mails -f 10s", "-f does not belong here"),
        ("pause mails --all", "--all does not belong here"),
        ("pause mails --for", "--for needs a time: 10s, 10m or 10h"),
        ("pause mails --for --reason sale", "--for needs a time: 10s, 10m or 10h"),
        ("pause mails --reason", "--reason needs a reason"),
        ("pause mails --for 1m --for 2m", "--for is given twice"),
        ("pause mails 1m --for 2m", "'1m' and --for '2m': give one of them"),
        ("pause mails sale --reason big", "'sale' and --reason 'big': give one of them"),
        ("pause --for 2m", "pause needs a fleet or --all"),
        ("resume mails --for 10m", "resume takes no --for"),
        ("release --json", "--json does not belong here"),
    ],
)
def test_an_option_that_is_not_understood_is_refused(ordered, words, said):
    assert ordered(words) == (2, said)
