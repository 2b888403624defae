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
      max_wait: 30s
      schedule:
        - {cron: "0 8 * * mon-fri", for: 10h, min_workers: 6, timezone: Europe/Berlin}
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
            model.MaxWait(wait=30.0),
            model.Threshold(up=100, down=10, step=2, up_after=10.0, down_after=120.0),
            model.BacklogPerWorker(target=20.0),
            model.Schedule("0 8 * * mon-fri", lasts=36000.0, min_workers=6, timezone="Europe/Berlin"),
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


@pytest.mark.parametrize(
    "options", ["-lINFO -Ofair", "-Isome.Queue.And.App -E", "--prefetch-multiplier=1", "[-l, INFO]"]
)
def test_other_options_pass(loaded: Load, options: str) -> None:
    assert loaded(fleet(f"options: {options}")).fleets["emails"].options


@pytest.mark.parametrize("name", ["a", "Emails_2", "a-1b", "x" * 40])
def test_other_fleet_names_pass(loaded: Load, name: str) -> None:
    assert list(loaded(fleet("").replace("  emails:", f"  {name}:")).fleets) == [name]


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
