"""An edit changes the value that was meant and no other character that matters to anybody."""

from __future__ import annotations

import difflib
import json
from copy import deepcopy

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autoscaler.config.edit import Reach, edit
from autoscaler.config.edit_value import value_of
from autoscaler.config.yaml_lines import Kind, Unreadable, parse
from autoscaler.errors import EditRefused

PLAIN = """\
# the shop
broker:
  url: amqp://mq  # ours

polling_interval: 2s

fleets:
  emails:   # mails
    app: 'shop'
    queues:
      - emails
      - newsletters   # rare
    concurrency: 1   # one
                     # and only
    max_workers: 12
    scale: {threshold: {up: 100, down: 10}, max_wait: "30s"}
    # min_workers: 2

  sms:
    app: shop
"""
SHARED = """\
defaults:
  max_workers: 4
  scale: &fast
    max_wait: 30s
    threshold: {up: 100, down: 10}
fleets:
  emails: &emails
    concurrency: &one 1
    queues: [emails]
  sms:
    <<: *emails
    queues: [sms]
  more:
    concurrency: *one
    queues: [more]
    scale: *fast
  twin: *emails
"""


def changed(text: str, key: str, typed: str, reach: Reach = Reach.ASK) -> str:
    """Edit a dotted key; give the lines that differ, as ``-old`` and ``+new``."""
    new = edit(text, tuple(key.split(".")), value_of(typed), reach)
    lines = difflib.ndiff(text.splitlines(), new.text.splitlines())
    told = [line[0] + line[2:] for line in lines if line[0] in "+-"]
    if told:
        assert "+" + new.text.splitlines()[new.line - 1] in told
    return "\n".join(told)


@pytest.mark.parametrize(
    ("key", "typed", "lines"),
    [
        ("polling_interval", "1s", "-polling_interval: 2s\n+polling_interval: 1s"),
        ("fleets.emails.max_workers", "20", "-    max_workers: 12\n+    max_workers: 20"),
        ("fleets.emails.concurrency", "2", "-    concurrency: 1   # one\n+    concurrency: 2   # one"),
        ("fleets.emails.app", "shop.tasks", "-    app: 'shop'\n+    app: 'shop.tasks'"),
        ("fleets.emails.app", '"a: b"', "-    app: 'shop'\n+    app: \"a: b\""),
        ("fleets.emails.min_workers", "0", "+    min_workers: 0"),
        ("fleets.emails.dry_run", "true", "+    dry_run: true"),
        ("host.reserve_memory", "2GiB", "+host:\n+  reserve_memory: 2GiB"),
        ("fleets.sms.scale.threshold.up", "3", "+    scale:\n+      threshold:\n+        up: 3"),
        ("fleets.sms.celery", "*/5 # x", "+    celery: '*/5 # x'"),
        ("fleets.sms.environment", "{A: b}", "+    environment:\n+      A: b"),
    ],
)
def test_one_key_of_a_file_with_comments(key: str, typed: str, lines: str) -> None:
    told = changed(PLAIN, key, typed)
    assert told == lines


def test_a_value_in_braces_keeps_what_is_beside_it() -> None:
    old = '    scale: {threshold: {up: 100, down: 10}, max_wait: "30s"}'
    for key, typed, new in [
        ("threshold.up", "200", '    scale: {threshold: {up: 200, down: 10}, max_wait: "30s"}'),
        ("threshold.step", "2", '    scale: {threshold: {up: 100, down: 10, step: 2}, max_wait: "30s"}'),
        ("max_wait", "1m", '    scale: {threshold: {up: 100, down: 10}, max_wait: "1m"}'),
        ("threshold", "null", '    scale: {threshold: null, max_wait: "30s"}'),
        (
            "backlog_per_worker",
            "5",
            '    scale: {threshold: {up: 100, down: 10}, backlog_per_worker: 5, max_wait: "30s"}',
        ),
    ]:
        assert changed(PLAIN, f"fleets.emails.scale.{key}", typed) == f"-{old}\n+{new}"


def test_a_missing_key_goes_behind_the_one_that_comes_before_it_in_the_docs() -> None:
    lines = edit(PLAIN, ("fleets", "emails", "min_workers"), value_of("3")).text.splitlines()
    assert lines[lines.index("    max_workers: 12") + 1] == "    min_workers: 3"
    lines = edit(PLAIN, ("fleets", "emails", "max_workers"), value_of("12")).text.splitlines()
    text = PLAIN.replace("    max_workers: 12\n", "")
    lines = edit(text, ("fleets", "emails", "max_workers"), value_of("3")).text.splitlines()
    assert lines[lines.index("                     # and only") + 1] == "    max_workers: 3"


@pytest.mark.parametrize(
    ("text", "key", "typed", "new"),
    [
        ("a: 1\r\nb:\r\n  c: 2\r\n", "b.d", "3", "a: 1\r\nb:\r\n  c: 2\r\n  d: 3\r\n"),
        ("a: 1\nb:\n  c: 2", "b.d", "3", "a: 1\nb:\n  c: 2\n  d: 3"),
        ("a:\t1\t# x\n", "a", "2", "a:\t2\t# x\n"),
        ("a: {}\n", "a.b", "2", "a: {b: 2}\n"),
        ("a: { }  # none\n", "a.b", "2", "a: {b: 2 }  # none\n"),
        ("a: {b: 1,}\n", "a.c", "2", "a: {b: 1, c: 2,}\n"),
        ("a: {\n  b: 1  # x\n}\n", "a.c", "2", "a: {\n  b: 1, c: 2  # x\n}\n"),
        ("a:\nb: 1\n", "a", "2", "a: 2\nb: 1\n"),
        ("a: null\n", "a.b", "2", "a: {b: 2}\n"),
        ("a:   # later\nb: 1\n", "a.b", "2", "a: {b: 2}   # later\nb: 1\n"),
        ("a:\n   b: 1\n   # end\n# out\n", "a.c", "2", "a:\n   b: 1\n   c: 2\n   # end\n# out\n"),
        ("a: |\n  long\n  text\n\n# x\nb: 1\n", "a", "short", "a: short\n\n# x\nb: 1\n"),
        ("a: >-\n  long\n", "b", "1", "a: >-\n  long\nb: 1\n"),
        ("a: one\n  two\nb: 1\n", "a", "x", "a: x\nb: 1\n"),
        ('{"a": {"b": 1}}', "a.c", "30s", '{"a": {"b": 1, "c": "30s"}}'),
        ('{"a": {"b": "x"}}', "a.b", "30s", '{"a": {"b": "30s"}}'),
        ("'a': 1\n", "b", "2", "'a': 1\n'b': 2\n"),
        ("a:\n- x\n- y\nb: 1\n", "a", "[z]", "a: [z]\nb: 1\n"),
        ("a: [x,\n  y]\n", "a", "[z]", "a: [z]\n"),
        ("---\na: 1\n...\n", "b", "2", "---\na: 1\nb: 2\n...\n"),
        ("? a\n: 1\n", "b", "2", "? a\n: 1\nb: 2\n"),
        ("a: &x 1\n", "a", "2", "a: &x 2\n"),
        ("ä: ö\na: 'ü'\n", "a", "é", "ä: ö\na: 'é'\n"),
    ],
)
def test_all_ways_to_write_a_file(text: str, key: str, typed: str, new: str) -> None:
    assert edit(text, tuple(key.split(".")), value_of(typed)).text == new


@pytest.mark.parametrize(
    ("key", "reach", "said"),
    [
        (
            "fleets.more.max_workers",
            Reach.ASK,
            "of more comes from defaults:, line 2: `",
        ),
        ("fleets.more.scale.max_wait", Reach.ASK, "scale.max_wait comes from *fast, line 4: --everywhere"),
        ("fleets.more.scale.schedule", Reach.ASK, "comes from *fast, line 4"),
        ("fleets.more.concurrency", Reach.ASK, "comes from *one, line 8"),
        ("fleets.sms.concurrency", Reach.ASK, "comes from *emails, line 8: --everywhere"),
        ("fleets.twin.queues", Reach.ASK, "comes from *emails, line 9"),
        (
            "fleets.emails.concurrency",
            Reach.ASK,
            "line 8, is written there for fleets.sms.concurrency, fleets.more",
        ),
        ("fleets.emails.scale.max_wait", Reach.ASK, "scale.max_wait of emails comes from defaults:, line 4"),
        ("defaults.scale.max_wait", Reach.ASK, "is written there for fleets.more.scale.max_wait as well"),
        ("fleets.emails.queues.up", Reach.ASK, "line 9: queues is no mapping that could have up"),
    ],
)
def test_what_is_shared_is_never_changed_nor_shadowed_silently(key: str, reach: Reach, said: str) -> None:
    with pytest.raises(EditRefused) as refused:
        changed(SHARED, key, "7", reach)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("key", "reach", "lines"),
    [
        ("fleets.more.max_workers", Reach.HERE, "+    max_workers: 7"),
        ("fleets.more.max_workers", Reach.EVERYWHERE, "-  max_workers: 4\n+  max_workers: 7"),
        ("defaults.max_workers", Reach.ASK, "-  max_workers: 4\n+  max_workers: 7"),
        ("fleets.more.concurrency", Reach.HERE, "-    concurrency: *one\n+    concurrency: 7"),
        ("fleets.more.concurrency", Reach.EVERYWHERE, "-    concurrency: &one 1\n+    concurrency: &one 7"),
        ("fleets.sms.concurrency", Reach.HERE, "+    concurrency: 7"),
        ("fleets.twin.concurrency", Reach.HERE, "-  twin: *emails\n+  twin: {<<: *emails, concurrency: 7}"),
        ("fleets.more.scale.max_wait", Reach.HERE, "-    scale: *fast\n+    scale: {<<: *fast, max_wait: 7}"),
        (
            "fleets.more.scale.threshold.up",
            Reach.HERE,
            "-    scale: *fast\n+    scale: {<<: *fast, threshold: {up: 7, down: 10}}",
        ),
        ("fleets.more.scale.max_wait", Reach.EVERYWHERE, "-    max_wait: 30s\n+    max_wait: 7"),
        (
            "fleets.twin.scale.threshold.up",
            Reach.HERE,
            "-  twin: *emails\n+  twin: {<<: *emails, scale: {max_wait: 30s, threshold: {up: 7, down: 10}}}",
        ),
        (
            "fleets.sms.scale.threshold.up",
            Reach.HERE,
            "+    scale:\n+      max_wait: 30s\n+      threshold:\n+        up: 7\n+        down: 10",
        ),
    ],
)
def test_a_shared_value_is_written_where_it_is_said(key: str, reach: Reach, lines: str) -> None:
    assert changed(SHARED, key, "7", reach) == lines


def test_a_value_that_is_there_already_changes_nothing() -> None:
    for text, key, typed in [
        (PLAIN, "fleets.emails.max_workers", "12"),
        (SHARED, "fleets.sms.max_workers", "4"),
    ]:
        assert edit(text, tuple(key.split(".")), value_of(typed)).text == text


def test_comments_are_not_lost_with_a_list() -> None:
    text = PLAIN.replace("- emails\n", "- emails  # often\n")
    with pytest.raises(EditRefused, match="queues has comments in lines 10 to 12"):
        edit(text, ("fleets", "emails", "queues"), value_of("[a]"))
    assert "    queues: [a]   # rare\n" in edit(PLAIN, ("fleets", "emails", "queues"), value_of("[a]")).text


def test_a_value_that_is_none_is_refused() -> None:
    for typed in ("", "  ", "a\nb"):
        with pytest.raises(ValueError, match=r"null for none|one line"):
            value_of(typed)


# --- whatever the file looks like ---

NAMES = st.sampled_from(["app", "max_workers", "min_workers", "scale", "up", "x y", "on", "ü", "7"])
LEAVES = st.one_of(
    st.integers(0, 99),
    st.booleans(),
    st.sampled_from(
        ["30s", "a # b", "a: b", "", "it's", '"', "0 8 * * *", "*x", "{", "null", "12", "yes", "two\nlines"]
    ),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.dictionaries(NAMES, inner, max_size=4), st.lists(inner, max_size=3)),
    max_leaves=12,
)
DATA = st.dictionaries(NAMES, TREES, min_size=1, max_size=5)


@st.composite
def files(draw: st.DrawFn) -> str:
    """A file in one of the many ways in which its data could be written."""
    text = (
        yaml.safe_dump(
            draw(DATA),
            default_flow_style=draw(st.sampled_from([False, True, None])),
            default_style=draw(st.sampled_from([None, None, None, "'", '"'])),
            indent=draw(st.sampled_from([2, 3, 4])),
            width=draw(st.sampled_from([20, 1000])),
            allow_unicode=True,
            sort_keys=False,
            explicit_start=draw(st.booleans()),
        )
        if draw(st.booleans())
        else yaml.safe_dump(draw(DATA), sort_keys=False)
    )
    written = lines(text)
    for at in draw(st.lists(st.integers(0, len(written)), max_size=3)):
        written.insert(at, draw(st.sampled_from(["\n", "# note\n", "      # deep\n"])))
    text = "".join(written)
    if draw(st.booleans()):
        text = text.rstrip("\n")
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


@st.composite
def paths(draw: st.DrawFn, data: object) -> tuple[str | int, ...]:
    path: list[str | int] = []
    while True:
        if isinstance(data, dict):
            key = draw(st.one_of(st.sampled_from(sorted(data)), NAMES) if data else NAMES)
        elif isinstance(data, list) and data:
            key = draw(st.integers(0, len(data) - 1))
        else:
            break
        path.append(key)
        data = data.get(key) if isinstance(data, dict) else data[key]
        if draw(st.integers(0, 3)) == 0:
            break
    return tuple(path)


def put(data: object, path: tuple[str | int, ...], value: object) -> object:
    data = deepcopy(data)
    inner = data
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return data


TYPED = st.sampled_from(["20", "1m", "true", "a: b", "'q'", "[a, 1]", "{k: v}", "it's", "null", "*x"])


@given(files(), st.data())
@settings(max_examples=200)
def test_only_the_meant_value_and_its_lines_change(text: str, more: st.DataObject) -> None:
    try:
        document = parse(text.encode())
    except Unreadable:  # a note fell into a text of several lines
        assume(False)
    assume(not document.faults and isinstance(document.data, dict))
    assume("# note" not in str(document.data))  # a note fell into a text in quotes, and is no comment there
    path, value = more.draw(paths(document.data)), value_of(more.draw(TYPED))
    try:
        new = edit(text, path, value)
    except EditRefused as error:
        known = ("has comments in", "is no mapping", "edit the file by hand" if "!!" in text else "has comm")
        if not any(words in str(error) for words in known):
            raise
        return
    assert parse(new.text.encode()).data == put(document.data, path, value.data)
    assert new.text.count("# note") == text.count("# note")
    if path not in document.places or document.places[path].kind in (Kind.NUMBER, Kind.TRUTH):
        removed = [line for line in difflib.ndiff(lines(text), lines(new.text)) if line[0] == "-"]
        assert len(removed) <= 1


def lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


KEYS = ["concurrency", "max_workers", "min_workers", "queues", "scale"]
KEYS += ["scale.max_wait", "scale.threshold.up", "scale.schedule"]


def effective(text: str) -> object:
    """What each fleet has in the end, and the defaults."""
    data = parse(text.encode()).data
    defaults = data["defaults"]
    fleets = {name: {**defaults, **fleet} for name, fleet in data["fleets"].items()}
    return json.loads(json.dumps({"defaults": defaults} | fleets))  # nothing in it is shared


@given(
    st.sampled_from(["emails", "sms", "more", "twin"]),
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=4),
)
def test_what_is_written_here_changes_nothing_elsewhere(fleet: str, keys: list[str]) -> None:
    text = SHARED
    for number, key in enumerate(keys):
        path = ("fleets", fleet, *key.split("."))
        try:
            new = edit(text, path, value_of(str(100 + number)), Reach.HERE)
        except EditRefused as error:
            # The fleet that holds the anchor cannot change alone; a number has no keys.
            if fleet != "emails" and "is no mapping" not in str(error):
                raise
            continue
        wanted = deepcopy(effective(text))
        inner = wanted[fleet]
        for part in path[2:-1]:
            inner = inner.setdefault(part, {})
        inner[path[-1]] = 100 + number
        assert effective(new.text) == wanted
        text = new.text
