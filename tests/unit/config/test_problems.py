"""Every problem of a config file is told at once, with line, key, value and rule."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from autoscaler.config import Config, load
from autoscaler.errors import ConfigError

ENVIRON = {"RABBIT_PASSWORD": "s3cr:t", "RABBIT_URL": "amqp://app:s3cret@mq/prod"}

CONTRACT = """\
broker:
  url: amqp://guest:guest@localhost:5672//
  management_url: http://localhost:15672
supervisord:
  url: unix:///run/supervisor.sock
  programs_file: /etc/supervisor/conf.d/autoscaler.conf
console:
  socket: /run/autoscaler/autoscaler.sock
  listen: 127.0.0.1:8085
state_dir: /var/lib/autoscaler
polling_interval: 2s
dry_run: false

fleets:
  emails:
    app: shop.tasks
    queues: [emails, newsletters]
    concurrency: 4
    min_workers: 1
    max_workers: 12
    scale:
      backlog_per_worker: 20
      threshold: {up: 100, down: 10, step: 2, up_after: 10s, down_after: 2m}
host:
  reserve_memory: 1GiB
"""

HEAD = "broker: {url: 'amqp://mq//'}\nfleets:\n  emails:\n"
FLEET = "app: shop.tasks\nqueues: [emails]\nconcurrency: 4\nmax_workers: 1\n"

Load = Callable[[str], Config]


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load a text as ./autoscaler.yaml."""
    monkeypatch.chdir(tmp_path)

    def load_text(text: str) -> Config:
        Path("autoscaler.yaml").write_text(text)
        return load(Path("autoscaler.yaml"), ENVIRON)

    return load_text


@pytest.fixture
def problems(loaded: Load) -> Callable[[str], list[str]]:
    """List the problems of a text, without the name of the file."""

    def list_problems(text: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            loaded(text)
        assert caught.value.__context__ is None  # an earlier exception could hold a password
        return [str(problem).removeprefix("autoscaler.yaml:") for problem in caught.value.problems]

    return list_problems


def fleet(keys: str) -> str:
    """Write a file whose one fleet has its required keys in lines 4..7 and `keys` from line 8 on."""
    return HEAD + textwrap.indent(FLEET + keys, "    ")


def test_the_style_guide_s_example_comes_out_to_the_letter(loaded: Load) -> None:
    text = CONTRACT.replace("dry_run: false\n\n", "").replace("  listen: 127.0.0.1:8085\n", "")
    text = text.replace("state_dir: /var/lib/autoscaler\n", "").replace("polling_interval: 2s\n", "")
    text = text.replace("min_workers: 1\n", "min_workers: 9\n")
    text = text.replace("max_workers: 12", "max_workers: 4")
    with pytest.raises(ConfigError) as caught:
        loaded(text)
    assert (
        str(caught.value) == "autoscaler.yaml:14: fleets.emails.min_workers: 9 is more than max_workers (4)"
    )


FLEET_PROBLEMS = [
    ("min_workrs: 1", "min_workrs: is not a known key; did you mean min_workers?"),
    ("min_workers: 9", "min_workers: 9 is more than max_workers (1)"),
    ("min_workers: -1", "min_workers: -1 is less than 0"),
    ("min_workers: one", "min_workers: must be a whole number, not 'one' (text)"),
    ("min_workers: 1.0", "min_workers: must be a whole number, not 1.0 (a number)"),
    ("min_workers: true", "min_workers: must be a whole number, not true (true or false)"),
    ("min_workers: 010", "min_workers: 010 is not a plain decimal number; quote it if it is meant as text"),
    ("min_workers: 1:30", "min_workers: 1:30 is not a plain decimal number; quote it if it is meant as text"),
    ("min_workers: .nan", "min_workers: .nan is not a plain decimal number; quote it if it is meant as text"),
    ("min_workers: null", "min_workers: must be a whole number, not null (nothing)"),
    (
        "min_workers: 0",
        "scale: is missing: max_wait, backlog_per_worker, threshold or schedule must decide "
        "between min_workers (0) and max_workers (1)",
    ),
    (
        "min_workers: 0\nscale: {}",
        "scale: has no policy: max_wait, backlog_per_worker, threshold or schedule must decide "
        "between min_workers (0) and max_workers (1)",
    ),
    ("scale: {max_wait: 0s}", "scale.max_wait: must be more than 0, not 0"),
    (
        "scale: {max_wait: 30}",
        "scale.max_wait: 30 has no unit; write a duration such as 30s, 2m or 1h30m",
    ),
    ("scale: {schedule: []}", "scale.schedule: is an empty list; at least one is needed"),
    ("scale: {schedule: {}}", "scale.schedule: must be a list, not a mapping"),
    ("scale: {schedule: [1]}", "scale.schedule[0]: must be a mapping of keys to values, not 1 (a number)"),
    (
        "scale: {schedule: [{cron: '0 8 * * *', min_workers: 1}]}",
        "scale.schedule[0].for: is missing: how long it lasts, such as 10h",
    ),
    (
        "scale: {schedule: [{for: 1h, min_workers: 1}]}",
        "scale.schedule[0].cron: is missing: when it begins, as crontab has it: '0 8 * * mon-fri'",
    ),
    (
        "scale: {schedule: [{cron: '0 8 * * *', for: 1h, min_workers: 1, timezon: UTC}]}",
        "scale.schedule[0].timezon: is not a known key; did you mean timezone?",
    ),
    (
        "scale: {schedule: [{cron: '0 8 * * *', for: 1h, min_workers: 1, lasts: 1h}]}",
        "scale.schedule[0].lasts: is not a known key; known here are cron, for, min_workers, timezone",
    ),
    (
        "scale: {schedule: [{cron: '0 8 * * *', for: 1h, min_workers: 2}]}",
        "scale.schedule[0].min_workers: 2 is more than max_workers (1)",
    ),
    (
        "scale: {schedule: [{cron: '0 25 * * *', for: 1h, min_workers: 1}]}",
        "scale.schedule[0].cron: '0 25 * * *' is not a cron expression: hour is wrong in "
        "minute hour day-of-month month day-of-week",
    ),
    (
        "scale: {schedule: [{cron: '8 * * *', for: 1h, min_workers: 1}]}",
        "scale.schedule[0].cron: '8 * * *' is not a cron expression: it has five fields, "
        "minute hour day-of-month month day-of-week",
    ),
    (
        "scale: {schedule: [{cron: '0 0 30 2 *', for: 1h, min_workers: 1}]}",
        "scale.schedule[0].cron: '0 0 30 2 *' is not a cron expression: day-of-month is wrong in "
        "minute hour day-of-month month day-of-week",
    ),
    (
        "scale: {schedule: [{cron: '0 8 * * *', for: 1h, min_workers: 1, timezone: Europe/Berlim}]}",
        "scale.schedule[0].timezone: 'Europe/Berlim' is not a known time zone; did you mean Europe/Berlin?",
    ),
    (
        "scale: {schedule: [{cron: '0 8 * * *', for: 1h, min_workers: 1, timezone: ../etc}]}",
        "scale.schedule[0].timezone: '../etc' is not a known time zone; write it as Europe/Berlin or UTC",
    ),
    ("scale: {backlog_per_worker: 0}", "scale.backlog_per_worker: must be more than 0, not 0"),
    ("scale: {treshold: 1}", "scale.treshold: is not a known key; did you mean threshold?"),
    ("scale: {threshold: {up: 5, down: 5}}", "scale.threshold.down: 5 is not less than up (5)"),
    (
        "scale: {threshold: {up: 5}}",
        "scale.threshold.down: is missing: fewer waiting tasks than this take workers away; less than up",
    ),
    (
        "scale: {threshold: {up: 5, down: 1, up_after: 3}}",
        "scale.threshold.up_after: 3 has no unit; write a duration such as 30s, 2m or 1h30m",
    ),
    ("pool: solo", "pool: solo runs one task at a time, but concurrency is 4"),
    ("pool: fork", "pool: 'fork' is not one of prefork, threads, gevent, eventlet or solo"),
    (
        "celery: venv/bin/celery",
        "celery: 'venv/bin/celery' is neither a command's name nor its absolute path, "
        "such as /srv/venv/bin/celery",
    ),
    ("directory: srv/shop", "directory: 'srv/shop' is not an absolute path; it must start with /"),
    (
        "directory: ~",
        "directory: YAML reads ~ as nothing; write null for that, or quote it if it is meant as text",
    ),
    ("directory:", "directory: has no value"),
    ("user: on", "user: YAML reads on as true or false; quote it if it is meant as text"),
    ("user: 1000", "user: YAML reads 1000 as a number; quote it if it is meant as text"),
    ("user: -x y", "user: '-x y' is not a user name: letters, digits, and ., _, @ or - behind the first"),
    ("environment: {A B: x}", "environment.A B: 'A B' is not a variable name: letters, digits and _, "
     "not starting with a digit"),
    ("environment: {PW: 12345}", "environment.PW: YAML reads this value as a number; "
     "quote it if it is meant as text"),
    ("environment: {PW: 012345}", "environment.PW: this value is not a plain decimal number; "
     "quote it if it is meant as text"),
    (
        'environment: {PW: "a\\u2028b"}',
        "environment.PW: holds the character U+2028; control characters and line breaks are not allowed",
    ),
    ("environment: {PW: 'a ;b'}", "environment.PW: holds ; or # after white space, "
     "where supervisord would cut it off"),
    ("environment: {PW: 'a''\"b'}", "environment.PW: holds both kinds of quotes, "
     "which supervisord cannot read"),
    ("environment: {PW: 'x\"'}", "environment.PW: starts or ends with a quote, "
     "which supervisord would strip"),
    ("directory: '/srv/%(here)s'", "directory: holds %(here)s, which supervisord would replace"),
    (
        'log_dir: "/var\\nuser=root"',
        "log_dir: holds the character U+000A; control characters and line breaks are not allowed",
    ),
    ("stabilization: 5", "stabilization: 5 has no unit; write a duration such as 30s, 2m or 1h30m"),
    (
        "stabilization: 5 min",
        "stabilization: '5 min' is not a duration; write it as 500ms, 30s, 2m, 1h, 1d or 1h30m",
    ),
    ("stabilization: 400d", "stabilization: '400d' is more than 366d"),
    ("tolerance: 1.5", "tolerance: 1.5 is more than 1"),
    ("max_scale_up: 4", "max_scale_up: 4 has no unit; write a rate such as 4/15s"),
    ("max_scale_up: 15s", "max_scale_up: '15s' is not a rate; write workers per duration, as 4/15s"),
    (
        "max_scale_up: 0/15s",
        "max_scale_up: '0/15s' would never let the fleet change: at least one worker in more than 0s",
    ),
    ("drain_timeout: 0s", "drain_timeout: must be more than 0, not 0"),
    ("fallback: {workers: 2, after: 1m}", "fallback.workers: 2 is more than max_workers (1)"),
    ("fallback: {workers: 0, after: 1m}", "fallback.workers: 0 is less than min_workers (1)"),
    ("fallback: {workers: 1}", "fallback.after: is missing: how long the demand must have been unknown"),
    ("fallback: 1", "fallback: must be a mapping of keys to values, not 1 (a number)"),
    ("dry_run: 'no'", "dry_run: must be true or false, not 'no' (text)"),
    ("user: !!python/name:os.system x", "user: the tag !!python/name:os.system is not supported"),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "expected"), FLEET_PROBLEMS)
def test_a_wrong_key_of_a_fleet_is_told_with_line_value_and_rule(
    problems: Callable[[str], list[str]], keys: str, expected: str
) -> None:
    text = fleet(keys)
    # Line 8, but a missing key is told where its fleet is, and what was put on a line of its own there.
    line = 9 if "\n" in keys else 3 if expected.startswith("scale: is missing") else 8
    assert problems(text) == [f"{line}: fleets.emails.{expected}"]


@pytest.mark.parametrize(
    ("word", "named"),
    [
        ("-A shop", "-A"),
        ("--app=shop", "--app"),
        ("-n x", "-n"),
        ("--hostname x", "--hostname"),
        ("-Qa,b", "-Q"),
        ("--queues a", "--queues"),
        ("-X a", "-X"),
        ("-c8", "-c"),
        ("-Ec8", "-c"),
        ("--concurrency=8", "--concurrency"),
        ("-P solo", "-P"),
        ("--pool=solo", "--pool"),
        ("--autoscale=4,1", "--autoscale"),
        ("-D", "-D"),
        ("--detach", "--detach"),
        ("--pidfile=/x", "--pidfile"),
        ("-bamqp://u:s3cret@mq", "-b"),
        ("--broker=amqp://u:s3cret@mq", "--broker"),
        ("-B", "-B"),
        ("--purge", "--purge"),
    ],
)
@pytest.mark.parametrize("form", ["as a text", "as a list"])
def test_options_that_are_ours_are_refused_with_the_reason(
    problems: Callable[[str], list[str]], word: str, named: str, form: str
) -> None:
    value = (
        f"-l INFO {word}"
        if form == "as a text"
        else f"[-l, INFO, {', '.join(repr(w) for w in word.split())}]"
    )
    (problem,) = problems(fleet(f"options: {value}"))
    assert problem.startswith(f"8: fleets.emails.options[2]: {named} cannot be given: ")
    assert "s3cret" not in problem


@pytest.mark.parametrize(
    ("queues", "expected"),
    [
        ("emails", ": must be a list, not 'emails' (text)"),
        ("[]", ": is an empty list; at least one is needed"),
        ("[a, b, a]", ": 'a' is listed twice"),
        (
            "['a,b']",
            "[0]: 'a,b' holds a comma, at which celery -Q would split it; list the queues one by one",
        ),
        ("[ok, '']", "[1]: is empty"),
        ("[1]", "[0]: YAML reads 1 as a number; quote it if it is meant as text"),
        ("[on]", "[0]: YAML reads on as true or false; quote it if it is meant as text"),
        (f"[{'é' * 128}]", f"[0]: '{'é' * 119}…' is longer than 255 bytes"),
    ],
)
def test_queue_names_are_checked(problems: Callable[[str], list[str]], queues: str, expected: str) -> None:
    text = fleet("").replace("[emails]", queues)
    assert problems(text) == [f"5: fleets.emails.queues{expected}"]


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("emails-01", "'emails-01' ends in a number as worker names do (emails-01); choose another name"),
        ("1st", "'1st' is not a fleet name: a letter, then letters, digits, - or _, at most 40 characters"),
        ("a b", "'a b' is not a fleet name: a letter, then letters, digits, - or _, at most 40 characters"),
        (
            "x" * 41,
            f"'{'x' * 41}' is not a fleet name: "
            "a letter, then letters, digits, - or _, at most 40 characters",
        ),
    ],
)
def test_fleet_names_that_could_clash_are_refused(
    problems: Callable[[str], list[str]], name: str, rule: str
) -> None:
    assert problems(fleet("").replace("  emails:", f"  {name}:")) == [f"3: fleets.{name}: {rule}"]


TOP_PROBLEMS = [
    ("polling_intervall: 2s", "polling_intervall: is not a known key; did you mean polling_interval?"),
    ("polling_interval: 2", "polling_interval: 2 has no unit; write a duration such as 30s, 2m or 1h30m"),
    ("polling_interval: 50ms", "polling_interval: 0.05s is less than 0.1s"),
    ("state_dir: lib", "state_dir: 'lib' is not an absolute path; it must start with /"),
    ("host: {reserve_memory: 5}", "host.reserve_memory: 5 has no unit; write a size such as 512MiB or 1GiB"),
    (
        "host: {reserve_memory: 5 GB}",
        "host.reserve_memory: '5 GB' is not a size; write it as 512MiB, 1GiB, 1GB or 100KiB",
    ),
    ("host:", "host: has no value"),
    ("console: {token: abcdefgh}", "console.token: has less than 16 characters, so it could be guessed; "
     "`openssl rand -hex 32` makes one"),
    ("console: {token: {ci: a b}}", "console.token: holds something else than visible ASCII characters"),
    (
        "console: {listen: 0.0.0.0:8085}",
        "console.listen: '0.0.0.0:8085' is not a loopback address: it needs token:; "
        "or use 127.0.0.1:8085",
    ),
    ("console: {listen: 8085}", "console.listen: YAML reads 8085 as a number; "
     "quote it if it is meant as text"),
    ("console: {listen: localhost}", "console.listen: 'localhost' is not host:port; "
     "write it as 127.0.0.1:8085"),
    (
        f"console: {{socket: /{'x' * 107}}}",
        f"console.socket: '/{'x' * 107}' has 108 bytes; the path of a socket has at most 107",
    ),
    (
        "supervisord: {programs_file: x.conf}",
        "supervisord.programs_file: 'x.conf' is not an absolute path; it must start with /",
    ),
    ("broker: {url: 'amqp://mq'}", "broker: is given twice, first in line 1"),
    ("on: 1", "the key 'on' must be text; quote it if it is meant so"),
    ("defaults: []", "defaults: must be a mapping of keys to values"),
    ("defaults: {name: x}", "defaults.name: is not a known key; known here are app, queues, concurrency, "
     "max_workers, min_workers, scale, pool, celery, directory, user, environment, options, log_dir, "
     "pid_dir, stabilization, tolerance, max_scale_up, max_scale_down, drain_timeout, drain_on_timeout, "
     "fallback, dry_run"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), TOP_PROBLEMS)
def test_a_wrong_key_at_the_top_is_told(
    problems: Callable[[str], list[str]], line: str, expected: str
) -> None:
    assert problems(fleet("") + line + "\n") == [f"8: {expected}"]


def test_all_problems_come_at_once_in_the_order_of_the_lines(problems: Callable[[str], list[str]]) -> None:
    text = """\
broker: {}
polling_interval: 2
fleets:
  emails:
    queues: [emails]
    concurrency: 0
    min_workers: 9
    max_workers: 4
    colour: red
  images: {app: shop, queues: [i], concurrency: 2, max_workers: 1, pool: solo}
  videos: []
"""
    assert problems(text) == [
        "1: broker.url: is missing; give url, such as amqp://user:password@host:5672//, or url_file",
        "2: polling_interval: 2 has no unit; write a duration such as 30s, 2m or 1h30m",
        "4: fleets.emails.app: is missing: the app, as celery -A takes it",
        "6: fleets.emails.concurrency: 0 is less than 1",
        "7: fleets.emails.min_workers: 9 is more than max_workers (4)",
        "9: fleets.emails.colour: is not a known key; known here are app, queues, concurrency, max_workers, "
        "min_workers, scale, pool, celery, directory, user, environment, options, log_dir, "
        "pid_dir, stabilization, tolerance, max_scale_up, max_scale_down, drain_timeout, drain_on_timeout, "
        "fallback, dry_run",
        "10: fleets.images.pool: solo runs one task at a time, but concurrency is 2",
        "11: fleets.videos: must be a mapping of keys to values, not a list",
    ]


def test_missing_sections_are_told(problems: Callable[[str], list[str]]) -> None:
    assert problems("dry_run: true") == [
        "1: broker: is missing: where the queues are",
        "1: fleets: is missing: the fleets by name; {} for none",
    ]


def test_a_wrong_default_is_told_once_at_its_own_line(problems: Callable[[str], list[str]]) -> None:
    text = """\
broker: {url: 'amqp://mq//'}
defaults:
  app: shop
  concurrency: 1
  min_workers: 5
  stabilization: 3
fleets:
  a: {queues: [a], max_workers: 4}
  b: {queues: [b], max_workers: 5}
"""
    assert problems(text) == [
        "5: fleets.a.min_workers: 5 is more than max_workers (4); min_workers comes from defaults",
        "6: defaults.stabilization: 3 has no unit; write a duration such as 30s, 2m or 1h30m",
    ]


def test_two_defaults_that_contradict_are_told_once(problems: Callable[[str], list[str]]) -> None:
    text = """\
broker: {url: 'amqp://mq//'}
defaults: {app: shop, concurrency: 1, max_workers: 4, min_workers: 5}
fleets:
  a: {queues: [a]}
  b: {queues: [b]}
"""
    assert problems(text) == ["2: defaults.min_workers: 5 is more than max_workers (4)"]


def test_a_problem_behind_an_alias_is_told_where_it_is_written(problems: Callable[[str], list[str]]) -> None:
    text = """\
broker: {url: 'amqp://mq//'}
fleets:
  emails: &emails
    app: shop
    queues: [emails]
    concurrency: 1
    max_workers: &many 2000
  images:
    <<: *emails
    max_workers: *many
    queues: [1]
"""
    rule = "max_workers: 2000 is more than 999: worker names have at most three digits"
    assert problems(text) == [
        f"7: fleets.emails.{rule}",
        f"7: fleets.images.{rule}",
        "11: fleets.images.queues[0]: YAML reads 1 as a number; quote it if it is meant as text",
    ]
