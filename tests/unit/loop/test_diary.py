"""The daemon's log: levels, formats, who has the say, and the tick's number on each line."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from autoscaler.cli import main
from autoscaler.loop.daemon import Daemon
from autoscaler.loop.diary import Diary, JsonLines, in_tick
from autoscaler.net.asked import Asked

OURS = logging.getLogger("autoscaler.observe.rabbitmq")
THEIRS = logging.getLogger("kombu.connection")
HTTP = logging.getLogger("uvicorn.error")


class Written:
    """What a diary writes."""

    def __init__(self, **given: str) -> None:
        self.stream = io.StringIO()
        self.diary = Diary(**given, stream=self.stream)

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    @property
    def objects(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def write() -> Iterator[Callable[..., Written]]:
    """Begin diaries; their levels end with the test."""
    loggers = [logging.getLogger(name) for name in (None, "autoscaler", "uvicorn.error", "uvicorn.asgi")]
    levels = [each.level for each in loggers]
    begun = []

    def _write(**given: str) -> Written:
        written = Written(**given)
        written.diary.__enter__()
        begun.append(written.diary)
        return written

    yield _write
    for diary in begun:
        diary.__exit__()
    for each, level in zip(loggers, levels, strict=True):
        each.setLevel(level)


def log_all() -> None:
    for logger in (OURS, THEIRS, HTTP):
        for level in ("debug", "info", "warning", "error"):
            getattr(logger, level)("%s %s", logger.name.partition(".")[0], level)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("info", {"autoscaler": 3, "kombu": 2, "uvicorn": 1}),
        ("warning", {"autoscaler": 2, "kombu": 2, "uvicorn": 1}),
        ("error", {"autoscaler": 1, "kombu": 1, "uvicorn": 1}),
        ("debug", {"autoscaler": 4, "kombu": 4, "uvicorn": 4}),
    ],
)
def test_libraries_are_heard_from_warning_on_unless_debug_is_asked_for(write, level, expected):
    written = write()
    written.diary.use(level, "json")
    log_all()
    messages = [str(each["message"]).split() for each in written.objects]
    assert {name: sum(of == name for of, _ in messages) for name in expected} == expected


def test_without_a_config_it_is_info_as_text(write):
    written = write()
    OURS.debug("hidden")
    OURS.info("emails: wants 3 workers")
    (line,) = written.lines
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO emails: wants 3 workers", line)


def test_the_command_line_and_the_environment_win_over_the_config(write):
    written = write(level="debug", format="json")
    written.diary.use("error", "text")
    OURS.debug("seen")
    assert [each["message"] for each in written.objects] == ["seen"]


def test_one_of_both_can_be_given_and_the_config_has_the_other(write):
    written = write(level="debug")
    written.diary.use("error", "json")
    OURS.debug("seen")
    assert [each["message"] for each in written.objects] == ["seen"]


def test_a_line_within_a_tick_has_its_number_and_no_other_has(write):
    written = write()
    OURS.info("before")
    with in_tick(12):
        OURS.info("within")
        other = threading.Thread(target=OURS.info, args=("of another thread",))
        other.start()
        other.join()
    OURS.info("after")
    texts = [line.split(" INFO ")[1] for line in written.lines]
    assert texts == ["before", "[12] within", "of another thread", "after"]


def test_a_debug_line_names_its_logger(write):
    written = write(level="debug")
    OURS.debug("GET queues: 3 queues")
    assert written.lines[0].endswith("DEBUG observe.rabbitmq: GET queues: 3 queues")


def test_a_json_line_is_one_object_with_the_time_and_its_offset(write):
    written = write(level="debug", format="json")
    with in_tick(3), Asked(OURS, "cancel_consumer(emails)", worker="emails-03"):
        pass
    OURS.warning("two\nlines ü", extra={"fleet": "emails"})
    asked, warned = written.objects
    assert len(written.lines) == 2
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", str(asked["time"]))
    assert abs(datetime.fromisoformat(str(asked["time"])).timestamp() - time.time()) < 60
    assert (asked["level"], asked["logger"]) == ("debug", OURS.name)
    assert (asked["tick"], asked["worker"]) == (3, "emails-03")
    assert float(str(asked["ms"])) >= 0
    assert (warned["message"], warned["fleet"]) == ("two\nlines ü", "emails")
    assert warned.keys() == {"time", "level", "logger", "message", "fleet"}


def test_whatever_a_message_holds_its_json_line_can_be_written():
    record = OURS.makeRecord(OURS.name, logging.INFO, "", 0, "%s", ("\ud800\x00\u2028",), None)
    line = JsonLines().format(record)
    assert line.isascii()
    assert json.loads(line)["message"] == "\ud800\x00\u2028"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_is_part_of_its_line(write, form):
    written = write(format=form)
    OURS.error("a fleet failed", exc_info=ValueError("broken"))
    if form == "json":
        (line,) = written.objects
        assert "ValueError: broken" in str(line["error"])
    else:
        assert written.lines[0].endswith("ERROR a fleet failed")
        assert written.lines[-1] == "ValueError: broken"


# --- with the daemon --------------------------------------------------------------------------------------


@pytest.fixture
def config_file(short_folder: Path) -> Path:
    path = short_folder / "autoscaler.yaml"
    settings = {
        "broker": {"url": "memory://"},
        "supervisord": {
            "url": f"unix://{short_folder}/none.sock",
            "programs_file": str(short_folder / "autoscaler.conf"),
        },
        "console": {"socket": str(short_folder / "a.sock")},
        "state_dir": str(short_folder),
        "polling_interval": "100ms",
        "fleets": {},
    }
    path.write_text(yaml.safe_dump(settings))
    return path


def change(path: Path, **keys: str) -> None:
    settings = {**yaml.safe_load(path.read_text()), **keys}
    path.write_text(yaml.safe_dump(settings))


def test_an_edit_of_the_level_and_the_format_takes_effect_without_a_restart(
    config_file: Path, write: Callable[..., Written], eventually: Callable[..., object]
) -> None:
    written = write()
    daemon = Daemon(config_file, on_config=lambda used: written.diary.use(used.log_level, used.log_format))
    loop = threading.Thread(target=daemon.run)
    loop.start()
    try:
        eventually(lambda: daemon.snapshot.tick, 10, "a tick")
        assert not [line for line in written.lines if " DEBUG " in line]
        change(config_file, log_level="debug", log_format="json")
        found = eventually(lambda: [line for line in written.lines if '"level": "debug"' in line], 10)
        change(config_file, log_level="warning", log_format="text")
        eventually(lambda: daemon.config.log_level == "warning", 10, "the edit back")
    finally:
        daemon.stop()
        loop.join()
    lines = [json.loads(line) for line in found]
    assert any("tick" in each and "ms" in each for each in lines)
    assert {str(each["logger"]).partition(".")[0] for each in lines} >= {"autoscaler"}
    assert not [line for line in written.lines if "stopped; the workers" in line], "an info line at warning"


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [(["--log-level", "loud"], {}), ([], {"AUTOSCALER_LOG_FORMAT": "xml"})],
)
def test_a_wrong_level_or_format_is_wrong_usage(arguments, environ):
    result = CliRunner().invoke(main, ["run", *arguments], env=environ)
    assert result.exit_code == 2
    assert "is not one of" in result.output
