"""A config file becomes a Config, or all of its problems with file, line, key and rule."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from autoscaler import model
from autoscaler.config import Broker, Config, Fleet, find, load
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


# --- good files ------------------------------------------------------------------------------------------


def test_the_contract_s_example_becomes_a_config(loaded: Load) -> None:
    config = loaded(CONTRACT)
    emails = config.fleets["emails"]

    assert config.broker.url.get_secret_value() == "amqp://guest:guest@localhost:5672//"
    assert config.supervisord.programs_file == Path("/etc/supervisor/conf.d/autoscaler.conf")
    assert config.console.listen == "127.0.0.1:8085"
    assert (config.polling_interval, config.dry_run) == (2.0, False)
    assert config.host.reserve_memory == 1024**3
    assert (emails.name, emails.app, emails.queues) == ("emails", "shop.tasks", ("emails", "newsletters"))
    assert emails.scaling == model.Scaling(
        min_workers=1,
        max_workers=12,
        concurrency=4,
        policies=(
            model.Threshold(up=100, down=10, step=2, up_after=10.0, down_after=120.0),
            model.BacklogPerWorker(target=20.0),
        ),
    )


def test_what_is_left_out_has_its_documented_default(loaded: Load) -> None:
    config = loaded("broker: {url: 'amqp://mq//'}\nfleets: {}\n")

    assert config.fleets == {}
    assert config.supervisord.url.get_secret_value() == "unix:///run/supervisor.sock"
    assert config.console.socket == Path("/run/autoscaler/autoscaler.sock")
    assert config.console.listen is None
    assert config.state_dir == Path("/var/lib/autoscaler")
    assert config.polling_interval == 2.0
    assert config.host.reserve_memory == 1024**3


def test_a_fixed_fleet_needs_no_policy_and_has_the_defaults(loaded: Load) -> None:
    emails = loaded(fleet("")).fleets["emails"]

    assert (emails.min_workers, emails.scale, emails.pool, emails.celery) == (1, None, "prefork", "celery")
    assert (emails.stabilization, emails.tolerance, emails.drain_timeout) == (60.0, 0.1, 3600.0)
    assert (emails.options, dict(emails.environment), emails.dry_run) == ((), {}, False)


def test_every_optional_key_of_a_fleet_is_read(loaded: Load) -> None:
    keys = """\
        pool: threads
        celery: /srv/venv/bin/celery
        directory: /srv/shop
        user: shop
        environment: {PASSWORD: "p w;%"}
        options: -l INFO --prefetch-multiplier 1 -E
        log_dir: /var/log/shop
        stabilization: 1h30m
        tolerance: 0
        max_scale_up: 4/15s
        max_scale_down: 1/1m
        drain_timeout: 1d
        fallback: {workers: 1, after: 500ms}
        dry_run: yes
        """
    emails = loaded(fleet(textwrap.dedent(keys))).fleets["emails"]

    assert emails.options == ("-l", "INFO", "--prefetch-multiplier", "1", "-E")
    assert emails.environment == {"PASSWORD": "p w;%"}
    assert (emails.directory, emails.log_dir) == (Path("/srv/shop"), Path("/var/log/shop"))
    assert (emails.stabilization, emails.drain_timeout, emails.tolerance) == (5400.0, 86400.0, 0.0)
    assert emails.max_scale_up == model.Rate(4, 15.0)
    assert emails.max_scale_down == model.Rate(1, 60.0)
    assert emails.fallback == model.Fallback(1, 0.5)
    assert emails.dry_run


def test_defaults_give_what_a_fleet_lacks_and_are_replaced_whole(loaded: Load) -> None:
    config = loaded(
        """\
broker: {url: 'amqp://mq//'}
defaults:
  app: shop.tasks
  concurrency: 2
  max_workers: 5
  scale: {backlog_per_worker: 10, threshold: {up: 9, down: 1}}
  fallback: {workers: 2, after: 1m}
fleets:
  emails: {queues: [emails]}
  images: {queues: [images], concurrency: 1, scale: {backlog_per_worker: 1}, fallback: null}
"""
    )
    emails, images = config.fleets["emails"], config.fleets["images"]

    assert (emails.app, emails.concurrency, len(emails.scaling.policies)) == ("shop.tasks", 2, 2)
    assert (images.app, images.concurrency) == ("shop.tasks", 1)
    assert images.scaling.policies == (model.BacklogPerWorker(1.0),)
    assert (emails.fallback, images.fallback) == (model.Fallback(2, 60.0), None)


def test_anchors_aliases_and_merge_keys_work(loaded: Load) -> None:
    config = loaded(
        """\
broker: {url: 'amqp://mq//'}
fleets:
  emails: &emails
    app: shop.tasks
    queues: [emails]
    concurrency: &few 2
    max_workers: 1
  images:
    <<: *emails
    queues: [images]
    min_workers: 1
  videos: {<<: [*emails], concurrency: *few, queues: [videos]}
"""
    )

    assert [fleet.queues for fleet in config.fleets.values()] == [("emails",), ("images",), ("videos",)]
    assert {fleet.concurrency for fleet in config.fleets.values()} == {2}


def test_two_fleets_may_read_the_same_queue(loaded: Load) -> None:
    text = fleet("") + "  bulk: {app: shop.tasks, queues: [emails], concurrency: 1, max_workers: 1}\n"
    assert set(loaded(text).fleets) == {"emails", "bulk"}


def test_values_can_be_made_from_python_with_plain_numbers() -> None:
    fleet = Fleet(
        name="emails",
        app="shop",
        queues=("emails",),
        concurrency=1,
        max_workers=1,
        drain_timeout=5,
        max_scale_up=model.Rate(1, 2.0),
        fallback=model.Fallback(1, 3.0),
        directory=Path("/srv"),
    )
    config = Config(broker=Broker(url="amqp://mq/${x}"), fleets={"emails": fleet}, polling_interval=0.2)  # type: ignore[arg-type]

    assert config.fleets["emails"] == fleet
    assert config.broker.vhost == "${x}"


# --- bad files -------------------------------------------------------------------------------------------


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
        "scale: is missing: threshold or backlog_per_worker must decide "
        "between min_workers (0) and max_workers (1)",
    ),
    (
        "min_workers: 0\nscale: {}",
        "scale: has no policy: threshold or backlog_per_worker must decide "
        "between min_workers (0) and max_workers (1)",
    ),
    ("scale: {max_wait: 30s}", "scale.max_wait: is not supported yet"),
    ("scale: {schedule: []}", "scale.schedule: is not supported yet"),
    ("scale: {backlog_per_worker: 0}", "scale.backlog_per_worker: must be more than 0, not 0"),
    ("scale: {treshold: 1}", "scale.treshold: is not a known key; did you mean threshold?"),
    ("scale: {threshold: {up: 5, down: 5}}", "scale.threshold.down: 5 is not less than up (5)"),
    ("scale: {threshold: {up: 5}}", "scale.threshold.down: is missing"),
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
    ("user: -x y", "user: '-x y' is not a user name: no white space, no - in front"),
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
    ("fallback: {workers: 1}", "fallback.after: is missing"),
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
    "options", ["-lINFO -Ofair", "-Isome.Queue.And.App -E", "--prefetch-multiplier=1", "[-l, INFO]"]
)
def test_other_options_pass(loaded: Load, options: str) -> None:
    assert loaded(fleet(f"options: {options}")).fleets["emails"].options


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
        (f"[{'é' * 128}]", f"[0]: '{'é' * 117}...' is longer than 255 bytes"),
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


@pytest.mark.parametrize("name", ["a", "Emails_2", "a-1b", "x" * 40])
def test_other_fleet_names_pass(loaded: Load, name: str) -> None:
    assert list(loaded(fleet("").replace("  emails:", f"  {name}:")).fleets) == [name]


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
    ("console: {token: abc}", "console.token: is not supported yet"),
    (
        "console: {listen: 0.0.0.0:8085}",
        "console.listen: '0.0.0.0:8085' is not a loopback address: it needs token:, "
        "which is not supported yet; use 127.0.0.1:8085",
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
     "stabilization, tolerance, max_scale_up, max_scale_down, drain_timeout, fallback, dry_run"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), TOP_PROBLEMS)
def test_a_wrong_key_at_the_top_is_told(
    problems: Callable[[str], list[str]], line: str, expected: str
) -> None:
    assert problems(fleet("") + line + "\n") == [f"8: {expected}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1: is empty; it needs at least broker: and fleets:"),
        ("# nothing\n", "1: is empty; it needs at least broker: and fleets:"),
        ("- a\n", "1: must be a mapping of keys such as broker and fleets, not a list"),
        ("7", "1: must be a mapping of keys such as broker and fleets, not a number"),
        ("a: 1\n\tb: 2\n", "2: a tab cannot indent; use spaces"),
        ("a: b: c", "1: is not valid YAML: a second ': ' in one line; quote a text that holds one, "
         "and check the indent"),
        ("a: [1\nb: 2\n", "2: is not valid YAML: did not find expected ',' or ']' "
         "(while parsing a flow sequence, which starts in line 1)"),
        ("a: @b", "1: a text cannot start with @; quote it"),
        ("a: 1\n---\nb: 2\n", "2: holds a second YAML document; only one is allowed"),
        ("a: 1\nb: \x07\n", "2: holds the character U+0007, which is not allowed"),
        ("a: 1\nb: \u2028\n", "2: holds the character U+2028, which is not allowed"),
        ("a: &a [*a]", "1: a[0]: holds an alias to itself"),
        ("a: &a\n  <<: *a\n", "1: a: holds an alias to itself"),
        ("[" * 100_000, "1: is nested deeper than 20 levels"),
        ("[" * 21 + "]" * 21, "1: is nested deeper than 20 levels"),
    ],
)  # fmt: skip
def test_what_is_no_yaml_mapping_is_one_problem(
    problems: Callable[[str], list[str]], text: str, expected: str
) -> None:
    assert problems(text) == [expected]


def test_aliases_that_explode_are_refused(problems: Callable[[str], list[str]]) -> None:
    levels = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    (problem,) = problems("\n".join(["a0: &a0 [x]", *levels]))
    assert problem.endswith("its aliases make more than 100000 values")


def test_merge_keys_that_explode_are_refused(problems: Callable[[str], list[str]]) -> None:
    levels = [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 12)]
    (problem,) = problems("\n".join(["a0: &a0 {x: 1}", *levels]))
    assert problem.endswith("its aliases make more than 100000 values")


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
        "stabilization, tolerance, max_scale_up, max_scale_down, drain_timeout, fallback, dry_run",
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


# --- files -----------------------------------------------------------------------------------------------


def test_files_that_cannot_be_read_are_one_problem_each(tmp_path: Path) -> None:
    latin, large = tmp_path / "latin.yaml", tmp_path / "large.yaml"
    latin.write_bytes("a: 1\nb: é\n".encode("latin-1"))
    large.write_bytes(b"#" * (1024**2 + 1))
    cases = {
        tmp_path / "none.yaml": "1: there is no such file",
        tmp_path: "1: is a folder, not a file",
        Path("/dev/zero"): "1: is not a regular file",
        latin: "2: is not UTF-8: byte 0xE9",
        large: "1: is larger than 1048576 bytes",
    }
    for path, expected in cases.items():
        with pytest.raises(ConfigError) as caught:
            load(path, {})
        assert str(caught.value) == f"{path}:{expected}"


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "autoscaler.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + CONTRACT.replace("\n", "\r\n").encode())
    assert load(path, {}).fleets["emails"].max_workers == 12


def test_the_file_is_looked_for_in_the_documented_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given, said = tmp_path / "given.yaml", tmp_path / "said.yaml"
    for path in (given, said):
        path.touch()

    with pytest.raises(ConfigError, match=r"neither --config nor \$AUTOSCALER_CONFIG is given, and neither "):
        find(None, {"AUTOSCALER_CONFIG": ""})
    Path("autoscaler.yaml").touch()
    assert find(None, {}) == Path("autoscaler.yaml")
    assert find(None, {"AUTOSCALER_CONFIG": str(said)}) == said
    assert find(given, {"AUTOSCALER_CONFIG": str(said)}) == given


def test_a_file_that_was_asked_for_and_is_missing_is_not_replaced_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("autoscaler.yaml").touch()
    with pytest.raises(ConfigError, match=r"none.yaml:1: there is no such file \(given by --config\)"):
        find(Path("none.yaml"), {})
    with pytest.raises(
        ConfigError, match=r"none.yaml:1: there is no such file \(given by \$AUTOSCALER_CONFIG\)"
    ):
        find(None, {"AUTOSCALER_CONFIG": "none.yaml"})
