"""`check --connect` on real services: what is right is found right, and each thing that is wrong is named."""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from autoscaler.cli import main
from autoscaler.supervisord.client import Supervisord
from autoscaler.supervisord.program_file import ProgramFile
from autoscaler.tools.demo.services import SupervisordInstance

CELERY = str(Path(sys.executable).parent / "celery")


@pytest.fixture
def check(short_folder: Path) -> Callable[..., tuple[int, dict[str, dict[str, Any]]]]:
    """Run the check of a config; returns its exit code and its findings by what they are about."""

    def _check(config: dict[str, Any]) -> tuple[int, dict[str, dict[str, Any]]]:
        path = short_folder / "autoscaler.yaml"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config))
        result = CliRunner().invoke(main, ["check", "--connect", "--json", "--config", str(path)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, {each["about"]: each for each in json.loads(result.output)["findings"]}

    return _check


@pytest.fixture
def config(short_folder: Path, vhost: Any, supervisord: Any) -> dict[str, Any]:
    """A config that is right, if its queue exists."""
    fleet = {
        "app": "autoscaler.examples.shop",
        "queues": ["emails"],
        "concurrency": 2,
        "max_workers": 3,
        "scale": {"max_wait": "30s"},
        "celery": CELERY,
        "directory": str(short_folder),
        "environment": {"CELERY_BROKER_URL": vhost.amqp_url},
    }
    if os.geteuid() == 0:
        fleet["user"] = "root"
    return {
        "broker": {"url": vhost.amqp_url, "management_url": vhost.management_url},
        "supervisord": {"url": supervisord.url, "programs_file": str(supervisord.programs_file)},
        "console": {"socket": str(short_folder / "a.sock")},
        "state_dir": str(short_folder / "state"),
        "host": {"reserve_memory": "1MiB"},
        "fleets": {"emails": fleet},
    }


def test_what_is_right_is_found_right(check: Any, config: dict[str, Any], rabbitmq: Any, vhost: Any) -> None:
    queue = {"durable": True, "arguments": {"x-queue-type": "quorum", "x-delivery-limit": 2}}
    rabbitmq.manage("PUT", f"queues/{vhost.name}/emails", queue)
    code, found = check(config)
    assert code == 0, found
    right = ["supervisord", "include", "minfds", "programs_file", "state_dir", "broker", "remote control"]
    right += [
        "management_url",
        "clock",
        "vhost",
        "queue emails",
        "emails: celery",
        "memory",
        "secrets",
        "TERM",
    ]
    assert {about: found[about]["level"] for about in right} == dict.fromkeys(right, "ok")
    assert found["queue emails: delivery limit"]["level"] == "warning"
    assert "8 messages (by the app's" in found["emails: prefetch"]["seen"]
    assert not Path(config["state_dir"]).exists()


@pytest.mark.parametrize(
    ("break_it", "about", "seen", "todo"),
    [
        pytest.param(
            lambda c, n: c["supervisord"].update(programs_file=c["state_dir"] + ".conf"),
            *("include", "does not cover", "[include] files ="),
            id="include",
        ),
        pytest.param(
            lambda c, n: c["fleets"]["emails"].update(app="no.such.app"),
            *("emails: app", "No module named 'no'", "celery -A no.such.app report"),
            id="app",
        ),
        pytest.param(
            lambda c, n: c["fleets"]["emails"].update(celery="no-such-celery"),
            *("emails: celery", "supervisord's PATH", "{celery: "),
            id="celery",
        ),
        pytest.param(
            lambda c, n: c["fleets"]["emails"].update(user="nosuchuser"),
            *("emails: user", "there is no user nosuchuser", "useradd"),
            id="user",
        ),
        pytest.param(
            lambda c, n: c["broker"].update(url=_as(n, "reader", "/"), management_url=_api(n, "stranger")),
            *("management_url", "has no tag", "set_user_tags stranger monitoring"),
            id="tag",
        ),
        pytest.param(
            lambda c, n: c["broker"].update(management_url=_api(n, "stranger:wrong")),
            *("management_url", "password is wrong", "broker.management_url"),
            id="password",
        ),
        pytest.param(
            lambda c, n: c["broker"].update(url=_as(n, "reader", "/"), management_url=_api(n, "reader")),
            *("remote control", "ACCESS_REFUSED", "set_permissions -p / reader"),
            id="permissions",
        ),
        pytest.param(
            lambda c, n: c["broker"].update(url=n.url_of("nowhere"), management_url=n.management_url),
            *("broker", "vhost nowhere not found", "add_vhost nowhere"),
            id="vhost",
        ),
        pytest.param(
            lambda c, n: c["fleets"]["emails"].update(max_workers=999, min_workers=1),
            *("minfds", "may open", "minfds="),
            id="minfds",
        ),
    ],
)
def test_each_thing_that_is_wrong_is_named_with_what_to_do(
    check: Any,
    config: dict[str, Any],
    rabbitmq: Any,
    supervisord: Any,
    break_it: Any,
    about: str,
    seen: str,
    todo: str,
) -> None:
    rabbitmq.manage("PUT", "users/stranger", {"password": "p@ss:w/rd%", "tags": ""})
    rabbitmq.manage("PUT", "users/reader", {"password": "p@ss:w/rd%", "tags": "monitoring"})
    rabbitmq.manage("PUT", "permissions/%2F/reader", {"configure": "^$", "write": "", "read": ".*"})
    if about == "minfds":
        resource.prlimit(supervisord.pid, resource.RLIMIT_NOFILE, (1024, 4096))
    break_it(config, rabbitmq)
    code, found = check(config)
    assert code == 1, found
    assert found[about]["level"] == "error"
    assert seen in found[about]["seen"]
    assert todo in found[about]["todo"]
    assert "p@ss:w/rd%" not in json.dumps(found)


@pytest.mark.parametrize(
    ("where", "own", "level"),
    [
        ("its environment", {}, "warning"),
        ("a process", {}, "warning"),
        ("its environment", {"REMAP_SIGTERM": "SIGTERM"}, "ok"),
        ("nowhere", {}, "ok"),
    ],
)
def test_a_supervisord_whose_workers_take_term_for_quit_is_named(
    check: Any,
    config: dict[str, Any],
    short_folder: Path,
    eventually: Any,
    where: str,
    own: dict[str, str],
    level: str,
) -> None:
    remap = {"REMAP_SIGTERM": "SIGQUIT"}
    config["fleets"]["emails"]["environment"] |= own
    with SupervisordInstance(short_folder / "other", remap if where == "its environment" else {}) as other:
        config["supervisord"] = {"url": other.url, "programs_file": str(other.programs_file)}
        if where == "a process":
            # What stands in the main file's [supervisord] is to be seen there only.
            programs = ProgramFile(other.programs_file)
            command = '[program:emails-01]\ncommand=/bin/sleep 600\nenvironment=REMAP_SIGTERM="SIGQUIT"\n'
            programs.write({"emails-01": command})
            client = Supervisord(other.url)
            client.reload()
            client.add("emails-01")
            pid = eventually(lambda: client.processes()["emails-01"].pid)
            eventually(lambda: b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes())
        _, found = check(config)
    assert found["TERM"]["level"] == level, found["TERM"]
    if level == "warning":
        assert "the workers of emails have REMAP_SIGTERM=SIGQUIT from supervisord" in found["TERM"]["seen"]
        assert "restart supervisord" in found["TERM"]["todo"]


def test_services_that_are_away_are_another_exit_code(check: Any, config: dict[str, Any]) -> None:
    config["supervisord"]["url"] = "unix:///nowhere.sock"
    code, found = check(config)
    assert code == 5
    assert found["supervisord"]["unreachable"]
    assert found["minfds"]["unknown"]


def _as(node: Any, user: str, vhost: str) -> str:
    return f"amqp://{user}:p%40ss%3Aw%2Frd%25@127.0.0.1:{node.port}/{vhost.replace('/', '%2F')}"


def _api(node: Any, user: str) -> str:
    name, _, password = user.partition(":")
    return f"http://{name}:{password or 'p%40ss%3Aw%2Frd%25'}@127.0.0.1:{node.management_port}"
