"""Whatever is in the file: a Config or a ConfigError, never a traceback; what is valid is read as written."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autoscaler import model
from autoscaler.config import load, units
from autoscaler.errors import ConfigError, Problem

PYDANTIC_WORDS = ("Input should", "type=", "Value error", "Extra inputs", "pydantic", "Field required")


def problems(content: bytes) -> tuple[Problem, ...]:
    """Load some bytes: what is wrong with them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "autoscaler.yaml")
        path.write_bytes(content)
        try:
            load(path, {"HOME": "/root"})
        except ConfigError as error:
            return error.problems
        return ()


def outcome(content: bytes) -> str:
    """Load some bytes: what is wrong with them in words, after a look at the lines."""
    found = problems(content)
    lines = [problem.line for problem in found]
    assert lines == sorted(lines)
    assert all(1 <= line <= content.count(b"\n") + content.count(b"\r") + 1 for line in lines)
    return "\n".join(f"{problem.key}: {problem.message}" for problem in found)


def without_jargon(text: str) -> bool:
    return not any(word in text for word in PYDANTIC_WORDS)


@given(st.binary(max_size=200))
@example(b"\xef\xbb\xbf")
@example(b"\xff\xfe")
@example(b"? {a: b}\n: c")
@example(b"!!set {a, b}")
@example(b"a: !!float x")
@example(b"a: !!int ''")
@example(b"a: !!null x")
@example(b"a: !!bool x")
@example(b"a: !!binary x")
@example(b"<<: 3")
@example(b"<<: [3, {a: 1}]")
@example(b"&a a: *a")
@example(b"a: " + b"9" * 5000)
@example(b"a: 1.0e+999")
@example(b"? 09")
def test_no_bytes_make_a_traceback(content: bytes) -> None:
    assert without_jargon(outcome(content))


ALPHABET = "abc:-[]{}&*<>!|'\"#%@,.?~ \n\t019$/=e\\"


@given(st.text(ALPHABET, max_size=60))
@settings(max_examples=300)
def test_nothing_that_looks_like_yaml_makes_a_traceback(text: str) -> None:
    assert without_jargon(outcome(text.encode()))


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10_000),
    st.floats(allow_nan=True),
    st.text(max_size=8),
    st.sampled_from(["30s", "4/15s", "1GiB", "amqp://u:p@h//", "unix:///x", "/a", "${HOME}", "${X}", "-A x"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def sections(*keys: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from([*keys, "zz"]), VALUES, max_size=4)


FLEET_KEYS = (
    *(
        "app",
        "queues",
        "concurrency",
        "max_workers",
        "min_workers",
        "scale",
        "pool",
        "celery",
        "directory",
        "user",
    ),
    *("environment", "options", "log_dir", "pid_dir", "stabilization", "tolerance"),
    *("max_scale_up", "max_scale_down"),
    *("drain_timeout", "drain_on_timeout", "fallback", "dry_run", "name"),
)
SCALES = sections("threshold", "backlog_per_worker", "max_wait") | st.fixed_dictionaries(
    {
        "threshold": sections("up", "down", "step", "up_after"),
        "schedule": VALUES | st.lists(sections("cron", "for", "min_workers", "timezone"), max_size=2),
    }
)
FLEETS = st.builds(
    lambda keys, scale: {**keys, **scale},
    sections(*FLEET_KEYS),
    st.fixed_dictionaries({}, optional={"scale": SCALES, "fallback": sections("workers", "after")}),
)
FILES = st.fixed_dictionaries(
    {},
    optional={
        "broker": VALUES | sections("url", "url_file", "management_url", "transport_options"),
        "supervisord": VALUES | sections("url", "programs_file"),
        "console": VALUES | sections("socket", "listen", "token"),
        "polling_interval": VALUES,
        "state_dir": VALUES,
        "host": VALUES | sections("reserve_memory"),
        "defaults": VALUES | FLEETS,
        "fleets": VALUES | st.dictionaries(st.sampled_from(["a", "b", "c-1"]), VALUES | FLEETS, max_size=3),
    },
)


@given(FILES)
@settings(max_examples=300)
def test_no_value_at_any_key_makes_a_traceback_or_shows_pydantic_s_words(data: dict[str, Any]) -> None:
    assert without_jargon(outcome(yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "replace")))


WORDS = st.text("abcdefgh", min_size=1, max_size=6)


@st.composite
def valid_fleets(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the keys of a fleet, as they stand in a file, that break no rule."""
    least = draw(st.integers(0, 20))
    most = draw(st.integers(max(least, 1), 999))
    fleet: dict[str, Any] = {
        "app": draw(WORDS),
        "queues": draw(st.lists(WORDS, min_size=1, max_size=4, unique=True)),
        "concurrency": draw(st.integers(1, 64)),
        "min_workers": least,
        "max_workers": most,
        "scale": {"backlog_per_worker": draw(st.integers(1, 1000))},
        "drain_timeout": f"{draw(st.integers(1, 10**6))}s",
        "environment": draw(st.dictionaries(WORDS, st.text("xyz 0:~%,[", max_size=8), max_size=2)),
        "fallback": {"workers": draw(st.integers(least, most)), "after": f"{draw(st.integers(0, 999))}ms"},
    }
    return fleet


@given(st.dictionaries(WORDS, valid_fleets(), max_size=3))
def test_a_valid_file_is_read_as_written(fleets: dict[str, dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "autoscaler.yaml")
        path.write_text(yaml.safe_dump({"broker": {"url": "amqp://mq//"}, "fleets": fleets}))
        config = load(path, {})

    assert list(config.fleets) == sorted(fleets)
    for name, keys in fleets.items():
        fleet = config.fleets[name]
        assert (fleet.name, fleet.app, list(fleet.queues)) == (name, keys["app"], keys["queues"])
        assert (fleet.min_workers, fleet.max_workers) == (keys["min_workers"], keys["max_workers"])
        assert fleet.environment == keys["environment"]
        assert fleet.scaling.policies == (model.BacklogPerWorker(keys["scale"]["backlog_per_worker"]),)
        assert f"{fleet.drain_timeout:.0f}s" == keys["drain_timeout"]
        assert fleet.fallback
        assert fleet.fallback.workers == keys["fallback"]["workers"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("30s", 30), ("2m", 120), ("1h", 3600), ("1d", 86400), ("1.5h", 5400)],
)
def test_durations_are_seconds(text: str, seconds: float) -> None:
    assert units.duration(text) == seconds


@given(st.integers(0, 10), st.integers(0, 100), st.integers(0, 100))
def test_compound_durations_add_up(hours: int, minutes: int, seconds: int) -> None:
    assert units.duration(f"{hours}h{minutes}m{seconds}s") == hours * 3600 + minutes * 60 + seconds


@pytest.mark.parametrize("text", ["", "s", "5", "5x", "-5s", "1m1h", "5 s", "1h1h", "٣s", "1e3s"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write it as 500ms"):
        units.duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512MiB", 512 * 1024**2),
        ("1GiB", 1024**3),
        ("1GB", 10**9),
        ("100KiB", 102400),
        ("1.5kB", 1500),
        ("0B", 0),
    ],
)
def test_sizes_are_bytes(text: str, size: int) -> None:
    assert units.size(text) == size
